"""The types of a topology: hosts, their volumes, what the volumes carry, and who may reach which port."""

from __future__ import annotations

import uuid
from typing import Literal

from infra.environment import Size, Tier, VolumeClass
from infra.model import Model
from infra.topology.components import Component

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
    #: Names of the components that this host runs; they become inventory groups.
    components: tuple[str, ...]
    volumes: tuple[HostVolume, ...]
    placements: tuple[Placed, ...]


class Flow(Model):
    """Who may reach a port. `source` is a host's name, "controller", "world", or "edge": a load balancer.

    `port_name` is the port's name in the table of components.
    """

    source: str
    destination: str
    port_name: str
    port: int
    protocol: Literal["tcp", "udp"]


class Topology(Model):
    stack: str
    domain: str
    cidr: str
    #: The first address of the range. On `local` that is the bridge: every host's router, and the controller.
    gateway: str
    hosts: tuple[Host, ...]
    #: The table that groups, firewalls, security groups and scrape jobs follow from.
    components: tuple[Component, ...]
    flows: tuple[Flow, ...]
    #: Names of the database's members.
    members: tuple[str, ...]
    #: The member that the cluster is made on.
    first: str

    def tier(self, tier: Tier) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.tier == tier)


def volume_uuid(stack: str, host: str, volume: str) -> str:
    """The UUID that a volume's file system carries for life."""
    return str(uuid.uuid5(VOLUME_NAMESPACE, f"{stack}/{host}/{volume}"))
