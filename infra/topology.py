"""Pure: an environment -> hosts, volumes, placements and ports. No cloud, no I/O.

Both platforms build from this, the firewall and the security groups are made from `flows`, and verification
holds the hosts against it. Paths here never change in a host's life: a move swaps the device under a path.
"""

from __future__ import annotations

import ipaddress
import uuid
from typing import Literal

from infra import subnets
from infra.environment import Environment, Model, Size, Volume, VolumeClass
from infra.errors import EnvironmentInvalid

Tier = Literal["edge", "web", "database", "control"]

#: Platform local: offset of the first address of each tier, and how many it may take. On AWS a host lies in
#: its zone's subnet (infra/subnets.py). On both, adding a host never moves another.
#: .1 is the gateway; on `local` it is also the controller's own address on the bridge.
ADDRESS_BLOCKS: dict[Tier, tuple[int, int]] = {
    "edge": (10, 10),
    "web": (20, 80),
    "database": (100, 50),
    "control": (150, 50),
}

#: How every volume is mounted: reading a file writes nothing; data is neither a device nor a program.
MOUNT_OPTIONS = ("noatime", "nodev", "nosuid", "noexec")

#: Identity of file systems: uuid5(this namespace, "stack/host/volume"). Changing it orphans every volume.
VOLUME_NAMESPACE = uuid.UUID("5d3c0c0e-7a5e-5b0e-9f6b-2f1a5a7e1c11")


class Placed(Model):
    """What a volume carries: `source` (a directory on the volume) is bind-mounted at `path`."""

    purpose: str
    volume: str
    path: str
    source: str
    owner: str
    group: str
    mode: str


class HostVolume(Model):
    """A file system of a host. `uuid` is its identity, set at mkfs and checked before every mount."""

    name: str
    volume_class: VolumeClass
    size_gib: int
    uuid: str
    mount_point: str
    #: What EBS is asked for; None where the class leaves no choice.
    iops: int | None = None
    throughput_mib_s: int | None = None
    #: Losing it loses data: the platform refuses to delete or replace it outside `make down`.
    protected: bool = True
    #: A person accepts that its data is lost and that a blank one takes its place, in this run.
    accept_blank: bool = False


class Host(Model):
    name: str
    tier: Tier
    address: str
    #: Its default router.
    gateway: str
    size: Size
    #: On AWS only: where it lies and what it is.
    zone: str | None = None
    instance_type: str | None = None
    #: Services this host runs, by the names in `SERVICES`; they become inventory groups.
    services: tuple[str, ...]
    volumes: tuple[HostVolume, ...]
    placements: tuple[Placed, ...]


class Service(Model):
    """A listening socket. `clients` are tiers; "controller" is the machine with the kit, "world" anyone."""

    name: str
    port: int
    protocol: Literal["tcp", "udp"]
    clients: tuple[str, ...]


#: Every port of the kit, once. The firewall, the security groups and the verification read this table.
SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(name="ssh", port=22, protocol="tcp", clients=("controller",)),
        Service(name="node_exporter", port=9100, protocol="tcp", clients=("control",)),
        Service(name="https", port=443, protocol="tcp", clients=("world",)),
        Service(name="http", port=80, protocol="tcp", clients=("world",)),
        # The control tier scrapes /metrics here; the edge refuses that path to the world.
        Service(name="web", port=8443, protocol="tcp", clients=("edge", "control")),
        Service(name="postgresql", port=5432, protocol="tcp", clients=("web",)),
        Service(name="s3", port=7070, protocol="tcp", clients=("web",)),
        Service(name="prometheus", port=9090, protocol="tcp", clients=("controller",)),
    )
}

_EVERYWHERE = ("ssh", "node_exporter")
_DATABASE_PATHS = {"data": "/pg/data", "wal": "/pg/wal", "temp": "/pg/temp", "log": "/pg/log"}
_CONTROL_PATHS = {
    "etcd": ("/var/lib/etcd", "etcd"),
    "metrics": ("/var/lib/prometheus", "prometheus"),
    "repository": ("/srv/s3", "versitygw"),
}


class Flow(Model):
    """Who may reach a port. `source` is a host's name, "controller", "world", or "edge": a load balancer."""

    source: str
    destination: str
    service: str
    port: int
    protocol: Literal["tcp", "udp"]


class Topology(Model):
    stack: str
    domain: str
    cidr: str
    #: The first address of the range. On `local` that is the bridge: every host's router, and the controller.
    gateway: str
    hosts: tuple[Host, ...]
    flows: tuple[Flow, ...]
    #: The member that takes writes until a cluster manager decides.
    primary: str

    def tier(self, tier: Tier) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.tier == tier)


