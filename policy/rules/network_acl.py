"""open-network-acl: a network ACL lets in the web's ports and answers from the internet, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .ports import ALL_PORTS, WEB, is_internet, span
from .resource import Resource, Violation

ACLS = ("aws:ec2/networkAcl:NetworkAcl", "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl")
RULE = "aws:ec2/networkAclRule:NetworkAclRule"

#: Where answers arrive. Source: Amazon VPC user guide, "Network ACLs", "Ephemeral ports".
ANSWERED = (1024, 65535)
WITH_PORTS = ("6", "tcp", "17", "udp")
ICMP = ("1", "icmp", "58", "icmpv6")


def open_acls(resource: Resource) -> Iterator[Violation]:
    """Each entry that allows a range of the internet in."""
    for entry in _entries(resource):
        cidr = next(
            (entry[key] for key in ("cidrBlock", "ipv6CidrBlock") if is_internet(entry.get(key))), None
        )
        if cidr is None:
            continue
        protocol = str(entry.get("protocol")).lower()
        if protocol in ICMP:
            continue
        first, last = span(entry, protocol) if protocol in WITH_PORTS else ALL_PORTS
        if (first == last and first in WEB) or (ANSWERED[0] <= first and last <= ANSWERED[1]):
            continue
        yield Violation(
            resource,
            f"rule {entry.get('ruleNo', entry.get('ruleNumber'))} lets {cidr} in to ports {first} to {last}",
            f"allow the VPC's range; from elsewhere {WEB[0]}, {WEB[1]}, and {ANSWERED[0]} to {ANSWERED[1]}",
        )


def _entries(resource: Resource) -> Iterator[Mapping[str, Any]]:
    if resource.type in ACLS:
        yield from (one for one in resource.parts("ingress") if one.get("action") == "allow")
    if resource.type == RULE and not resource.get("egress") and resource.get("ruleAction") == "allow":
        yield resource.props
