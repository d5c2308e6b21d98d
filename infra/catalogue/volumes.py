"""EBS volume classes, local drives, and what they and the other services cost."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import date
from typing import Literal, get_args

from infra.catalogue.instances import IOPS_SOURCES, InstanceType, instance_types
from infra.catalogue.sources import Cited, cite, missing, read, sources
from infra.errors import FlashtierError
from infra.model import Model

EbsClass = Literal["gp3", "io2"]


class Quantiles(Model):
    """Microseconds of a durable 4 KiB write at queue depth 1 on one idle host: a class, no guarantee."""

    p50: float
    p90: float
    p99: float
    p999: float
    sources: tuple[str, ...]


class Promise(Model):
    """What AWS designs a class for; `latency_ms` is for single I/Os, `iops_share` of what is provisioned."""

    iops_share: float
    of_the_year: float
    latency_ms: float
    annual_failure_rate: float
    sources: tuple[str, ...]


class Limits(Model):
    """[least, most] of one volume; None where there is nothing to choose."""

    size_gib: tuple[int, int]
    iops: tuple[int, int]
    iops_per_gib: int
    mib_s: tuple[int | None, int]
    mib_s_per_iops: float | None = None
    sources: tuple[str, ...]


class VolumePrice(Model):
    """US dollars a month. `usd_per_iops_month`: (up to this many, each costs this), after `iops_included`."""

    usd_per_gib_month: float
    iops_included: int = 0
    usd_per_iops_month: tuple[tuple[int, float], ...] = ()
    mib_s_included: int = 0
    usd_per_mib_s_month: float = 0
    source: str
    as_of: date | None

    def usd_month(self, size_gib: float, iops: float = 0, mib_s: float = 0) -> float:
        """The price of one volume for a month."""
        total = size_gib * self.usd_per_gib_month
        below = self.iops_included
        for up_to, usd in self.usd_per_iops_month:
            total += max(0, min(iops, up_to) - below) * usd
            below = up_to
        return total + max(0, mib_s - self.mib_s_included) * self.usd_per_mib_s_month


class Price(Model):
    usd: float
    source: str
    as_of: date | None
    what: str

    def cited(self) -> Cited:
        return Cited(what=f"price {self.what}", kind="price", source=self.source, as_of=self.as_of)


class Ebs(Model):
    """One EBS class: limits, promise and price, and its measured durable write."""

    name: EbsClass
    limits: Limits
    promise: Promise
    price: VolumePrice
    durable_write_us: Quantiles

    def cited(self) -> Iterator[Cited]:
        yield cite(f"{self.name} limits", "limit", *self.limits.sources)
        yield cite(f"{self.name} promise of IOPS and latency", "limit", *self.promise.sources)
        yield cite(f"{self.name} latency", "measurement", *self.durable_write_us.sources)
        yield Cited(what=f"{self.name} price", kind="price", source=self.price.source, as_of=self.price.as_of)


class LocalDrives(Model):
    """What all local drives of one instance type carry together, as RAID 0.

    `planned_*_iops` are for planning: the published figure times the share that the worst measured types
    keep when they are no longer fresh, and never more than iotune measured on this type. That share covers
    8 KiB pages too: where a drive is bound by bytes it does half as many of them as of the published 4 KiB.
    """

    type: str
    gb: int
    published_read_iops: int
    published_write_iops: int
    measured_read_iops: int | None
    measured_write_iops: int | None
    planned_read_iops: float
    planned_write_iops: float
    #: After the share that stays unpartitioned.
    partitioned_gb: float
    origin: str
    estimated: bool
    #: None: this family was not measured.
    durable_write_us: Quantiles | None
    iops_sources: tuple[str, ...]

    def cited(self) -> Iterator[Cited]:
        yield cite(f"{self.type} published drive IOPS, {self.origin}", "limit", *self.iops_sources)
        if self.measured_write_iops is not None:
            yield cite(f"{self.type} measured drive IOPS", "measurement", "SCYLLA")
        if self.durable_write_us:
            yield cite(f"{self.type} latency", "measurement", *self.durable_write_us.sources)


class Derating(Model):
    """Shares of published figures that a plan may count on."""

    write_share: float
    read_share: float
    unpartitioned_share: float
    sources: tuple[str, ...]


@functools.cache
def derating() -> Derating:
    return Derating.model_validate(read("ebs.yaml")["instance_store"])


def unpartitioned_share() -> float:
    """Share of local drives that is left to their own garbage collection."""
    return derating().unpartitioned_share


@functools.cache
def burst_minutes_a_day() -> int:
    """How long an instance keeps its maximum EBS rate, once in 24 hours."""
    minutes: int = read("ebs.yaml")["instance_burst"]["minutes_a_day"]
    return minutes


@functools.cache
def ebs(name: EbsClass) -> Ebs:
    data = read("ebs.yaml")
    return Ebs(
        name=name,
        limits=Limits.model_validate(data["limits"][name]),
        promise=Promise.model_validate(data["promise"][name]),
        price=volume_price(name),
        durable_write_us=Quantiles.model_validate(data["durable_write_us"][name]),
    )


def limits(name: str) -> Limits:
    """Limits of any EBS class of the catalogue, io1 and gp2 included."""
    found = read("ebs.yaml")["limits"]
    if name not in found:
        raise missing("EBS class", name, found, "infra/catalogue/data/ebs.yaml, limits")
    return Limits.model_validate(found[name])


def read_latency_ms(name: str) -> tuple[float, float, float, float] | None:
    """(low, mid, high, max) of a read, by EBS class or instance family; None if no source gives it."""
    found = read("ebs.yaml")["read_ms"].get(name)
    return (found["low"], found["mid"], found["high"], found["max"]) if found else None


def volume_price(name: str) -> VolumePrice:
    """The price of a class of volume. Raises `FlashtierError` that names the nearest."""
    found = read("prices.yaml")["volumes"]
    if name not in found:
        raise missing("price of volume class", name, found, "infra/catalogue/data/prices.yaml, volumes")
    return VolumePrice.model_validate(_dated(found[name]))


def price(name: str) -> Price:
    """The price called `name`, such as `nat_hour`. Raises `FlashtierError` that names the nearest."""
    found = read("prices.yaml")["others"]
    if name not in found:
        raise missing("price", name, found, "infra/catalogue/data/prices.yaml, others")
    return Price.model_validate(_dated(found[name]) | {"what": name})


def price_region() -> str:
    """The region whose prices these are."""
    region: str = read("prices.yaml")["region"]
    return region


def _dated(figure: dict[str, object]) -> dict[str, object]:
    """`as_of` is the source's date unless the figure has its own, which may be none."""
    return {"as_of": sources()[str(figure["source"])].date} | figure


