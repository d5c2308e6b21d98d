"""The typed environment: what one `Pulumi.<env>.yaml` declares, checked at the edge and frozen.

Everything downstream trusts these types. A wrong value ends the preview with one line that names the key,
the value and the fix (see `Environment.parse`). Machine limits (free disk, memory) are the platform's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from infra.errors import EnvironmentInvalid

#: Share of a data volume that may be filled: 2% file-system overhead, 75% maximum fill.
#: Source: docs/sizing-facts.md, sizing.inputs fs_overhead and max_fill.
USABLE_SHARE = 0.98 * 0.75

#: Smallest network: addresses are laid out in blocks a tier (see `infra.topology.ADDRESS_BLOCKS`).
LARGEST_PREFIX = 24

Purpose = Literal["data", "wal", "temp", "log"]
VolumeClass = Literal["flash", "network"]


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,14}", value):
        raise ValueError(
            "must start with a lower-case letter, hold only a-z, 0-9 and '-', "
            "at most 15 characters; rename it"
        )
    return value


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

Name = Annotated[str, AfterValidator(_name)]
Cidr = Annotated[str, AfterValidator(_network)]


class KeyedError(ValueError):
    """A fault that spans several keys; `key` is the one to mend, relative to the model that found it."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


class Model(BaseModel):
    """Frozen, unknown keys refused, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Size(Model):
    """A host's size. `vcpus` are cores the host may use; `memory_mib` is its limit, page cache included."""

    vcpus: int = Field(ge=1, le=192)
    memory_mib: int = Field(ge=256, le=1_048_576)


class Network(Model):
    cidr: Cidr


class Access(Model):
    """Who may log in: one operator account on every host, by SSH key only."""

    user: Name


class Edge(Model):
    """The load balancer in front of the web tier. `local` runs HAProxy on these hosts."""

    count: int = Field(ge=1, le=1)
    size: Size


class Web(Model):
    count: int = Field(ge=1, le=80)
    size: Size


class Volume(Model):
    """A block device: `flash` is plain, `network` like gp3 (about 3,000 IOPS, 125 MiB/s, 1.4 ms)."""

    name: Name
    volume_class: VolumeClass = Field(alias="class")
    size_gib: int = Field(ge=1, le=65_536)


class Placement(Model):
    """Which volume of every database member carries what. Each value names one of `database.volumes`.

    A volume that carries nothing is allowed: it is where a move will go.
    """

    data: str
    wal: str
    temp: str
    log: str

    def items(self) -> tuple[tuple[Purpose, str], ...]:
        return (("data", self.data), ("wal", self.wal), ("temp", self.temp), ("log", self.log))


def _unique_names(volumes: tuple[Volume, ...]) -> None:
    seen: set[str] = set()
    for volume in volumes:
        if volume.name in seen:
            raise KeyedError(
                "volumes",
                f"the name {volume.name!r} is given twice; each volume of a host needs its own name",
            )
        seen.add(volume.name)


class Database(Model):
    """`expected_data_gib` is what tables and indexes will hold; the data volume must carry it at 75% fill."""

    members: int = Field(ge=1, le=9)
    version: Literal[17]
    size: Size
    volumes: tuple[Volume, ...] = Field(min_length=1, max_length=8)
    placement: Placement
    expected_data_gib: float = Field(gt=0, allow_inf_nan=False)

    def volume(self, name: str) -> Volume:
        return next(v for v in self.volumes if v.name == name)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _unique_names(self.volumes)
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
            need = -(-self.expected_data_gib // USABLE_SHARE)
            raise KeyedError(
                "expected_data_gib",
                f"{self.expected_data_gib:g} GiB do not fit the {usable:.1f} GiB that volume "
                f"{data.name!r} of {data.size_gib} GiB holds at {USABLE_SHARE:.1%} fill; "
                f"make it at least {need:.0f} GiB or expect less data",
            )
        return self


class Control(Model):
    """Small hosts for etcd, Prometheus and the S3 gateway, each kind of data on a volume of its own."""

    count: int = Field(ge=1, le=5)
    size: Size
    volumes: tuple[Volume, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _unique_names(self.volumes)
        names = {v.name for v in self.volumes}
        if names != CONTROL_VOLUMES:
            missing, extra = sorted(CONTROL_VOLUMES - names), sorted(names - CONTROL_VOLUMES)
            raise KeyedError(
                "volumes",
                f"{'missing ' + ', '.join(missing) if missing else 'unknown ' + ', '.join(extra)}; "
                f"declare exactly {', '.join(sorted(CONTROL_VOLUMES))}",
            )
        if self.count % 2 == 0:
            raise KeyedError(
                "count", f"{self.count} hosts give etcd no majority in a split; take an odd number"
            )
        return self


CONTROL_VOLUMES = frozenset({"etcd", "metrics", "repository"})


class App(Model):
    """The photo API. `pool_size`: PostgreSQL connections a web host; `max_upload_mib`: the largest photo."""

    pool_size: int = Field(ge=1, le=200)
    max_upload_mib: int = Field(ge=1, le=100)


class Environment(Model):
    """One environment, whole. Build it with `parse`, which turns every fault into one readable line."""

    platform: Literal["local"]
    network: Network
    access: Access
    edge: Edge
    web: Web
    database: Database
    control: Control
    app: App

    @classmethod
    def parse(cls, declared: object) -> Environment:
        """Read `flashtier:environment`. Raises `EnvironmentInvalid`, one line a fault, all faults at once."""
        if not isinstance(declared, Mapping):
            raise EnvironmentInvalid(
                [f"flashtier:environment = {declared!r}: must be a mapping, as in Pulumi.local.yaml"]
            )
        try:
            return cls.model_validate(_tuples(declared))
        except ValidationError as error:
            raise EnvironmentInvalid([_line(fault) for fault in error.errors()]) from error


def _tuples(value: object) -> object:
    """YAML lists as tuples, so that strict models take them."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


_FIXES = {
    "extra_forbidden": "is not a key of the environment; remove it or correct its spelling",
    "missing": "is missing; add it",
}


def _line(fault: ErrorDetails) -> str:
    kind, cause = fault["type"], fault.get("ctx", {}).get("error")
    path = ["flashtier:environment", *(str(part) for part in fault["loc"])]
    if isinstance(cause, KeyedError):
        path.append(cause.key)
    key = ".".join(path)
    if kind == "missing":
        return f"{key}: {_FIXES[kind]}"
    value = "" if isinstance(cause, KeyedError) else f" = {fault['input']!r}"
    return f"{key}{value}: {cause or _FIXES.get(kind, fault['msg'])}"
