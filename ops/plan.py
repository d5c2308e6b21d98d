"""`flashtier plan`: what an environment on AWS needs, carries and costs, as plain data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from infra import catalogue
from infra.capacity import metered
from infra.capacity.bill import NOT_COUNTED, bill, cited
from infra.capacity.check import check_capacity
from infra.capacity.formulas import hosts as sizing_hosts
from infra.capacity.formulas import services
from infra.capacity.formulas.copies import loss_risk, rebuild
from infra.capacity.formulas.space import cache_gb, days_until_full, share_in_cache
from infra.capacity.limits import Limit, hosts_counted, limits, zone_loss_counts
from infra.capacity.options import Comparison, Option, compare
from infra.capacity.tier import Needs, TierVolume, needs, tier_of
from infra.catalogue.units import DAYS_MONTH
from infra.environment import Environment
from infra.errors import FlashtierError


@dataclass(frozen=True)
class Plan:
    """`report` is what `--json` prints; the rest is what tables and chart are drawn from."""

    report: dict[str, Any]
    environment: Environment
    asked: Needs
    limits: tuple[Limit, ...]
    comparison: Comparison


def make(stack: str, environment: Environment, today: date) -> Plan:
    """The plan of an environment on AWS. Raises `FlashtierError` on another platform."""
    if environment.platform != "aws" or environment.traffic is None:
        raise FlashtierError(
            f"stack {stack}: is on {environment.platform}, and a plan needs the figures and prices of aws; "
            "take a stack on aws, such as prod"
        )
    asked = needs(environment.traffic)
    found = limits(environment)
    comparison = compare(environment, asked)
    items = bill(environment, asked)
    total = sum(item.usd_month for item in items)
    first = min(found, key=lambda limit: limit.breaks_at)
    tiers = tuple(option.tier for option in comparison.options if option.tier)
    notes = [
        *_region_notes(environment),
        *_cdn_notes(environment, asked),
        *_type_notes(environment),
        *catalogue.ageing(cited(environment, tiers), today),
    ]
    report = {
        "stack": stack,
        "as_of": today.isoformat(),
        "traffic": _traffic(asked),
        "limits": [_limit(limit) for limit in found],
        "breaks_first": _limit(first),
        "database": _database(environment, asked),
        "zone_loss": _zone_loss(environment, found),
        "cost": {
            "items": [asdict(item) for item in items],
            "usd_month": total,
            "usd_per_million_calls": total / (environment.traffic.calls_per_day * DAYS_MONTH / 1e6),
            "not_counted": list(NOT_COUNTED),
        },
        "options": [_option(option) for option in comparison.options],
        "takes": comparison.chosen.storage if comparison.chosen else None,
        "why": comparison.why,
        "faults": check_capacity(environment),
        "notes": notes,
    }
    return Plan(report, environment, asked, found, comparison)


def _traffic(asked: Needs) -> list[dict[str, Any]]:
    """Rows of (what, unit, average, peak, burst); None where a figure has no meaning."""
    d, ratio = asked.demand, 1 / asked.traffic.peak_to_average

    def row(what: str, unit: str, peak: float, burst: float) -> dict[str, Any]:
        return {"what": what, "unit": unit, "average": peak * ratio, "peak": peak, "burst": burst}

    return [
        row("calls", "1/s", d.peak_calls_per_s, d.peak_calls_per_s),
        row("writing transactions", "1/s", d.write_tx_peak_per_s, d.write_tx_burst_per_s),
        row("SQL statements", "1/s", d.sql_peak_per_s, d.sql_burst_per_s),
        row("database reads", "IOPS", d.read_iops_peak, d.read_iops_peak),
        row("database writes", "IOPS", d.write_iops_peak, d.write_iops_burst),
        row("of these, WAL flushes", "IOPS", d.wal_flush_iops_peak, d.wal_flush_iops_burst),
        row("WAL", "MB/s", d.wal_peak_bytes_per_s / 1e6, d.wal_burst_bytes_per_s / 1e6),
    ]


def _limit(limit: Limit) -> dict[str, Any]:
    return asdict(limit) | {"breaks_at": _finite(limit.breaks_at), "carries": limit.carries}


def _finite(value: float) -> float | None:
    """JSON has no infinity: None stands for never."""
    return None if math.isinf(value) else value


def _database(environment: Environment, asked: Needs) -> dict[str, Any]:
    """Space, cache, WAL, copies and what a stall does: figures that no limit is made of, too."""
    tier, s, a, d = tier_of(environment), asked.space, asked.traffic.assumptions, asked.demand
    cache = cache_gb(tier.instance.memory_gib, a.cache_share)
    data = next(volume for volume in tier.volumes if "data" in volume.purposes)
    usable = data.usable_gb(tier.instance)
    today = s.data_gb + (s.wal_gb if "wal" in data.purposes else 0)
    days = days_until_full(usable, today, s.growth_gb_day)
    after = rebuild(s.data_gb, d, a, tier.instance.network_baseline_gbps)
    risk = loss_risk(tier.members, a, after)
    pool = min(
        environment.app.pool_size * hosts_counted(environment, environment.web.count),
        sizing_hosts.POOL_PER_VCPU * tier.instance.vcpus,
    )
    stalled = sizing_hosts.stall(d, a, pool)
    budget = sizing_hosts.error_budget(asked.traffic.calls_per_day, d, a)
    return {
        "instance_type": tier.instance.type,
        "members": tier.members,
        "volumes": [_volume(volume, environment) for volume in tier.volumes],
        "data_gb": s.data_gb,
        "growth_gb_day": s.growth_gb_day,
        "usable_gb": usable,
        "days_until_full": _finite(days),
        "max_wal_size_gib": s.max_wal_size_gib,
        "wal_gb_day": d.wal_gb_day,
        "hot_gb": s.hot_gb,
        "cache_gb": cache,
        "hot_share_in_cache": share_in_cache(cache, s.hot_gb),
        "copy_h": after.copy_h,
        "catch_up_h": after.catch_up_h,
        "second_loss_meanwhile": risk.second_loss if tier.members > 1 else None,
        "stall_s": a.stall_s,
        "pool": pool,
        "pool_exhausted_s": _finite(stalled.pool_exhausted_s),
        "queue_after_stall": stalled.queue,
        "drain_s": stalled.drain_s,
        "dead_minute_budget_days": budget.minute_days,
    }


def _volume(volume: TierVolume, environment: Environment) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": volume.name,
        "class": volume.volume_class,
        "carries": sorted(volume.purposes),
    }
    if volume.ebs:
        return found | {
            "size_gib": volume.size_gib,
            "iops": volume.iops,
            "throughput_mib_s": volume.mib_s or None,
        }
    drives = catalogue.local_drives(tier_of(environment).instance)
    return found | drives.model_dump(
        include={
            "gb",
            "published_read_iops",
            "published_write_iops",
            "measured_read_iops",
            "measured_write_iops",
            "planned_read_iops",
            "planned_write_iops",
            "origin",
        }
    )


def _zone_loss(environment: Environment, found: tuple[Limit, ...]) -> dict[str, Any]:
    """What is left when one zone is gone, and whether it carries the peak."""
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    zones = len(environment.aws.zones)

    def left(hosts: int) -> int:
        return sizing_hosts.hosts_after_zone_loss(hosts, zones)

    members, control = environment.database.members, environment.control.count
    counted = zone_loss_counts(environment)
    web = [limit for limit in found if limit.key in ("web.count", "app.pool_size")]
    return {
        "zones": zones,
        "planned_for": counted,
        "web_left": left(environment.web.count),
        "web": environment.web.count,
        "members_left": left(members),
        "members": members,
        "writes_go_on": counted and left(members) > members // 2,
        "etcd_majority": left(control) > control // 2,
        "control_left": left(control),
        "control": control,
        "carries_peak": counted and all(limit.carries for limit in web),
    }


def _option(option: Option) -> dict[str, Any]:
    first = option.breaks_first
    tier = option.tier
    data = next((v for v in tier.volumes if "data" in v.purposes), None) if tier else None
    return {
        "class": option.storage,
        "declared": option.declared,
        "instance_type": tier.instance.type if tier else None,
        "members": tier.members if tier else None,
        "size_gib": data.size_gib if data and data.ebs else None,
        "iops": data.iops if data and data.ebs else None,
        "throughput_mib_s": (data.mib_s or None) if data and data.ebs else None,
        "usd_month": option.usd_month if tier else None,
        "breaks_first": _limit(first) if first else None,
        "days_of_growth": _finite(option.days_of_growth),
        "durable_write_p99_us": option.durable_write_p99_us,
        "designed_ms": option.designed_ms,
        "wal_flushes_per_s": option.flushes_per_s,
        "commits_per_flush_in_burst": option.commits_per_flush,
        "carries": option.carries,
        "lacks": list(option.lacks),
    }


def _region_notes(environment: Environment) -> list[str]:
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    prices, region = catalogue.price_region(), environment.aws.region
    if region == prices:
        return []
    return [f"prices are those of {prices}; the environment is in {region}, where they differ"]


def _cdn_notes(environment: Environment, asked: Needs) -> list[str]:
    """What the web hosts send in place of a CDN, and what that costs to the internet."""
    if metered.has_cdn(environment):
        return []
    fetched, gb = metered.photos_fetched(asked.traffic)
    first, more = (catalogue.price(name).usd for name in ("egress_first_gb", "egress_next_gb"))
    return [
        f"aws.cdn is none: the web hosts send {fetched / 1e6:,.1f} million photos a month, {gb:,.0f} GB or "
        f"${services.egress_usd_month(gb, first, more):,.0f} to the internet, by image_call_share = "
        f"{asked.traffic.assumptions.image_call_share:g}; with cdn: cloudfront the CDN sends them"
    ]


def _type_notes(environment: Environment) -> list[str]:
    """What is known of a type that its row of figures does not say."""
    notes = []
    for tier in ("web", "database", "control"):
        name = getattr(environment, tier).instance_type
        instance = catalogue.find(name)
        if instance.burstable:
            notes.append(
                f"{tier}.instance_type {name} runs on processor credits: a mean load above "
                f"{instance.baseline_vcpus:g} of its {instance.vcpus} vCPUs is charged by the vCPU-hour"
            )
    tier_now = tier_of(environment)
    if any(not volume.ebs for volume in tier_now.volumes):
        drives = catalogue.local_drives(tier_now.instance)
        if drives.measured_write_iops is None:
            notes.append(f"{drives.type}: its drives were not measured; the plan rests on {drives.origin}")
        if drives.durable_write_us is None:
            notes.append(
                f"{drives.type}: no durable write was measured on {tier_now.instance.family}; hold one "
                "against traffic.durable_write_p99_ms before you rely on it"
            )
    return notes