def local_drives(instance: InstanceType) -> LocalDrives:
    """The local drives of `instance`. Raises `FlashtierError` if it has none or they have no source."""
    if not instance.drives:
        near = sorted(t for t in _types_with_drives() if t.split(".")[1] == instance.type.split(".")[1])[:4]
        raise FlashtierError(
            f"instance type {instance.type}: has no local drives; take one that has, "
            f"such as {', '.join(near)}"
        )
    if instance.read_iops is None or instance.write_iops is None or instance.iops_source is None:
        raise FlashtierError(
            f"instance type {instance.type}: the IOPS of its drives are neither published nor measured; "
            "take a type whose drives are known, such as i8g, i7i or i4i, or measure it and add the figures "
            "with their source to infra/catalogue/data/instances.csv"
        )
    shares = derating()
    origin, keys = IOPS_SOURCES[instance.iops_source]
    writes = read("ebs.yaml")["durable_write_us"].get(instance.family)
    assert instance.family not in get_args(EbsClass)  # noqa: S101 - the table holds both kinds of name
    return LocalDrives(
        type=instance.type,
        gb=instance.drives_gb,
        published_read_iops=instance.read_iops,
        published_write_iops=instance.write_iops,
        measured_read_iops=instance.measured_read_iops,
        measured_write_iops=instance.measured_write_iops,
        planned_read_iops=_planned(instance.read_iops, shares.read_share, instance.measured_read_iops),
        planned_write_iops=_planned(instance.write_iops, shares.write_share, instance.measured_write_iops),
        partitioned_gb=instance.drives_gb * (1 - shares.unpartitioned_share),
        origin=origin,
        estimated=instance.iops_estimated,
        durable_write_us=Quantiles.model_validate(writes) if writes else None,
        iops_sources=keys,
    )


def _planned(published: int, share: float, measured: int | None) -> float:
    return min(published * share, measured if measured is not None else published)


def _types_with_drives() -> list[str]:
    return [name for name, found in instance_types().items() if found.drives and found.family in _USUAL]


#: Families named in the error about missing local drives: the current storage-optimised ones.
_USUAL = ("i7i", "i8g", "i4i", "i7ie")
