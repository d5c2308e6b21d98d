"""The same load on each class of storage, side by side, and which one to take."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from infra import catalogue
from infra.capacity import check
from infra.capacity.bill import tier_usd_month
from infra.capacity.formulas.hosts import POOL_PER_VCPU, connections
from infra.capacity.formulas.space import days_until_full
from infra.capacity.limits import Limit, database_limits
from infra.capacity.tier import DatabaseTier, Needs, TierVolume, tier_of
from infra.catalogue.units import GB_PER_GIB, MB_PER_MIB
from infra.environment import Environment, durability
from infra.environment.sections import USABLE_SHARE
from infra.environment.volumes import CLASSES, VolumeClass


@dataclass(frozen=True, slots=True)
class Option:
    """One class of storage for the data. `lacks` is empty if it may be chosen.

    `durable_write_p99_us` is measured, None where it was not; `designed_ms` is AWS's, None where it has none.
    `flushes_per_s`: WAL flushes one after the other at the measured median; in a burst
    `commits_per_flush` commits must share one, and each waits for it.
    """

    storage: VolumeClass
    declared: bool
    tier: DatabaseTier | None
    usd_month: float
    breaks_first: Limit | None
    days_of_growth: float
    durable_write_p99_us: float | None
    designed_ms: float | None
    flushes_per_s: float | None
    commits_per_flush: float | None
    lacks: tuple[str, ...]

    @property
    def carries(self) -> bool:
        return not self.lacks


@dataclass(frozen=True, slots=True)
class Comparison:
    options: tuple[Option, ...]
    chosen: Option | None
    why: str


def compare(environment: Environment, asked: Needs) -> Comparison:
    """The declared tier and the cheapest one of each other class, on the same architecture."""
    declared = tier_of(environment)
    options = tuple(
        _option(storage, declared, environment, asked, declared=True)
        if storage == declared.main_class
        else _option(storage, sized(storage, declared, asked), environment, asked, declared=False)
        for storage in CLASSES["aws"]
    )
    possible = [option for option in options if option.carries]
    chosen = min(possible, key=lambda option: option.usd_month) if possible else None
    why = "; ".join((_why(chosen, options), *_smaller(declared, asked)))
    return Comparison(options, chosen, why)


def _option(
    storage: VolumeClass,
    tier: DatabaseTier | None,
    environment: Environment,
    asked: Needs,
    *,
    declared: bool,
) -> Option:
    if tier is None:
        return Option(
            storage, declared, None, math.inf, None, 0.0, None, None, None, None, (_cannot(storage, asked),)
        )
    found = tuple(database_limits(tier, asked))
    index, volume = next((i, v) for i, v in enumerate(tier.volumes) if "data" in v.purposes)
    lacks = [f"{limit.what}: {limit.breaks_at:.2f} of the need" for limit in found if not limit.carries]
    goal = asked.traffic.durable_write_p99_ms
    measured = (
        volume.ebs.durable_write_us if volume.ebs else catalogue.local_drives(tier.instance).durable_write_us
    )
    designed = volume.ebs.promise.latency_ms if volume.ebs else None
    if (ms := check.slowest_ms(tier, index)) > goal:
        lacks.append(f"durable writes within {goal:g} ms: made for {ms:g} ms")
    if storage == "instance-store":
        lacks += _rules(environment, tier)
    flushes = 1e6 / measured.p50 if measured else None
    chosen = volume.load(asked).gb - asked.traffic.growth_days * asked.space.growth_gb_day
    return Option(
        storage=storage,
        declared=declared,
        tier=tier,
        usd_month=tier_usd_month(tier),
        breaks_first=min(found, key=lambda limit: limit.breaks_at),
        days_of_growth=days_until_full(volume.usable_gb(tier.instance), chosen, asked.space.growth_gb_day),
        durable_write_p99_us=measured.p99 if measured else None,
        designed_ms=designed,
        flushes_per_s=flushes,
        commits_per_flush=max(1.0, asked.demand.write_tx_burst_per_s / flushes) if flushes else None,
        lacks=tuple(lacks),
    )


def _rules(environment: Environment, tier: DatabaseTier) -> list[str]:
    """What the environment must change before drives that a stop erases may carry its data."""
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    broken = durability.instance_store_faults(
        tier.members, len(environment.aws.zones), environment.control.count, environment.durability
    )
    return [f"durability: correct {', '.join(key for key, _ in broken)}"] if broken else []


def sized(storage: VolumeClass, like: DatabaseTier, asked: Needs) -> DatabaseTier | None:
    """The cheapest tier of `storage` that carries the load; None if no single volume or type does."""
    volume = TierVolume("data", storage, frozenset({"data", "wal", "temp", "log"}))
    if storage != "instance-store":
        fitted = _fitted(volume, asked)
        if fitted is None:
            return None
        volume = fitted
    members = max(like.members, durability.LEAST_COPIES) if storage == "instance-store" else like.members
    tier = replace(like, volumes=(volume,), members=members)
    vcpus, memory_gib = least_host(asked)

    def suits(instance: catalogue.InstanceType) -> bool:
        """Large enough next to its I/O; measured drives, or none."""
        return (
            instance.architecture == like.instance.architecture
            and instance.vcpus >= vcpus
            and instance.memory_gib >= memory_gib
            and bool(instance.drives) == (storage == "instance-store")
            and (storage != "instance-store" or _measured(instance))
        )

    found = check.smallest(tier, asked, suits)
    return tier.on(found) if found else None


def _measured(instance: catalogue.InstanceType) -> bool:
    """Whether a source measured both the rate and the time of writes on these drives."""
    if instance.measured_write_iops is None or instance.write_iops is None:
        return False
    return catalogue.local_drives(instance).durable_write_us is not None


def least_host(asked: Needs) -> tuple[int, float]:
    """(vCPUs, GiB) that a member must have whatever carries its data: for its connections and its cache."""
    a, d = asked.traffic.assumptions, asked.demand
    active = max(connections(d, a).needed, d.sql_burst_per_s * a.sql_ms / 1000)
    memory_gib = asked.space.hot_gb * a.cached_hot_share / a.cache_share / GB_PER_GIB
    return math.ceil(active / POOL_PER_VCPU), memory_gib


def _fitted(volume: TierVolume, asked: Needs) -> TierVolume | None:
    """An EBS volume as large and fast as the load takes; None if one volume is never that."""
    ebs, load = volume.ebs, volume.load(asked)
    assert ebs is not None  # noqa: S101 - the caller's choice
    limits = ebs.limits
    iops = max(limits.iops[0], math.ceil((load.read_iops + load.write_iops) / ebs.promise.iops_share))
    mib_s = math.ceil(load.bytes_per_s / 1e6 / MB_PER_MIB)
    # Throughput is bought by IOPS, and IOPS by size.
    if limits.mib_s_per_iops:
        mib_s = max(limits.mib_s[0] or 0, mib_s)
        iops = max(iops, math.ceil(mib_s / limits.mib_s_per_iops) if mib_s > (limits.mib_s[0] or 0) else 0)
    size = max(
        limits.size_gib[0],
        math.ceil(load.gb / USABLE_SHARE / GB_PER_GIB),
        math.ceil(iops / limits.iops_per_gib) if iops > limits.iops[0] else 0,
    )
    if iops > limits.iops[1] or mib_s > limits.mib_s[1] or size > limits.size_gib[1]:
        return None
    return replace(volume, size_gib=size, iops=iops, mib_s=mib_s if limits.mib_s_per_iops else 0)


def _cannot(storage: VolumeClass, asked: Needs) -> str:
    if storage == "instance-store":
        return "no measured type of this architecture carries it"
    volume = TierVolume("data", storage, frozenset({"data", "wal"}))
    load, ebs = volume.load(asked), volume.ebs
    assert ebs is not None  # noqa: S101 - instance-store is answered above
    iops = (load.read_iops + load.write_iops) / ebs.promise.iops_share
    return (
        f"one volume has at most {ebs.limits.iops[1]:,} IOPS, {ebs.limits.mib_s[1]:,} MiB/s and "
        f"{ebs.limits.size_gib[1]:,} GiB, or no type its baseline: it takes {iops:,.0f} IOPS, "
        f"{load.bytes_per_s / 1e6 / MB_PER_MIB:,.0f} MiB/s and {load.gb / USABLE_SHARE / GB_PER_GIB:,.0f} GiB"
    )


def _smaller(declared: DatabaseTier, asked: Needs) -> list[str]:
    """The cheapest type of the declared class, where that is another and costs less."""
    found = sized(declared.main_class, declared, asked)
    if found is None or found.instance.hourly_usd() >= declared.instance.hourly_usd():
        return []
    return [
        f"{found.instance.type} carries it, too, at ${found.instance.hourly_usd():g} an hour in place of "
        f"{declared.instance.type} at ${declared.instance.hourly_usd():g}"
    ]


def _why(chosen: Option | None, options: tuple[Option, ...]) -> str:
    if chosen is None:
        return "none of them carries the load: " + "; ".join(
            f"{option.storage} lacks {option.lacks[0]}" for option in options
        )
    parts = [f"the cheapest that carries the load, ${chosen.usd_month:,.0f} a month"]
    for option in options:
        if option is chosen:
            continue
        if option.carries:
            ratio = option.usd_month / chosen.usd_month
            parts.append(f"{option.storage} costs {ratio:.1f} times as much, ${option.usd_month:,.0f}")
        else:
            parts.append(f"{option.storage} lacks {option.lacks[0]}")
    if chosen.storage == "instance-store":
        parts.append("in return a stopped host loses its copy, so the rules of `durability` are not a choice")
    return "; ".join(parts)
