"""open-ports: the internet reaches ports 80 and 443 of the load balancer, and nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from .resource import Resource, Stack, Unknown, Violation

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
PREFIX_LISTS = ("aws:ec2/managedPrefixList:ManagedPrefixList", "aws:vpc/managedPrefixList:ManagedPrefixList")
PREFIX_ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
BALANCERS = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
VPC = "aws:ec2/vpc:Vpc"

WEB = (80, 443)
ALL_PORTS = (0, 65535)
#: Whose addresses are an organisation's own; all others are the internet's. Sources: RFC 1918, 6598, 4193.
PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)


def is_internet(cidr: object) -> bool:
    """Whether a range has an address outside the private ranges; false for what is not a range."""
    try:
        network = ipaddress.ip_network(str(cidr), strict=False)
    except ValueError:
        return False
    return not any(
        network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type]
        for private in PRIVATE
    )


def _rules(resource: Resource) -> list[Mapping[str, Any]]:
    """The rules for what comes in, each with keys of its own type of resource."""
    if resource.type == INGRESS or (resource.type == OLD_RULE and resource.get("type") == "ingress"):
        return [resource.props]
    return resource.parts("ingress") if resource.type in (GROUP, DEFAULT_GROUP) else []


def _opened(resource: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(range or prefix list, rule) of each rule that lets the internet in, or may do so."""
    for rule in _rules(resource):
        for key in ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks"):
            value = rule.get(key)
            ranges = value if isinstance(value, list) else [value]
            yield from ((str(cidr), rule) for cidr in ranges if is_internet(cidr))


def _lists(resource: Resource) -> Iterator[str]:
    """Prefix lists that a rule lets in: whose ranges change without the rule, and without this stack."""
    for rule in _rules(resource):
        for key in ("prefixListId", "prefixListIds"):
            value = rule.get(key)
            for one in value if isinstance(value, list) else [value]:
                if one or isinstance(one, Unknown):
                    yield str(one)


def span(rule: Mapping[str, Any], protocol: object) -> tuple[int, int]:
    """The ports that a rule opens; all of them if it names none."""
    first, last = rule.get("fromPort"), rule.get("toPort")
    if str(protocol) in ("-1", "all") or first is None or last is None:
        return ALL_PORTS
    try:
        return int(first), int(last)
    except (TypeError, ValueError):  # known after the update, which judges it again
        return WEB[0], WEB[0]


def ports(resource: Resource) -> Iterator[Violation]:
    """No port but 80 and 443 is open to the internet, whatever group it is in."""
    for cidr, rule in _opened(resource):
        first, last = span(rule, rule.get("ipProtocol", rule.get("protocol")))
        if first == last and first in WEB:
            continue
        what = f"port {first}" if first == last else f"ports {first} to {last}"
        ssh = ", SSH among them" if first < 22 < last else ""
        yield Violation(
            resource,
            f"{what}{ssh}, open to {cidr}",
            "name the security group of the client in its place (SSH: the Instance Connect Endpoint's)",
        )
    for name in _lists(resource):
        yield Violation(
            resource,
            f"open to prefix list {name}, whose ranges are not in the rule",
            "name the security group of the client in its place",
        )
    if resource.type in PREFIX_LISTS:
        for entry in resource.parts("entries"):
            yield from _entry(resource, entry.get("cidr"))
    if resource.type == PREFIX_ENTRY:
        yield from _entry(resource, resource.get("cidr"))
    if resource.type == DEFAULT_GROUP and (resource.get("ingress") or resource.get("egress")):
        yield Violation(
            resource,
            "the default security group lets traffic through, and every host that names no group gets it",
            "set ingress=[] and egress=[]",
        )


def _entry(resource: Resource, cidr: object) -> Iterator[Violation]:
    if is_internet(cidr):
        yield Violation(
            resource, f"{cidr} is in the prefix list", "list networks of your own; the internet needs no list"
        )


def only_the_balancer(stack: Stack) -> Iterator[Violation]:
    """A group that is open to the internet is a load balancer's, and of no instance; no rule is in a default
    group, which a DefaultSecurityGroup keeps empty."""
    groups = stack.of(GROUP)
    balancers, instances = stack.of(*BALANCERS), stack.of("aws:ec2/instance:Instance")
    for rule in stack.of(INGRESS, EGRESS, OLD_RULE):
        if _of_default(stack, rule):
            yield Violation(
                rule, "the rule is in a VPC's default security group", "put it into a group of its own"
            )
    for resource in stack.of(INGRESS, OLD_RULE, GROUP):
        if not any(_opened(resource)):
            continue
        if resource.type == GROUP:
            group: Resource | None = resource
        else:
            group = next((one for one in groups if stack.means(resource, "securityGroupId", one)), None)
        balanced = group and any(stack.means(one, "securityGroups", group) for one in balancers)
        hosted = group and any(stack.means(one, "vpcSecurityGroupIds", group) for one in instances)
        if balanced and not hosted:
            continue
        whose = "an instance's" if hosted else "no load balancer's"
        name = group.name if group else "of its rule"
        yield Violation(
            resource,
            f"open to the internet, in security group {name}, which is {whose}",
            "open it in the load balancer's own group, and here to that group",
        )


def _of_default(stack: Stack, rule: Resource) -> bool:
    defaults = stack.of(DEFAULT_GROUP)
    return any(stack.means(rule, "securityGroupId", one) for one in defaults) or any(
        stack.means(rule, "securityGroupId", vpc, "defaultSecurityGroupId") for vpc in stack.of(VPC)
    )
