"""What an environment on AWS needs of the account and its region, looked up before anything is made.

Each fault is one line. Only what can be read is looked at; nothing is made or changed. Credentials,
profile and AWS_ENDPOINT_URL are the environment's, as for pulumi-aws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import catalogue
from infra.cloud import Aws
from infra.environment import Environment
from infra.topology import Topology

#: Deadlines (s) and attempts of every call to AWS that the kit itself makes.
CONFIG = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
#: Code of the quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", counted in vCPUs.
STANDARD_VCPUS = "L-1216C47A"
_KEY = "flashtier:environment.aws"


def faults(topology: Topology, environment: Environment) -> list[str]:
    """Faults of the environment in this account, one line each; empty where all is there."""
    assert environment.aws is not None  # noqa: S101 - the environment's model wants it for platform aws
    settings = environment.aws
    session = boto3.Session(region_name=settings.region)
    try:
        session.client("sts", config=CONFIG).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return [
            f"the AWS account: {said(error)}; sign in, so that `aws sts get-caller-identity` answers, "
            f"and see that the region {settings.region} can be reached"
        ]
    ec2, quotas = (session.client(name, config=CONFIG) for name in ("ec2", "service-quotas"))
    found: list[str] = []
    looks: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
        (f"{_KEY}.zones", lambda: zone_faults(ec2, settings)),
        ("the instance types", lambda: type_faults(ec2, topology, settings)),
        (f"{_KEY}.images", lambda: image_faults(ec2, topology, settings)),
        (
            "the quota of vCPUs",
            lambda: quota_faults(quotas, topology),
        ),
    )
    for what, look in looks:
        try:
            found.extend(look())
        except (BotoCoreError, ClientError) as error:
            found.append(f"{what}: cannot be looked up: {said(error)}; give this user the right to read it")
    return found


def zone_faults(ec2: Any, settings: Aws) -> Iterator[str]:  # noqa: ANN401 - boto3 has no types
    """Zones that the account does not have."""
    known = {
        zone["ZoneName"]
        for zone in ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])[
            "AvailabilityZones"
        ]
    }
    for zone in settings.zones:
        if zone not in known:
            yield f"{_KEY}.zones: {zone} is not available to this account; it has {', '.join(sorted(known))}"


def type_faults(ec2: Any, topology: Topology, settings: Aws) -> Iterator[str]:  # noqa: ANN401
    """Instance types that a zone does not offer where a host of that type lies."""
    wanted = sorted({(host.instance_type or "", host.zone or "") for host in topology.hosts})
    types = sorted({kind for kind, _ in wanted})
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": types}]
    )
    offers = (offer for page in pages for offer in page["InstanceTypeOfferings"])
    offered = {(offer["InstanceType"], offer["Location"]) for offer in offers}
    for kind, zone in wanted:
        if (kind, zone) not in offered:
            others = sorted(place for name, place in offered if name == kind)
            yield (
                f"instance type {kind}: {zone} does not offer it; take another type, or zones among "
                f"{', '.join(others) or f'those of another region than {settings.region}'}"
            )


def image_faults(ec2: Any, topology: Topology, settings: Aws) -> Iterator[str]:  # noqa: ANN401
    """Pinned images that are missing, gone, or of another architecture."""
    needed = architectures(topology)
    fix = f"run `flashtier image -s {topology.stack}`"
    pinned = {architecture: settings.images.get(architecture) for architecture in needed}
    for architecture, image in pinned.items():
        if not image:
            yield f"{_KEY}.images.{architecture}: is missing; {fix}"
    ids = sorted({image for image in pinned.values() if image})
    if not ids:
        return
    answer = ec2.describe_images(Filters=[{"Name": "image-id", "Values": ids}], IncludeDeprecated=True)
    known = {image["ImageId"]: image for image in answer["Images"]}
    for architecture, image in pinned.items():
        if image and image not in known:
            yield f"{_KEY}.images.{architecture}: {image} is not in {settings.region}; {fix}"
        elif image and (its := known[image].get("Architecture", "an unknown one")) != architecture:
            yield f"{_KEY}.images.{architecture}: {image} is for {its}; {fix}"


def architectures(topology: Topology) -> list[catalogue.Architecture]:
    """Those of the hosts' instance types: each needs an image."""
    return sorted({catalogue.find(host.instance_type or "").architecture for host in topology.hosts})


def quota_faults(quotas: Any, topology: Topology) -> Iterator[str]:  # noqa: ANN401
    """More vCPUs than the account may run at once. What runs already in the account is not counted."""
    needed = sum(host.size.vcpus for host in topology.hosts)
    try:
        allowed = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=STANDARD_VCPUS)["Quota"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchResourceException":
            return  # a partition that counts otherwise
        raise
    if needed > allowed:
        yield (
            f"the environment takes {needed} vCPUs and the account may run {allowed:.0f} (quota "
            f"{STANDARD_VCPUS}); ask AWS for more in Service Quotas, or declare fewer or smaller hosts"
        )


def said(error: Exception) -> str:
    """What an error of boto3 says, in one line."""
    return " ".join(str(error).split())
