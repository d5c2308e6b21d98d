"""The quotas that an environment takes from: what it needs, what others in the account have, what AWS allows.

What the environment itself already has is counted once, as its need.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.groups import HOSTS, table
from infra.aws.preflight.account_use import Account
from infra.environment import Environment
from infra.errors import FlashtierError
from infra.topology import Topology
from infra.topology.egress import outside

#: Codes and names of the quotas of running On-Demand instances, each with the families that it counts, in
#: vCPUs. im and is are of the I instances. Source: Amazon EC2 User Guide, "On-Demand Instance quotas",
#: docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits
INSTANCES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "L-1216C47A": (
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        ("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"),
    ),
    "L-7295265B": ("Running On-Demand X instances", ("x",)),
    "L-43DA4232": ("Running On-Demand High Memory instances", ("u",)),
}


@dataclass(frozen=True)
class Quota:
    """`needed` by this environment and `used` by all else in the account and region, in `unit`."""

    service: str
    code: str
    name: str
    unit: str
    needed: float
    used: Callable[[], float]
    #: What an environment can do about it, apart from asking AWS for more.
    fix: str


def quota_of(instance_type: str) -> str:
    """The code of the quota that counts a type. Raises `FlashtierError` for a family that none counts."""
    for code, (_, families) in INSTANCES.items():
        if _family(instance_type) in families:
            return code
    raise FlashtierError(
        f"instance type {instance_type}: no quota is known for its family; "
        "add it to infra/aws/preflight/quotas.py"
    )


def _family(instance_type: str) -> str:
    letters = re.match("[a-z]*", instance_type)
    assert letters is not None  # noqa: S101 - it matches the empty text, too
    return letters[0]


def vcpus_needed(topology: Topology) -> dict[str, int]:
    """vCPUs that the hosts take, by the code of the quota."""
    taken: Counter[str] = Counter()
    for host in topology.hosts:
        taken[quota_of(host.instance_type or "")] += host.size.vcpus
    return dict(taken)


def quotas_of(topology: Topology, environment: Environment, account: Account) -> Iterator[Quota]:
    """Every quota that the environment takes from. Source of the codes: the Service Quotas console."""
    assert environment.aws is not None  # noqa: S101 - the environment's model wants it for platform aws
    for code, needed in sorted(vcpus_needed(topology).items()):
        name, families = INSTANCES[code]
        yield Quota(
            "ec2",
            code,
            name,
            "vCPUs",
            needed,
            _vcpus_used(account, families),
            "declare fewer or smaller hosts",
        )
    gateways = environment.aws.nat_gateways
    elsewhere = "release what is unused, or take another region or account"
    fewer = "set aws.nat_gateways to 1, or " + elsewhere
    yield Quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", "addresses", gateways, account.addresses, fewer)
    yield Quota("vpc", "L-F678F1CE", "VPCs per Region", "networks", 1, account.networks, elsewhere)
    yield Quota(
        "vpc",
        "L-A4707A72",
        "Internet gateways per Region",
        "gateways",
        1,
        account.internet_gateways,
        elsewhere,
    )
    zones = environment.aws.zones[:gateways]
    yield Quota(
        "vpc",
        "L-FE5A380F",
        "NAT gateways per Availability Zone",
        "gateways",
        1,
        lambda: account.nat_gateways(zones),
        fewer,
    )
    yield Quota(
        "vpc",
        "L-0EA8095F",
        "Inbound or outbound rules per security group",
        "rules",
        _rules(topology),
        lambda: 0,
        "the kit's groups need as many",
    )
    yield Quota(
        "elasticloadbalancing",
        "L-53DA6B97",
        "Application Load Balancers per Region",
        "load balancers",
        1,
        account.load_balancers,
        elsewhere,
    )
    yield from _volumes(topology, environment.aws.root_gib, account)


def _rules(topology: Topology) -> int:
    """Rules of one direction of the group that has the most."""
    rules = table(topology)
    out: Counter[str] = Counter(dict.fromkeys(HOSTS, len(outside("aws", "tcp"))))
    out.update(rule.source for rule in rules if rule.source != "world")
    return max(*out.values(), *Counter(rule.destination for rule in rules).values())


def _volumes(topology: Topology, root_gib: int, account: Account) -> Iterator[Quota]:
    volumes = [volume for host in topology.hosts for volume in host.volumes]
    sizes: Counter[str] = Counter({"gp3": root_gib * len(topology.hosts)})
    for volume in volumes:
        sizes[volume.volume_class] += volume.size_gib
    smaller = "declare smaller volumes"
    for kind, code in (("gp3", "L-7A658B76"), ("io2", "L-09BD8365")):
        if sizes[kind]:
            name = {"gp3": "General Purpose SSD (gp3)", "io2": "Provisioned IOPS SSD (io2)"}[kind]
            yield Quota(
                "ebs",
                code,
                f"Storage for {name} volumes, in TiB",
                "TiB",
                sizes[kind] / 1024,
                lambda kind=kind: account.storage_gib(kind) / 1024,  # type: ignore[misc]
                smaller,
            )
    if iops := sum(volume.iops or 0 for volume in volumes if volume.volume_class == "io2"):
        name = "IOPS for Provisioned IOPS SSD (io2) volumes"
        yield Quota("ebs", "L-8D977E7E", name, "IOPS", iops, lambda: account.iops("io2"), smaller)


def _vcpus_used(account: Account, families: tuple[str, ...]) -> Callable[[], float]:
    return lambda: sum(vcpus for kind, vcpus in account.vcpus().items() if _family(kind) in families)


def quota_faults(quotas: Any, quota: Quota) -> Iterator[str]:  # noqa: ANN401 - boto3 has no types
    """More than the account may have at once, with what others in it have already."""
    allowed = _allowed(quotas, quota)
    if allowed is None:
        return
    used = quota.used()
    if quota.needed + used > allowed:
        yield (
            f"quota {quota.name}: the environment takes {quota.needed:,.6g} {quota.unit}, others in the "
            f"account have {used:,.6g}, and {allowed:,.6g} are allowed; ask AWS for "
            f"{quota.needed + used:,.6g} in Service Quotas ({quota.service}, {quota.code}), or {quota.fix}"
        )


def _allowed(quotas: Any, quota: Quota) -> float | None:  # noqa: ANN401
    """The account's own value, or AWS's default where it has none; None where there is no such quota.

    Source: Service Quotas API, GetServiceQuota: "For some quotas, only the default values are available."
    """
    try:
        own: float = quotas.get_service_quota(ServiceCode=quota.service, QuotaCode=quota.code)["Quota"][
            "Value"
        ]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
    else:
        return own
    pages = quotas.get_paginator("list_aws_default_service_quotas").paginate(ServiceCode=quota.service)
    try:
        every = [one for page in pages for one in page["Quotas"]]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
        return None
    return next((one["Value"] for one in every if one["QuotaCode"] == quota.code), None)
