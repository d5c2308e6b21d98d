"""The sections of an environment: network, access, the four tiers and the application."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.environment import accounts, sizes
from infra.environment.aws import Aws
from infra.environment.databases import (
    DeclaredDatabase,
    DeclaredRole,
    Identifier,
    databases_fault,
    no_logical_slots,
)
from infra.environment.durability import Durability
from infra.environment.failover import Failover, Takeover
from infra.environment.sizes import Size
from infra.environment.traffic import Traffic
from infra.environment.volumes import Placement, Volume, unique_names
from infra.model import KeyedError, Model, Name

Platform = Literal["local", "aws"]
Tier = Literal["edge", "web", "database", "control"]

#: Share of a data volume that may be filled: 2% file-system overhead, 75% maximum fill.
#: Source: docs/sizing-facts.md, sizing.inputs fs_overhead and max_fill.
USABLE_SHARE = 0.98 * 0.75

#: Smallest network: addresses are laid out in blocks a tier (see `infra.topology.ADDRESS_BLOCKS`).
LARGEST_PREFIX = 24

#: Web hosts that the block of addresses of their tier has room for.
MOST_WEB_HOSTS = 80


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"{error}; write the network's first address, such as 10.88.0.0/24") from error
    if not isinstance(network, ipaddress.IPv4Network) or not any(map(network.subnet_of, _PRIVATE)):
        raise ValueError(
            "must be a private IPv4 network; take one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        )
    if network.prefixlen > LARGEST_PREFIX:
        raise ValueError(
            f"holds {network.num_addresses} addresses, too small for a block of addresses a tier; "
            f"take a /{LARGEST_PREFIX} or larger"
        )
    if network.prefixlen < 16:
        raise ValueError("is larger than one environment may take; take a /16 to /24")
    return value


_PRIVATE = tuple(ipaddress.IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))

Cidr = Annotated[str, AfterValidator(_network)]


class Network(Model):
    cidr: Cidr


class Access(Model):
    """Who may log in: one operator account on every host, by SSH key only."""

    user: Name

    @model_validator(mode="after")
    def _its_own(self) -> Self:
        if accounts.is_reserved(self.user):
            raise KeyedError(
                "user",
                f"{self.user!r} is, or may become, an account of the system or of a daemon, and the operator "
                "may become root; take a name of its own, such as operator",
            )
        return self


class Edge(Model):
    """The load balancer in front of the web tier. `local` runs HAProxy on these hosts."""

    count: int = Field(ge=1, le=1)
    size: Size


class Web(Model):
    """`instance_type` (aws) or `size` (local): the one gives the other."""

    count: int = Field(ge=1, le=MOST_WEB_HOSTS)
    size: Size
    instance_type: str | None = None

    _size = model_validator(mode="before")(sizes.sized)


class Database(Model):
    """`expected_data_gib` is what tables and indexes will hold; the data volume must carry it at 75% fill.

    `instance_type` (aws) or `size` (local). A volume of class `instance-store` is as large as the drives.
    `accept_single_copy`: the loss of data on instance store is accepted, which has one copy until the kit
    makes standbys and backups.
    """

    members: int = Field(ge=1, le=9)
    version: Literal[17]
    size: Size
    instance_type: str | None = None
    volumes: tuple[Volume, ...] = Field(min_length=1, max_length=8)
    placement: Placement
    expected_data_gib: float = Field(gt=0, allow_inf_nan=False)
    databases: tuple[DeclaredDatabase, ...] = Field(min_length=1, max_length=20)
    roles: tuple[DeclaredRole, ...] = Field(min_length=1, max_length=100)
    failover: Failover = Failover()
    takeover: Takeover | None = None
    accept_single_copy: bool = False

    _size = model_validator(mode="before")(sizes.sized_with_drives)
    _slots = model_validator(mode="before")(no_logical_slots)

    def volume(self, name: str) -> Volume:
        return next(v for v in self.volumes if v.name == name)

    @model_validator(mode="after")
    def _names(self) -> Self:
        if fault := databases_fault(self.databases, self.roles):
            raise fault
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unique_names(self.volumes)
        names = [v.name for v in self.volumes]
        for purpose, volume in self.placement.items():
            if volume not in names:
                raise KeyedError(
                    f"placement.{purpose}",
                    f"there is no volume {volume!r} among database.volumes; "
                    f"take one of {', '.join(names)} or add it there",
                )
        data = self.volume(self.placement.data)
        usable = data.size_gib * USABLE_SHARE
        if self.expected_data_gib > usable:
            # The smallest size that the comparison above accepts: a division would round the other way.
            need = int(self.expected_data_gib / USABLE_SHARE)
            need += need * USABLE_SHARE < self.expected_data_gib
            fix = f"make it at least {need} GiB"
            if data.volume_class == "instance-store":
                fix = f"take an instance_type whose drives hold {sizes.drives_gb(need):,.0f} GB"
            raise KeyedError(
                "expected_data_gib",
                f"{self.expected_data_gib:g} GiB do not fit the {usable:.1f} GiB that volume "
                f"{data.name!r} of {data.size_gib} GiB holds at {USABLE_SHARE:.1%} fill; "
                f"{fix} or expect less data",
            )
        return self


class Control(Model):
    """Small hosts for etcd, Prometheus and, on local, the S3 gateway; each kind of data on its own volume."""

    count: int = Field(ge=1, le=5)
    size: Size
    instance_type: str | None = None
    volumes: tuple[Volume, ...]

    _size = model_validator(mode="before")(sizes.sized_without_drives)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unique_names(self.volumes)
        if self.count % 2 == 0:
            raise KeyedError(
                "count", f"{self.count} hosts give etcd no majority in a split; take an odd number"
            )
        return self


class StandbyReads(Model):
    """Pages of photos come from a standby that is at most `max_lag_ms` behind, else from the leader.

    The follower knows how far a standby is within its round of half a second, so less cannot be held.
    """

    max_lag_ms: int = Field(ge=2000, le=60_000)


class App(Model):
    """The photo API. `max_upload_mib`: the largest photo.

    `database`, `role`: of those that the section `database` declares, what it connects to and as whom. Its
    migrations run as the database's owner, and grant rights to the role by its name.
    `pool_size`, `write_pool_size`: PostgreSQL connections of a web host to read, and to write.
    `read_from_standbys`: which reads may come from a standby; without the key all go to the leader.
    `exif_location`: whether the place that a camera recorded is removed from answers and stored files
    (`strip`), or given to whoever reaches the API (`keep`).
    """

    database: Identifier
    role: Identifier
    pool_size: int = Field(ge=1, le=200)
    write_pool_size: int = Field(default=4, ge=1, le=200)
    max_upload_mib: int = Field(ge=1, le=100)
    exif_location: Literal["strip", "keep"] = "strip"
    read_from_standbys: StandbyReads | None = None

    @property
    def connections(self) -> int:
        """Of a web host to one member, at most: the leader has all reads while no standby will do."""
        reads = self.pool_size * (1 if self.read_from_standbys is None else 2)
        return reads + self.write_pool_size


class Sections(Model):
    """The keys of one environment, each section checked by itself; `rules` checks them against each other.

    `edge` is for local; on aws it is a load balancer of AWS. `aws` and `traffic`: for aws.
    """

    platform: Platform
    network: Network
    access: Access
    edge: Edge | None = None
    web: Web
    database: Database
    control: Control
    app: App
    durability: Durability
    aws: Aws | None = None
    traffic: Traffic | None = None
