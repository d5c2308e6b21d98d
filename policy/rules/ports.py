"""open-ports: the world reaches ports 80 and 443 of the load balancer, and nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from .resource import Resource, Stack, Violation

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
BALANCERS = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")

WEB = (80, 443)
#: A network with a shorter prefix holds no one's own hosts: it is the world, or a large part of it.
WIDEST = {4: 8, 6: 16}


def is_world(cidr: object) -> bool:
    try:
        network = ipaddress.ip_network(str(cidr), strict=False)
    except ValueError:
        return False
    return network.prefixlen < WIDEST[network.version]


def _opened(resource: Resource) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """(range, rule, key of its protocol) of each range that the world is in."""
    if resource.type == INGRESS:
        for key in ("cidrIpv4", "cidrIpv6"):
            if is_world(resource.get(key)):
                yield str(resource.get(key)), resource.props, "ipProtocol"
        return
    if resource.type == GROUP:
        rules = resource.parts("ingress")
    elif resource.type == OLD_RULE and resource.get("type") == "ingress":
        rules = [resource.props]
    else:
        return
    for rule in rules:
        for key in ("cidrBlocks", "ipv6CidrBlocks"):
            ranges = rule.get(key)
            if isinstance(ranges, list):
                yield from ((str(cidr), rule, "protocol") for cidr in ranges if is_world(cidr))


def _ports(rule: Mapping[str, Any], protocol: str) -> tuple[int, int]:
    """The ports a rule opens; all of them if it says none."""
    first, last = rule.get("fromPort"), rule.get("toPort")
    if str(rule.get(protocol)) in ("-1", "all") or first is None or last is None:
        return 0, 65535
    try:
        return int(first), int(last)
    except (TypeError, ValueError):  # known after the update, which asks again
        return WEB[0], WEB[0]


def ports(resource: Resource) -> Iterator[Violation]:
    """No port but 80 and 443 is open to the world, whatever group it is in."""
    for cidr, rule, protocol in _opened(resource):
        first, last = _ports(rule, protocol)
        if first == last and first in WEB:
            continue
        what = f"port {first}" if first == last else f"ports {first} to {last}"
        ssh = ", SSH among them" if first < 22 < last else ""
        yield Violation(
            resource,
            f"{what}{ssh}, open to {cidr}",
            "name the security group of the client in its place (SSH: the Instance Connect Endpoint's)",
        )


def only_the_balancer(stack: Stack) -> Iterator[Violation]:
    """A group that is open to the world is a load balancer's, and of no instance."""
    groups = stack.of(GROUP)
    balancers, instances = stack.of(*BALANCERS), stack.of("aws:ec2/instance:Instance")
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
            f"open to the world, in security group {name}, which is {whose}",
            "open it in the load balancer's own group, and here to that group",
        )
