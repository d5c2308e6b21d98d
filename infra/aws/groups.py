"""Security groups, from the topology's flows alone, as nftables on the hosts is.

A rule names a group, never an address, but for the world: at the load balancer's ports, and outside for
packages. Names, time and instance metadata of AWS are link-local, and no group filters them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component, Naming
from infra.aws.network import Network
from infra.aws.network_acl import WORLD
from infra.topology import Topology
from infra.topology.egress import outside

GroupName = Literal["edge", "web", "database", "control", "access"]

#: Each with what the console says of it.
GROUPS: dict[GroupName, str] = {
    "edge": "Load balancer: the only way in from the world",
    "web": "Web hosts",
    "database": "Database hosts",
    "control": "Control hosts",
    "access": "EC2 Instance Connect Endpoint: the only way in for an operator",
}

#: Groups of hosts: they fetch packages, and speak to S3, outside the range.
HOSTS: tuple[GroupName, ...] = ("web", "database", "control")


class Rule(NamedTuple):
    """`source` and `destination` are groups, or "world"."""

    source: str
    destination: str
    port_name: str
    protocol: str
    port: int


def table(topology: Topology) -> tuple[Rule, ...]:
    """Who may reach what, a group a tier. A host's own firewall is narrower: it goes by host.

    A flow from the controller comes through the endpoint. The edge is no host here: its own ports are those
    that the table of components opens to the world.
    """
    tiers: dict[str, str] = {host.name: host.tier for host in topology.hosts}
    groups = tiers | {"controller": "access", "edge": "edge", "world": "world"}
    rules = {
        Rule(groups[flow.source], tiers[flow.destination], flow.port_name, flow.protocol, flow.port)
        for flow in topology.flows
    }
    rules |= {
        Rule("world", "edge", port.name, port.protocol, port.number)
        for component in topology.components
        for port in component.ports
        if "world" in port.clients
    }
    return tuple(sorted(rules))


class Groups(Component):
    """One group a tier, one for the load balancer, one for the operators' endpoint."""

    def __init__(
        self,
        naming: Naming,
        network: Network,
        topology: Topology,
        options: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(naming, "Groups", options)
        self._groups: dict[str, aws.ec2.SecurityGroup] = {
            name: aws.ec2.SecurityGroup(
                naming.resource(name),
                vpc_id=network.vpc_id,
                description=description,
                tags=self._tags(name, name),
                opts=self.of(),
            )
            for name, description in GROUPS.items()
        }
        for rule in table(topology):
            self._into(rule)
            if rule.source != "world":
                self._out_of(rule)
        for group in HOSTS:
            for port in outside("aws", "tcp"):
                self._outside(group, port)
        self.register_outputs({})

    def id_of(self, group: GroupName) -> pulumi.Output[str]:
        return self._groups[group].id

    def _tags(self, tier: str, *parts: str) -> dict[str, str]:
        return self.naming.tags(Name=self.naming.label(*parts), Tier=tier)

    def _into(self, rule: Rule) -> None:
        parts = (rule.destination, "from", rule.source, rule.port_name)
        world = rule.source == "world"
        aws.vpc.SecurityGroupIngressRule(
            self.naming.resource(*parts),
            security_group_id=self._groups[rule.destination].id,
            cidr_ipv4=WORLD if world else None,
            referenced_security_group_id=None if world else self._groups[rule.source].id,
            ip_protocol=rule.protocol,
            from_port=rule.port,
            to_port=rule.port,
            description=f"{rule.port_name} from {rule.source}",
            tags=self._tags(rule.destination, *parts),
            opts=self.of(),
        )

    def _out_of(self, rule: Rule) -> None:
        parts = (rule.source, "to", rule.destination, rule.port_name)
        aws.vpc.SecurityGroupEgressRule(
            self.naming.resource(*parts),
            security_group_id=self._groups[rule.source].id,
            referenced_security_group_id=self._groups[rule.destination].id,
            ip_protocol=rule.protocol,
            from_port=rule.port,
            to_port=rule.port,
            description=f"{rule.port_name} to {rule.destination}",
            tags=self._tags(rule.source, *parts),
            opts=self.of(),
        )

    def _outside(self, group: GroupName, port: int) -> None:
        parts = (group, "to", "world", str(port))
        aws.vpc.SecurityGroupEgressRule(
            self.naming.resource(*parts),
            security_group_id=self._groups[group].id,
            cidr_ipv4=WORLD,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description="package registries and S3",
            tags=self._tags(group, *parts),
            opts=self.of(),
        )
