"""Pure: an environment -> hosts, volumes, placements and ports. No cloud, no I/O.

Both platforms build from this, the firewall and the security groups are made from `flows`, and verification
holds the hosts against it. Paths here never change in a host's life: a move swaps the device under a path.
"""

from __future__ import annotations

import ipaddress

from infra.environment import Environment, Size, Tier, Volume
from infra.errors import EnvironmentInvalid
from infra.topology.addresses import seat
from infra.topology.components import COMPONENTS, Component, running
from infra.topology.flows import flows
from infra.topology.placements import placements
from infra.topology.types import Host, HostVolume, Topology, volume_uuid


def build(
    stack: str,
    environment: Environment,
    accept_blank: frozenset[str] = frozenset(),
    components: tuple[Component, ...] = COMPONENTS,
) -> Topology:
    """The hosts, volumes, placements and flows of an environment.

    `accept_blank` are volumes, as HOST-VOLUME, whose loss a person accepts. Raises `EnvironmentInvalid`
    for one that is not declared.
    """
    network = ipaddress.ip_network(environment.network.cidr)
    hosts: list[Host] = []

    def add(
        tier: Tier,
        count: int,
        prefix: str,
        size: Size,
        volumes: tuple[Volume, ...],
        instance_type: str | None = None,
    ) -> None:
        for index in range(count):
            name = f"{prefix}{index + 1}"
            placed = seat(environment, tier, index)
            hosts.append(
                Host(
                    name=name,
                    tier=tier,
                    address=placed.address,
                    gateway=placed.gateway,
                    size=size,
                    zone=placed.zone or None,
                    instance_type=instance_type,
                    components=running(components, environment.platform, tier, index),
                    volumes=tuple(
                        _host_volume(stack, name, volume, f"{name}-{volume.name}" in accept_blank)
                        for volume in volumes
                    ),
                    placements=placements(tier, environment),
                )
            )

    if environment.edge:
        add("edge", environment.edge.count, "edge", environment.edge.size, ())
    web, database, control = environment.web, environment.database, environment.control
    add("web", web.count, "web", web.size, (), web.instance_type)
    add("database", database.members, "db", database.size, database.volumes, database.instance_type)
    add("control", control.count, "control", control.size, control.volumes, control.instance_type)
    _refuse_unknown(accept_blank, hosts)
    members = tuple(host.name for host in hosts if host.tier == "database")
    return Topology(
        stack=stack,
        domain=f"{stack}.flashtier.internal",
        cidr=environment.network.cidr,
        gateway=str(network[1]),
        hosts=tuple(hosts),
        components=components,
        flows=flows(tuple(hosts), components, balancer=environment.edge is None),
        members=members,
        first=members[0],
    )


def _refuse_unknown(accept_blank: frozenset[str], hosts: list[Host]) -> None:
    declared = [f"{host.name}-{volume.name}" for host in hosts for volume in host.volumes]
    if unknown := sorted(accept_blank - set(declared)):
        raise EnvironmentInvalid(
            [
                f"flashtier:acceptBlank = {', '.join(unknown)}: there is no such volume; remove it, or "
                f"name one of {', '.join(declared)}"
            ]
        )


def _host_volume(stack: str, host: str, volume: Volume, accept_blank: bool) -> HostVolume:
    return HostVolume(
        name=volume.name,
        volume_class=volume.volume_class,
        size_gib=volume.size_gib,
        uuid=volume_uuid(stack, host, volume.name),
        mount_point=f"/vol/{volume.name}",
        iops=volume.iops,
        throughput_mib_s=volume.throughput_mib_s,
        accept_blank=accept_blank,
    )
