"""What an environment on AWS needs of the account and its region, looked up before anything is made.

Each fault is one line, and all are said at once: the looks run beside each other. Only what can be read is
looked at; nothing is made or changed. Credentials, profile and AWS_ENDPOINT_URL are the environment's, as for
pulumi-aws.
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
from infra.aws.preflight.quotas import QUOTAS, needed, quota_faults
from infra.environment import Environment
from infra.environment.aws import Aws, Domain
from infra.topology import Topology

#: Deadlines (s) and attempts of every call to AWS that the kit itself makes.
CONFIG = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
_KEY = "flashtier:environment.aws"


@dataclass(frozen=True)
class Seen:
    """One line each. `warnings` are what could not be looked up and what an update would tell itself."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """`faults` are those of the account in `what`; the account must let us look, or only a warning comes."""

    what: str
    faults: Callable[[], Iterator[str]]
    required: bool = True

    def all(self) -> list[str]:
        return list(self.faults())


def look(topology: Topology, environment: Environment) -> Seen:
    """What is wrong with the account for this environment; empty where all is there."""
    assert environment.aws is not None  # noqa: S101 - the environment's model wants it for platform aws
    settings = environment.aws
    core = botocore.session.get_session()
    session = boto3.Session(botocore_session=core, region_name=settings.region)
    try:
        home = home_region(core, settings.region)
        # A session makes clients for one thread at a time; the clients are for several.
        ec2, route53, quotas, sts = (
            session.client(name, config=CONFIG) for name in ("ec2", "route53", "service-quotas", "sts")
        )
        at_home = session.client("ec2", region_name=home, config=CONFIG)
    except BotoCoreError as error:
        return Seen((f"{_KEY}.region: {settings.region}: {said(error)}; name a region of AWS",))
    looks = (
        Look(f"{_KEY}.zones", lambda: zone_faults(ec2, settings)),
        Look("the instance types", lambda: type_faults(ec2, topology, settings)),
        Look(f"{_KEY}.images", lambda: image_faults(ec2, topology, settings)),
        Look(f"{_KEY}.domain", lambda: domain_faults(route53, settings.domain)),
        *(_quota_look(quotas, code, vcpus) for code, vcpus in sorted(needed(topology).items())),
    )
    with ThreadPoolExecutor(max_workers=len(looks) + 2) as beside:
        identity = beside.submit(sts.get_caller_identity)
        region = beside.submit(Look("the region", lambda: region_faults(at_home, settings.region)).all)
        found = [(one, beside.submit(one.all)) for one in looks]
    # The other looks would only repeat in their own words what these two say. Where `home` may not be asked,
    # the region's own answers show that it is enabled.
    if not _refused(region) and (faults := region.result()):
        return Seen(tuple(faults))
    if unknown := _refused(identity):
        return Seen(
            (
                f"the AWS account: {said(unknown)}; sign in, so that `aws sts get-caller-identity` answers, "
                f"and see that the region {settings.region} can be reached",
            )
        )
    return _summed(found)


def _refused(answer: Future[Any]) -> BotoCoreError | ClientError | None:
    """Why AWS gave no answer; None where there is one, or a fault of ours, which the result raises."""
    error = answer.exception()
    return error if isinstance(error, BotoCoreError | ClientError) else None


def _quota_look(quotas: Any, code: str, vcpus: int) -> Look:  # noqa: ANN401 - boto3 has no types
    return Look(f"quota {QUOTAS[code][0]}", lambda: quota_faults(quotas, code, vcpus), required=False)


def _summed(found: list[tuple[Look, Future[list[str]]]]) -> Seen:
    faults: list[str] = []
    warnings: list[str] = []
    for one, answer in found:
        if error := _refused(answer):
            line = f"{one.what}: cannot be looked up: {said(error)}; give this user the right to read it"
            (faults if one.required else warnings).append(line)
        else:
            faults.extend(answer.result())
    return Seen(tuple(faults), tuple(warnings))


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
        yield f"{_KEY}.region: {region} is none that AWS has; it has {', '.join(sorted(known))}"
    elif known[region] == "not-opted-in":
        yield (
            f"{_KEY}.region: {region} is not enabled for this account; run "
            f"`aws account enable-region --region-name {region}` and wait until it is, or take another region"
        )


def zone_faults(ec2: Any, settings: Aws) -> Iterator[str]:  # noqa: ANN401
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
    """Pinned images that are missing, gone, somebody else's, or of another architecture."""
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
        if (owner := its.get("OwnerId", "nobody")) != settings.image_owner:
            yield f"{key} is of account {owner}, not of image_owner {settings.image_owner}; {fix} or mend it"
        if (state := its.get("State", "available")) != "available":
            yield f"{key} is {state} and no host can be made from it; {fix}"


def architectures(topology: Topology) -> list[catalogue.Architecture]:
    """Those of the hosts' instance types: each needs an image."""
    return sorted({catalogue.find(host.instance_type or "").architecture for host in topology.hosts})


def domain_faults(route53: Any, domain: Domain) -> Iterator[str]:  # noqa: ANN401
    """A hosted zone that is missing, private or one of several, or that leaves the name to other servers.

    Source of the order in which zones and records are listed: ListHostedZonesByName and
    ListResourceRecordSets in the API reference of Route 53. Of several zones pulumi-aws takes none.
    """
    zones = route53.list_hosted_zones_by_name(DNSName=domain.zone)["HostedZones"]
    named = [zone for zone in zones if zone["Name"] == f"{domain.zone}."]
    public = [zone["Id"].rpartition("/")[2] for zone in named if not zone["Config"]["PrivateZone"]]
    if not public:
        is_what = "is a private hosted zone, which clients do not see" if named else "is no hosted zone"
        yield (
            f"{_KEY}.domain.zone: {domain.zone} {is_what} of this account; make a public one and have its "
            "registrar name its servers, or name another zone"
        )
    elif len(public) > 1:
        yield (
            f"{_KEY}.domain.zone: {domain.zone} has {len(public)} public hosted zones "
            f"({', '.join(sorted(public))}); delete those whose servers its registrar does not name"
        )
    else:
        yield from _delegations(route53, public[0], domain)


def _delegations(route53: Any, zone: str, domain: Domain) -> Iterator[str]:  # noqa: ANN401
    name = domain.name
    while name != domain.zone:
        records = route53.list_resource_record_sets(
            HostedZoneId=zone, StartRecordName=name, StartRecordType="NS", MaxItems="1"
        )["ResourceRecordSets"]
        if records and (records[0]["Name"], records[0]["Type"]) == (f"{name}.", "NS"):
            yield (
                f"{_KEY}.domain.name: {domain.name} is not answered by zone {domain.zone}, where an NS "
                f"record gives {name} to other servers; name the zone {name}, or remove the record"
            )
        name = name.partition(".")[2]


def said(error: BaseException) -> str:
    """What an error of boto3 says, in one line."""
    return " ".join(str(error).split())
