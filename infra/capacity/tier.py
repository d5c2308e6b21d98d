"""The database tier as capacity sees it: an instance type, copies, and what each volume carries."""

from __future__ import annotations

from dataclasses import dataclass, replace

from infra import catalogue
from infra.capacity.formulas.demand import Demand, demand
from infra.capacity.formulas.space import Space, space
from infra.catalogue.units import GB_PER_GIB, MB_PER_MIB, PAGE_BYTES
from infra.environment import Environment
from infra.environment.sections import USABLE_SHARE
from infra.environment.traffic import Traffic
from infra.environment.volumes import Purpose, VolumeClass


@dataclass(frozen=True, slots=True)
class Needs:
    """The declared traffic, and what follows from it."""

    traffic: Traffic
    demand: Demand
    space: Space


def needs(traffic: Traffic) -> Needs:
    asked = demand(traffic)
    return Needs(traffic, asked, space(traffic, asked))


def scaled(traffic: Traffic, multiple: float) -> Traffic:
    """Traffic of `multiple` times the calls and the users, alike in all else."""
    return traffic.model_copy(
        update={
            "calls_per_day": max(1, round(traffic.calls_per_day * multiple)),
            "users": max(1, round(traffic.users * multiple)),
        }
    )


@dataclass(frozen=True, slots=True)
class Load:
    """What one volume must carry: reads of the peak with the writes of a burst, and what lies on it."""

    read_iops: float
    write_iops: float
    bytes_per_s: float
    gb: float


@dataclass(frozen=True, slots=True)
class TierVolume:
    """One volume of every member. `iops` and `mib_s` are what an EBS volume was given, 0 for local drives."""

    name: str
    volume_class: VolumeClass
    purposes: frozenset[Purpose]
    size_gib: int = 0
    iops: int = 0
    mib_s: int = 0

    @property
    def ebs(self) -> catalogue.Ebs | None:
        """The EBS class, None for local drives."""
        match self.volume_class:
            case "io2" | "gp3":
                return catalogue.ebs(self.volume_class)
            case _:
                return None

    def load(self, asked: Needs) -> Load:
        """Sorts, hashes and logs are in no formula: what `temp` and `log` take is not counted."""
        d, s = asked.demand, asked.space
        data, wal = "data" in self.purposes, "wal" in self.purposes
        growth = asked.traffic.growth_days * s.growth_gb_day
        page_reads = d.read_iops_peak * PAGE_BYTES
        return Load(
            read_iops=d.read_iops_peak * data,
            write_iops=d.data_write_iops_burst * data + d.wal_flush_iops_burst * wal,
            bytes_per_s=(d.checkpoint_burst_bytes_per_s + page_reads) * data + d.wal_burst_bytes_per_s * wal,
            gb=(s.data_gb + growth) * data + s.wal_gb * wal,
        )

    def usable_gb(self, instance: catalogue.InstanceType) -> float:
        """Decimal gigabytes that may be filled: file system and room for bloat deducted."""
        raw = self.size_gib * GB_PER_GIB if self.ebs else catalogue.local_drives(instance).partitioned_gb
        return raw * USABLE_SHARE

    @property
    def mb_s(self) -> float:
        """Decimal megabytes a second of an EBS volume."""
        most = self.mib_s or (self.ebs.limits.mib_s[1] if self.ebs else 0)
        return most * MB_PER_MIB


@dataclass(frozen=True, slots=True)
class DatabaseTier:
    instance: catalogue.InstanceType
    members: int
    volumes: tuple[TierVolume, ...]

    @property
    def main_class(self) -> VolumeClass:
        """The class of the volume that carries the data."""
        return next(volume.volume_class for volume in self.volumes if "data" in volume.purposes)

    def on(self, instance: catalogue.InstanceType) -> DatabaseTier:
        """The same tier on another instance type."""
        return replace(self, instance=instance)


def tier_of(environment: Environment) -> DatabaseTier:
    """The declared database tier of an environment on AWS."""
    database = environment.database
    assert database.instance_type is not None  # noqa: S101 - the model's rule for platform aws
    return DatabaseTier(
        instance=catalogue.find(database.instance_type),
        members=database.members,
        volumes=tuple(
            TierVolume(
                name=volume.name,
                volume_class=volume.volume_class,
                purposes=frozenset(p for p, name in database.placement.items() if name == volume.name),
                size_gib=volume.size_gib,
                iops=volume.iops or 0,
                mib_s=volume.throughput_mib_s or 0,
            )
            for volume in database.volumes
        ),
    )
