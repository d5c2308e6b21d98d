"""Security groups: the topology's flows, and nothing beside them; the hosts' firewalls say the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from infra.aws.groups import HOSTS, table
from infra.environment.subnets import subnets
from infra.topology.egress import outside as outside_ports
from tests.hosts.firewall import accepted
from tests.support.aws.mocks import Recorded, Recording
from tests.support.aws.network_parts import environment, everything, topology
from tests.support.declared import contract_of
from tests.support.nftables import loaded

STACKS = ("dev", "prod")
IN, OUT = "SecurityGroupIngressRule", "SecurityGroupEgressRule"


def group(identity: str) -> str:
    return identity.removeprefix("flashtier-unit-").removesuffix("-id")


def sides(recorded: Recording, type_: str) -> Iterator[tuple[str, str, str, int]]:
    """(this group, the other or an address, protocol, port) of each rule."""
    for rule in recorded.of(type_):
        assert rule.inputs["fromPort"] == rule.inputs["toPort"]
        other = rule.inputs.get("referencedSecurityGroupId")
        assert (other is None) != (rule.inputs.get("cidrIpv4") is None)
        yield (
            group(rule.inputs["securityGroupId"]),
            group(other) if other else rule.inputs["cidrIpv4"],
            rule.inputs["ipProtocol"],
            rule.inputs["fromPort"],
        )


@pytest.mark.parametrize("stack", STACKS)
def test_the_rules_are_the_flows_by_tier_in_and_out(stack: str) -> None:
    declared = environment(stack)
    hosts = topology(declared)
    recorded = everything(declared)
    tier = {host.name: host.tier for host in hosts.hosts} | {"controller": "access", "edge": "edge"}
    flows = {(tier[flow.source], tier[flow.destination], flow.protocol, flow.port) for flow in hosts.flows}
    assert flows
    world = {("edge", "0.0.0.0/0", "tcp", port) for port in (80, 443)}
    assert set(sides(recorded, IN)) == {(there, here, *port) for here, there, *port in flows} | world
    outside = {(name, "0.0.0.0/0", "tcp", port) for name in HOSTS for port in outside_ports("aws", "tcp")}
    assert set(sides(recorded, OUT)) == flows | outside
    assert len(recorded.of(OUT)) == len(flows | outside), "a rule twice: AWS refuses the second"
    assert len(recorded.of(IN)) == len(flows | world)


def test_ssh_comes_from_the_endpoint_and_the_internet_reaches_the_balancer_alone() -> None:
    recorded = everything(environment())
    rules = set(sides(recorded, IN))
    assert {other for _, other, _, port in rules if port == 22} == {"access"}
    assert {here for here, other, *_ in rules if other == "0.0.0.0/0"} == {"edge"}


@pytest.mark.parametrize("stack", STACKS)
def test_groups_and_the_hosts_own_firewalls_let_the_same_through(stack: str) -> None:
    declared = environment(stack)
    hosts = topology(declared)
    assert declared.aws
    layout = subnets(hosts.cidr, declared.aws.zones)
    tiers: dict[str, str] = {host.address: host.tier for host in hosts.hosts}
    [access] = [subnet.cidr for subnet in layout if subnet.tier == "access"]
    edge = [subnet.cidr for subnet in layout if subnet.tier == "public"]
    contract = contract_of("unit", declared).model_copy(update={"controller": access})
    assert set(contract.edge_networks) == set(edge)
    tiers |= {access: "access"} | dict.fromkeys(edge, "edge")
    on_hosts: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
    for host in hosts.hosts:
        for (protocol, port), sources in accepted(loaded(contract, host.name), "input", "saddr").items():
            if (protocol, port) != ("udp", 68):  # the lease: link-local on AWS, no group filters it
                on_hosts[host.tier] |= {(tiers[source], protocol, port) for source in sources}
    for tier in HOSTS:
        in_group = {
            (rule.source, rule.protocol, rule.port) for rule in table(hosts) if rule.destination == tier
        }
        assert on_hosts[tier] == in_group, tier


def test_descriptions_hold_only_what_aws_takes() -> None:
    """Source: EC2 API, CreateSecurityGroup: up to 255 of a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$*"""
    allowed = set("._-:/()#,@[]+=&;{}!$* ")
    rules: list[Recorded] = everything(environment()).resources
    for one in rules:
        if one.type.endswith(("SecurityGroup", "IngressRule", "EgressRule")):
            text = one.inputs.get("description", "")
            assert all(c.isascii() and (c.isalnum() or c in allowed) for c in text), text
