"""What an environment on AWS needs of the account and its region, asked before anything is made.

Each fault is one line, and all are reported at once: the questions run in parallel. They only read; nothing
is made or changed. Credentials, profile and AWS_ENDPOINT_URL are the environment's, as for pulumi-aws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import catalogue
from infra.aws.devices import ROOT_DEVICE
from infra.aws.preflight.account_use import Account
from infra.aws.preflight.domain import authority_faults, delegation_faults, domain_faults
from infra.aws.preflight.public_dns import VARIABLE, NoAnswer
from infra.aws.preflight.quotas import Quota, quota_faults, quotas_of
from infra.aws.preflight.seats import moved
from infra.environment import Environment
from infra.environment.aws import Aws
from infra.topology import Topology

#: Deadlines (s) and attempts of every call to AWS that the kit itself makes.
CONFIG = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
#: Questions that are under way at a time.
MOST_AT_ONCE = 16
_KEY = "flashtier:environment.aws"


@dataclass(frozen=True)
class Findings:
    """One line each. `warnings` are what could not be asked and what an update would say itself."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """`faults` are those of the account in `what`. Not `required`: no answer is a warning, not a fault."""

    what: str
    faults: Callable[[], Iterator[str]]
    required: bool = True

    def all(self) -> list[str]:
        return list(self.faults())


def ask(topology: Topology, environment: Environment) -> Findings:
    """What is wrong with the account for this environment; empty where all is there."""
    assert environment.aws is not None  # noqa: S101 - the environment's model wants it for platform aws
    settings = environment.aws
    core = botocore.session.get_session()
    session = boto3.Session(botocore_session=core, region_name=settings.region)
    try:
        home = home_region(core, settings.region)
        # A session makes clients for one thread at a time; the clients are for several.
        ec2, elb, route53, quotas, sts = (
            session.client(name, config=CONFIG)
            for name in ("ec2", "elbv2", "route53", "service-quotas", "sts")
        )
        at_home = session.client("ec2", region_name=home, config=CONFIG)
    except BotoCoreError as error:
        return Findings((f"{_KEY}.region: {settings.region}: {said(error)}; name a region of AWS",))
    account, domain = Account(ec2, elb, topology.stack), settings.domain
    questions = (
        Question(f"{_KEY}.zones", lambda: zone_faults(ec2, settings)),
        Question("the hosts of the environment", lambda: moved(account.hosts(), topology, environment)),
        Question("the instance types", lambda: type_faults(ec2, topology, settings)),
        Question(f"{_KEY}.images", lambda: image_faults(ec2, topology, settings)),
        Question(f"{_KEY}.domain", lambda: domain_faults(route53, domain)),
        Question(f"{_KEY}.domain in public DNS", lambda: delegation_faults(route53, domain), required=False),
        Question(f"{_KEY}.domain in public DNS", lambda: authority_faults(domain), required=False),
        *(_quota_question(quotas, quota) for quota in quotas_of(topology, environment, account)),
    )
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        identity = pool.submit(sts.get_caller_identity)
        region = pool.submit(Question("the region", lambda: region_faults(at_home, settings.region)).all)
        found = [(one, pool.submit(one.all)) for one in questions]
    # The other answers would only repeat in their own words what these two say. Where `home` may not be
    # asked, the region's own answers show that it is enabled.
    if not _refused(region) and (faults := region.result()):
        return Findings(tuple(faults))
    if unknown := _refused(identity):
        return Findings(
            (
                f"the AWS account: {said(unknown)}; sign in, so that `aws sts get-caller-identity` answers, "
                f"and see that the region {settings.region} can be reached",
            )
        )
    return _summed(found)


def _refused(answer: Future[Any]) -> BotoCoreError | ClientError | NoAnswer | None:
    """Why there is no answer; None where there is one, or a fault of ours, which the result raises."""
    error = answer.exception()
    return error if isinstance(error, BotoCoreError | ClientError | NoAnswer) else None


def _quota_question(quotas: Any, quota: Quota) -> Question:  # noqa: ANN401 - boto3 has no types
    return Question(f"quota {quota.name}", lambda: quota_faults(quotas, quota), required=False)


def _summed(found: list[tuple[Question, Future[list[str]]]]) -> Findings:
    faults: list[str] = []
    warnings: list[str] = []
    for one, answer in found:
        if error := _refused(answer):
            fix = (
                f"allow it, or name another resolver in {VARIABLE}"
                if isinstance(error, NoAnswer)
                else "give this user the right to read it"
            )
            (faults if one.required else warnings).append(
                f"{one.what}: cannot be looked up: {said(error)}; {fix}"
            )
        else:
            faults.extend(answer.result())
    return Findings(tuple(faults), tuple(warnings))


def home_region(core: botocore.session.Session, region: str) -> str:
    """The region of the same partition that AWS itself takes for what is not regional: no account opts in to
    it. Raises `BotoCoreError` for a region that is in no partition."""
    partition = core.get_partition_for_region(region)
    known = core.get_component("data_loader").load_data("partitions")["partitions"]
    home: str = next(one["outputs"]["implicitGlobalRegion"] for one in known if one["id"] == partition)
    return home


def region_faults(ec2: Any, region: str) -> Iterator[str]:  # noqa: ANN401 - boto3 has no types
    """A region that AWS does not have, or that the account must enable first. `ec2` is of another region: one
    that is not enabled takes no credentials, and so answers nothing.

    Source: DescribeRegions, OptInStatus, in the API reference of EC2.
    """
    known = {
        one["RegionName"]: one["OptInStatus"] for one in ec2.describe_regions(AllRegions=True)["Regions"]
    }
    if region not in known:
        yield f"{_KEY}.region: {region} is not a region of AWS; it has {', '.join(sorted(known))}"
    elif known[region] == "not-opted-in":
        yield (
            f"{_KEY}.region: {region} is not enabled for this account; run "
            f"`aws account enable-region --region-name {region}` and wait until it is, or take another region"
        )


def zone_faults(ec2: Any, settings: Aws) -> Iterator[str]:  # noqa: ANN401
    """Zones that the account does not have, and Local and Wavelength Zones, which lack services."""
    available = ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])
    kinds = {zone["ZoneName"]: zone["ZoneType"] for zone in available["AvailabilityZones"]}
    known = sorted(zone for zone, kind in kinds.items() if kind == "availability-zone")
    for zone in settings.zones:
        if zone not in kinds:
            yield f"{_KEY}.zones: {zone} is not available to this account; it has {', '.join(known)}"
        elif zone not in known:
            yield (
                f"{_KEY}.zones: {zone} is a {kinds[zone]}, which has no NAT gateway and no load balancer "
                f"over several zones; take Availability Zones among {', '.join(known)}"
            )


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
    """Pinned images that are missing, gone, or of another account, architecture or root device."""
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
        if not image:
            continue
        key = f"{_KEY}.images.{architecture}: {image}"
        if image not in known:
            yield f"{key} is not in {settings.region}; {fix}"
            continue
        its = known[image]
        if (kind := its.get("Architecture", "an unknown one")) != architecture:
            yield f"{key} is for {kind}; {fix}"
        if (owner := its.get("OwnerId", "unknown")) != settings.image_owner:
            yield f"{key} is of account {owner}, not of image_owner {settings.image_owner}; {fix}"
        if (root := its.get("RootDeviceName", ROOT_DEVICE)) != ROOT_DEVICE:
            yield f"{key} has its root at {root}, and the launch templates map {ROOT_DEVICE}; {fix}"
        if (state := its.get("State", "available")) != "available":
            yield f"{key} is {state} and no host can be made from it; {fix}"


def architectures(topology: Topology) -> list[catalogue.Architecture]:
    """Those of the hosts' instance types: each needs an image."""
    return sorted({catalogue.find(host.instance_type or "").architecture for host in topology.hosts})


def said(error: BaseException) -> str:
    """What an error of boto3 says, in one line."""
    return " ".join(str(error).split())
