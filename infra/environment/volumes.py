"""The volumes of a host: their classes, what a class lets one choose, and which volume carries what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from infra import catalogue
from infra.model import KeyedError, Model, Name

Purpose = Literal["data", "wal", "temp", "log"]
VolumeClass = Literal["flash", "network", "instance-store", "io2", "gp3"]
EBS_CLASSES: tuple[catalogue.EbsClass, ...] = ("io2", "gp3")

#: Classes of each platform.
CLASSES: dict[str, tuple[VolumeClass, ...]] = {
    "local": ("flash", "network"),
    "aws": ("instance-store", "io2", "gp3"),
}

#: Drives in the host itself: microseconds a write, and on AWS gone when the host stops.
FLASH_CLASSES: frozenset[VolumeClass] = frozenset({"flash", "instance-store"})

#: Losing one of these loses data.
DATA_PURPOSES: tuple[Purpose, ...] = ("data", "wal")


class Volume(Model):
    """A block device: one volume of EBS, all local drives of a host as RAID 0, or a device of platform local.

    local: `flash` is plain, `network` like gp3 (about 3,000 IOPS, 125 MiB/s, 1.4 ms). aws: `instance-store`
    takes its size from the instance type, `io2` states `iops`, `gp3` states `iops` and `throughput_mib_s`.
    """

    name: Name
    volume_class: VolumeClass = Field(alias="class")
    size_gib: int = Field(ge=1, le=65_536)
    iops: int | None = None
    throughput_mib_s: int | None = None

    @property
    def ebs(self) -> catalogue.EbsClass | None:
        """The EBS class, None for what is none."""
        return next((name for name in EBS_CLASSES if name == self.volume_class), None)

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        needed = {"io2": ("iops",), "gp3": ("iops", "throughput_mib_s")}.get(self.volume_class, ())
        for key in ("iops", "throughput_mib_s"):
            given = getattr(self, key)
            if key in needed and given is None:
                raise KeyedError(key, f"is missing; a volume of class {self.volume_class} states it")
            if key not in needed and given is not None:
                raise KeyedError(key, f"{given} cannot be chosen for class {self.volume_class}; remove it")
        if self.ebs:
            self._within(self.ebs)
        return self

    def _within(self, ebs: catalogue.EbsClass) -> None:
        limits = catalogue.ebs(ebs).limits
        _between("size_gib", self.size_gib, *limits.size_gib, f"{ebs} volume", "GiB")
        iops = self.iops or 0
        _between("iops", iops, *limits.iops, f"{ebs} volume", "IOPS")
        if iops > max(limits.iops[0], self.size_gib * limits.iops_per_gib):
            raise KeyedError(
                "iops",
                f"{iops:,} on {self.size_gib} GiB; {ebs} gives {limits.iops_per_gib} IOPS a GiB at most: "
                f"make it at least {-(-iops // limits.iops_per_gib)} GiB or take fewer IOPS",
            )
        if self.throughput_mib_s is not None:
            least, most = limits.mib_s
            _between("throughput_mib_s", self.throughput_mib_s, least or 0, most, f"{ebs} volume", "MiB/s")
            ratio = limits.mib_s_per_iops
            if ratio and self.throughput_mib_s > max(least or 0, iops * ratio):
                raise KeyedError(
                    "throughput_mib_s",
                    f"{self.throughput_mib_s} with {iops:,} IOPS; {ebs} gives {ratio:g} MiB/s an IOPS: "
                    f"take at least {self.throughput_mib_s / ratio:,.0f} IOPS or less throughput",
                )


def _between(key: str, value: int, least: int, most: int, what: str, unit: str) -> None:
    if not least <= value <= most:
        raise KeyedError(key, f"{value:,} is none that one {what} has; take {least:,} to {most:,} {unit}")


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


def unique_names(volumes: Iterable[Volume]) -> None:
    """Refuse a name that is given twice among a host's volumes."""
    seen: set[str] = set()
    for volume in volumes:
        if volume.name in seen:
            raise KeyedError(
                "volumes",
                f"the name {volume.name!r} is given twice; each volume of a host needs its own name",
            )
        seen.add(volume.name)