def build(stack: str, environment: Environment, accept_blank: frozenset[str] = frozenset()) -> Topology:
    """The hosts, volumes, placements and flows of an environment.

    `accept_blank` are volumes, as HOST-VOLUME, whose loss a person accepts. Raises `EnvironmentInvalid`
    for one that is not declared.
    """
    network = ipaddress.ip_network(environment.network.cidr)
    local = environment.platform == "local"
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
            seat = _seat(environment, tier, index)
            hosts.append(
                Host(
                    name=name,
                    tier=tier,
                    address=seat.address,
                    gateway=seat.gateway,
                    size=size,
                    zone=seat.zone or None,
                    instance_type=instance_type,
                    services=(*_EVERYWHERE, *_tier_services(tier, index, local)),
                    volumes=tuple(
                        _host_volume(stack, name, volume, f"{name}-{volume.name}" in accept_blank)
                        for volume in volumes
                    ),
                    placements=_placements(tier, environment, volumes),
                )
            )

    if environment.edge:
        add("edge", environment.edge.count, "edge", environment.edge.size, ())
    web, database, control = environment.web, environment.database, environment.control
    add("web", web.count, "web", web.size, (), web.instance_type)
    add("database", database.members, "db", database.size, database.volumes, database.instance_type)
    add("control", control.count, "control", control.size, control.volumes, control.instance_type)
    _refuse_unknown(accept_blank, hosts)
    return Topology(
        stack=stack,
        domain=f"{stack}.flashtier.internal",
        cidr=environment.network.cidr,
        gateway=str(network[1]),
        hosts=tuple(hosts),
        flows=_flows(tuple(hosts), balancer=environment.edge is None),
        primary="db1",
    )


def _seat(environment: Environment, tier: Tier, index: int) -> subnets.Seat:
    """Where host number `index` (from 0) of a tier lies; its zone is empty on platform local."""
    if environment.aws is not None:
        return subnets.seat(environment.network.cidr, environment.aws.zones, tier, index)
    network = ipaddress.ip_network(environment.network.cidr)
    offset, room = ADDRESS_BLOCKS[tier]
    assert index < room  # noqa: S101 - the models' bounds are the check a user sees
    return subnets.Seat(zone="", address=str(network[offset + index]), gateway=str(network[1]))


def volume_uuid(stack: str, host: str, volume: str) -> str:
    """The UUID that a volume's file system carries for life."""
    return str(uuid.uuid5(VOLUME_NAMESPACE, f"{stack}/{host}/{volume}"))


def _refuse_unknown(accept_blank: frozenset[str], hosts: list[Host]) -> None:
    declared = [f"{host.name}-{volume.name}" for host in hosts for volume in host.volumes]
    if unknown := sorted(accept_blank - set(declared)):
        raise EnvironmentInvalid(
            [
                f"flashtier:acceptBlank = {', '.join(unknown)}: there is no such volume; take it out, or "
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


def _tier_services(tier: Tier, index: int, local: bool) -> tuple[str, ...]:
    match tier:
        case "edge":
            return ("https", "http")
        case "web":
            return ("web",)
        case "database":
            # One primary for now: the other members have everything but a running server.
            return ("postgresql",) if index == 0 else ()
        case "control":
            # On AWS the object store is S3 itself.
            return () if index else ("prometheus", "s3") if local else ("prometheus",)


def _placements(tier: Tier, environment: Environment, volumes: tuple[Volume, ...]) -> tuple[Placed, ...]:
    if tier == "database":
        return tuple(
            Placed(
                purpose=purpose,
                volume=volume,
                path=_DATABASE_PATHS[purpose],
                source=f"/vol/{volume}/{purpose}",
                owner="postgres",
                group="postgres",
                mode="0700",
            )
            for purpose, volume in environment.database.placement.items()
        )
    if tier == "control":
        return tuple(
            Placed(
                purpose=volume,
                volume=volume,
                path=path,
                source=f"/vol/{volume}/{volume}",
                owner=owner,
                group=owner,
                mode="0700",
            )
            for volume, (path, owner) in _CONTROL_PATHS.items()
            if volume in {declared.name for declared in volumes}
        )
    return ()


def _flows(hosts: tuple[Host, ...], balancer: bool) -> tuple[Flow, ...]:
    """Every flow between hosts and from outside. `balancer`: the edge is no host but one source."""
    outside = {"controller", "world"} | ({"edge"} if balancer else set())
    flows: list[Flow] = []
    for destination in hosts:
        for service in (SERVICES[name] for name in destination.services):
            for client in service.clients:
                sources = (
                    [client] if client in outside else [host.name for host in hosts if host.tier == client]
                )
                flows.extend(
                    Flow(
                        source=source,
                        destination=destination.name,
                        service=service.name,
                        port=service.port,
                        protocol=service.protocol,
                    )
                    for source in sources
                )
    return tuple(flows)
