"""Whether an environment carries its declared traffic: for each lack one line that a preview ends with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from infra import catalogue
from infra.capacity.formulas.hosts import POOL_PER_VCPU
from infra.capacity.limits import (
    Limit,
    database_limits,
    limits,
    web_limits,
)
from infra.capacity.tier import DatabaseTier, Needs, needs, tier_of
from infra.catalogue.units import GB_PER_GIB, MB_PER_MIB
from infra.environment import Environment
from infra.environment.sections import MOST_WEB_HOSTS, USABLE_SHARE

INSTANCE = "database.instance_type"
#: expected_data_gib may be rounded: by this much it may lie below what the users hold.
_ROUNDING = 0.05


def check_capacity(environment: Environment) -> list[str]:
    """What the declared tiers cannot carry of the declared traffic, one line each; empty if all is carried.

    A line names key, value, what is needed and the fix. Only platform aws is checked: of other drives the
    catalogue knows nothing.
    """
    if environment.platform != "aws" or environment.traffic is None:
        return []
    asked = needs(environment.traffic)
    return [
        *(_line(environment, asked, limit) for limit in limits(environment) if not limit.carries),
        *latency_faults(tier_of(environment), asked),
        *_expected_data(environment, asked),
    ]


def _line(environment: Environment, asked: Needs, limit: Limit) -> str:
    return (
        f"flashtier:environment.{limit.key} = {_value(environment, limit.key)}: {limit.what} needs "
        f"{_figure(limit.need)} {limit.unit}, there are {_figure(limit.have)} ({limit.basis}); "
        f"{_fix(environment, asked, limit)}"
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _value(environment: Environment, key: str) -> object:
    found: object = environment
    for step in key.split("."):
        name = "volume_class" if step == "class" else step
        found = found[int(step)] if isinstance(found, tuple) else getattr(found, name)
    return found


def _fix(environment: Environment, asked: Needs, limit: Limit) -> str:
    tier = tier_of(environment)
    match limit.key.split("."):
        case ["web", "count"]:
            return _more_web_hosts(environment, asked)
        case ["app", "pool_size"]:
            return _larger_pool(environment, limit)
        case ["database", "instance_type"]:
            return _larger_instance(tier, asked)
        case [*_, "iops"]:
            return _more_iops(tier, limit)
        case [*_, "throughput_mib_s"]:
            return _within(
                tier, limit, math.ceil(limit.need / MB_PER_MIB), "MiB/s", lambda ebs: ebs.limits.mib_s[1]
            )
        case [*_, "size_gib"]:
            size = math.ceil(limit.need / USABLE_SHARE / GB_PER_GIB)
            return _within(tier, limit, size, "GiB", lambda ebs: ebs.limits.size_gib[1])
        case _:
            return "one volume gives no more: put the data on instance-store"


def _more_web_hosts(environment: Environment, asked: Needs) -> str:
    for count in range(environment.web.count, MOST_WEB_HOSTS + 1):
        web = environment.web.model_copy(update={"count": count})
        wider = environment.model_copy(update={"web": web})
        if all(limit.carries for limit in web_limits(wider, asked) if limit.key == "web.count"):
            return f"take at least {count} hosts, or a larger web.instance_type"
    return "take a larger web.instance_type"


def _larger_pool(environment: Environment, limit: Limit) -> str:
    most = POOL_PER_VCPU * environment.database.size.vcpus
    if limit.need > most:
        return f"more than {most} connections only queue on that member: take a larger {INSTANCE}"
    # `have` is what the counted hosts' pools give, or the member's bound, which is large enough here.
    hosts = limit.have / environment.app.pool_size
    return f"take at least {math.ceil(limit.need / hosts)}"


def _larger_instance(tier: DatabaseTier, asked: Needs) -> str:
    found = smallest(tier, asked, lambda t: t.family == tier.instance.family) or smallest(
        tier, asked, lambda t: t.architecture == tier.instance.architecture
    )
    return (
        f"take {found.type} or larger" if found else "no type of the catalogue carries it: split the traffic"
    )


def smallest(
    tier: DatabaseTier, asked: Needs, suits: Callable[[catalogue.InstanceType], bool]
) -> catalogue.InstanceType | None:
    """The cheapest type that suits and whose own limits carry the traffic; None if there is none."""
    for instance in sorted(priced(), key=lambda t: t.hourly_usd()):
        if suits(instance) and carries(tier.on(instance), asked, INSTANCE):
            return instance
    return None


def priced() -> list[catalogue.InstanceType]:
    """Types that can be bought and planned with: a price is known, and the processor is not on credits."""
    return [t for t in catalogue.instance_types().values() if t.usd_per_hour is not None and not t.burstable]


def carries(tier: DatabaseTier, asked: Needs, key: str | None = None) -> bool:
    """Whether all limits of `tier`, or those that `key` sets, carry the traffic."""
    needs_drives = any(not volume.ebs for volume in tier.volumes)
    if needs_drives and tier.instance.write_iops is None:
        return False
    return all(limit.carries for limit in database_limits(tier, asked) if key in (None, limit.key))


def _more_iops(tier: DatabaseTier, limit: Limit) -> str:
    volume = tier.volumes[int(limit.key.split(".")[2])]
    share = volume.ebs.promise.iops_share if volume.ebs else 1
    return _within(tier, limit, math.ceil(limit.need / share), "IOPS", lambda ebs: ebs.limits.iops[1])


def _within(
    tier: DatabaseTier, limit: Limit, least: int, unit: str, most_of: Callable[[catalogue.Ebs], int]
) -> str:
    """Ask for `least`, or for another class where one volume of this one never has it."""
    volume = tier.volumes[int(limit.key.split(".")[2])]
    assert volume.ebs is not None  # noqa: S101 - such keys are of EBS volumes
    if least <= (most := most_of(volume.ebs)):
        return f"take at least {least:,} {unit}"
    other = ", io2" if volume.ebs.name != "io2" and least <= most_of(catalogue.ebs("io2")) else ""
    return (
        f"it takes {least:,} {unit} and one {volume.ebs.name} volume has {most:,}: take instance-store{other}"
    )


def latency_faults(tier: DatabaseTier, asked: Needs) -> Iterator[str]:
    """Volumes of data or WAL whose class is not made for the declared time of a durable write."""
    goal = asked.traffic.durable_write_p99_ms
    for index, volume in enumerate(tier.volumes):
        if volume.ebs and volume.purposes & {"data", "wal"} and (ms := slowest_ms(tier, index)) > goal:
            ebs, key = volume.ebs, f"flashtier:environment.database.volumes.{index}.class"
            yield (
                f"{key} = {ebs.name}: AWS designs it for {ebs.promise.latency_ms:g} ms "
                f"(p99 measured {ebs.durable_write_us.p99 / 1000:.2f} ms on an idle volume), and "
                f"traffic.durable_write_p99_ms is {goal:g}; take {_faster(ebs.name, goal)} or allow {ms:g} ms"
            )


def slowest_ms(tier: DatabaseTier, index: int) -> float:
    """What a durable write takes by design or as measured, the slower; 0 where it was not measured."""
    volume = tier.volumes[index]
    if volume.ebs:
        return max(volume.ebs.promise.latency_ms, volume.ebs.durable_write_us.p99 / 1000)
    measured = catalogue.local_drives(tier.instance).durable_write_us
    return measured.p99 / 1000 if measured else 0.0


def _faster(ebs: str, goal: float) -> str:
    other = catalogue.ebs("io2")
    fits = max(other.promise.latency_ms, other.durable_write_us.p99 / 1000) <= goal
    return "instance-store or io2" if ebs != "io2" and fits else "instance-store"


def _expected_data(environment: Environment, asked: Needs) -> Iterator[str]:
    expected, held = environment.database.expected_data_gib, asked.space.data_gb / GB_PER_GIB
    if expected < held * (1 - _ROUNDING):
        yield (
            f"flashtier:environment.database.expected_data_gib = {expected:g}: the users of traffic hold "
            f"{held:,.0f} GiB in rows; set it to at least {math.ceil(held * (1 - _ROUNDING)):,}, or correct "
            "traffic.users and traffic.assumptions"
        )
