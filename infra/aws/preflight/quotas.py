"""The quotas of running On-Demand instances: which one counts an instance type, and what it leaves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.errors import FlashtierError
from infra.topology import Topology

#: Names and codes of the quotas in Service Quotas, each with the families that it counts, in vCPUs. im and is
#: are of the I instances. Source: Amazon EC2 User Guide, "On-Demand Instance quotas",
#: docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits
QUOTAS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "L-1216C47A": (
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        ("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"),
    ),
    "L-7295265B": ("Running On-Demand X instances", ("x",)),
    "L-43DA4232": ("Running On-Demand High Memory instances", ("u",)),
}


def quota_of(instance_type: str) -> str:
    """The code of the quota that counts a type. Raises `FlashtierError` for a family that none counts."""
    letters = re.match("[a-z]*", instance_type)
    assert letters is not None  # noqa: S101 - it matches the empty text, too
    for code, (_, families) in QUOTAS.items():
        if letters[0] in families:
            return code
    raise FlashtierError(
        f"instance type {instance_type}: no quota is known for its family; "
        "add it to infra/aws/preflight/quotas.py"
    )


def needed(topology: Topology) -> dict[str, int]:
    """vCPUs that the hosts take, by the code of the quota."""
    taken: Counter[str] = Counter()
    for host in topology.hosts:
        taken[quota_of(host.instance_type or "")] += host.size.vcpus
    return dict(taken)


def quota_faults(quotas: Any, code: str, vcpus: int) -> Iterator[str]:  # noqa: ANN401 - boto3 has no types
    """More vCPUs than the account may run at once. What runs already in the account is not counted."""
    try:
        allowed = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchResourceException":
            return  # a partition that counts otherwise
        raise
    if vcpus > allowed:
        yield (
            f"quota {QUOTAS[code][0]}: the environment takes {vcpus} vCPUs of it and the account may run "
            f"{allowed:.0f}; ask AWS for more in Service Quotas ({code}), or declare fewer or smaller hosts"
        )
