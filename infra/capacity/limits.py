"""Every limit that the traffic meets: what it needs, what there is, and at which multiple it breaks.

Needs grow in proportion to the traffic, users and calls alike, so a limit breaks at have / need.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from infra import catalogue
from infra.capacity.formulas import hosts as sizing_hosts
from infra.capacity.formulas import services
from infra.capacity.formulas.copies import replication
from infra.capacity.metered import at_the_edge
from infra.capacity.tier import DatabaseTier, Needs, TierVolume, needs, tier_of
from infra.catalogue.units import MB_PER_MIB
from infra.environment import Environment

MB = 1e6


@dataclass(frozen=True, slots=True)
class Limit:
    """`key` of the environment sets `have`; `basis` says what the figure is, from where."""

    what: str
    key: str
    need: float
    have: float
    unit: str
    basis: str

    @property
    def breaks_at(self) -> float:
        """Multiple of today's traffic that it carries; infinite if nothing is needed of it."""
        return self.have / self.need if self.need else math.inf

    @property
    def carries(self) -> bool:
        return self.need <= self.have


def limits(environment: Environment) -> tuple[Limit, ...]:
    """All limits of an environment on AWS."""
    assert environment.traffic is not None  # noqa: S101 - the model's rule for platform aws
    asked = needs(environment.traffic)
    return (*web_limits(environment, asked), *database_limits(tier_of(environment), asked))


def zone_loss_counts(environment: Environment) -> bool:
    """Whether the environment must carry its peak with one zone gone: where commits wait for another zone."""
    return environment.durability.quorum


def hosts_counted(environment: Environment, hosts: int) -> int:
    """Those of `hosts` that a plan may count on."""
    if environment.aws is None or not zone_loss_counts(environment):
        return hosts
    return sizing_hosts.hosts_after_zone_loss(hosts, len(environment.aws.zones))


def web_limits(environment: Environment, asked: Needs) -> Iterator[Limit]:
    """Processors, network and connections of the web tier, with one zone gone where that counts."""
    a, d = asked.traffic.assumptions, asked.demand
    traffic = at_the_edge(environment, asked.traffic)
    assert environment.web.instance_type is not None  # noqa: S101 - the model's rule for platform aws
    instance = catalogue.find(environment.web.instance_type)
    left = hosts_counted(environment, environment.web.count)
    gone = "" if left == environment.web.count else ", one zone gone"
    yield Limit(
        f"web processors at peak{gone}",
        "web.count",
        sizing_hosts.web_tier(d, a, instance.vcpus, 1).vcpus,
        left * instance.vcpus,
        "vCPU",
        f"{a.cpu_ms_per_call:g} ms a call at {a.target_utilisation:.0%} use; {left} x {instance.type}",
    )
    largest = max(services.request_bytes(traffic), services.response_bytes(traffic))
    yield Limit(
        f"web network at peak{gone}",
        "web.count",
        d.peak_calls_per_s * largest * 8 / 1e9,
        left * instance.network_baseline_gbps,
        "Gbit/s",
        f"{largest:,.0f} bytes a call; {instance.network_baseline_gbps:g} Gbit/s baseline of {instance.type}",
    )
    connections = sizing_hosts.connections(d, a)
    active_in_burst = d.sql_burst_per_s * a.sql_ms / 1000
    # Of all statements, those that write have connections of their own in addition.
    serves = sizing_hosts.POOL_PER_VCPU * environment.database.size.vcpus
    yield Limit(
        f"database connections{gone}",
        "app.pool_size",
        max(connections.needed, active_in_burst),
        min(left * environment.app.pool_size, serves),
        "connections",
        f"statements under way: {connections.active_peak:.1f} at peak and {a.target_utilisation:.0%} use, "
        f"{active_in_burst:.1f} in a burst; at most {sizing_hosts.POOL_PER_VCPU} a vCPU of a member",
    )


def database_limits(tier: DatabaseTier, asked: Needs) -> Iterator[Limit]:
    """Drives or volumes, their instance, space, and replication."""
    for index, volume in enumerate(tier.volumes):
        if volume.purposes & {"data", "wal"}:
            carried = _ebs_volume if volume.ebs else _local_drives
            yield from carried(f"database.volumes.{index}", volume, tier, asked)
    yield from _instance_ebs(tier, asked)
    if tier.members > 1:
        found = replication(
            asked.demand, asked.traffic.assumptions, tier.members, tier.instance.network_baseline_gbps
        )
        yield Limit(
            "leader's network in a burst",
            "database.instance_type",
            found.burst_gbps,
            found.room_gbps,
            "Gbit/s",
            f"WAL to {tier.members - 1} standbys during a re-clone; "
            f"{tier.instance.network_baseline_gbps:g} Gbit/s baseline",
        )


def _local_drives(key: str, volume: TierVolume, tier: DatabaseTier, asked: Needs) -> Iterator[Limit]:
    drives, load = catalogue.local_drives(tier.instance), volume.load(asked)
    instance_key = "database.instance_type"
    yield Limit(
        f"{volume.name}: write IOPS in a burst",
        instance_key,
        load.write_iops,
        drives.planned_write_iops,
        "IOPS",
        _derated(drives.published_write_iops, drives.measured_write_iops, drives.planned_write_iops, drives),
    )
    yield Limit(
        f"{volume.name}: read IOPS at peak",
        instance_key,
        load.read_iops,
        drives.planned_read_iops,
        "IOPS",
        _derated(drives.published_read_iops, drives.measured_read_iops, drives.planned_read_iops, drives),
    )
    yield Limit(
        f"{volume.name}: drive time, reads and writes together",
        instance_key,
        100 * (load.write_iops / drives.planned_write_iops + load.read_iops / drives.planned_read_iops),
        100,
        "%",
        "the same drives serve both: their shares add up",
    )
    yield _space(instance_key, volume, tier, asked)


def _derated(published: int, measured: int | None, planned: float, drives: catalogue.LocalDrives) -> str:
    observed = f"measured {measured:,}" if measured is not None else "not measured on this type"
    kept = "the measurement" if planned == measured else f"{planned / published:.0%} of what is published"
    return f"published {published:,} ({drives.origin}), {observed}; planned with {kept}"


def _space(key: str, volume: TierVolume, tier: DatabaseTier, asked: Needs) -> Limit:
    parts = []
    if "data" in volume.purposes:
        parts.append(f"{asked.space.data_gb:,.0f} GB of data")
        parts.append(f"{asked.traffic.growth_days} d of {asked.space.growth_gb_day:.3g} GB")
    if "wal" in volume.purposes:
        parts.append(f"{asked.space.wal_gb:,.0f} GB of WAL")
    return Limit(
        f"{volume.name}: space",
        key,
        volume.load(asked).gb,
        volume.usable_gb(tier.instance),
        "GB",
        f"{', '.join(parts)}; at 75% fill" + ("" if volume.ebs else ", a tenth of the drives unpartitioned"),
    )


def _ebs_volume(key: str, volume: TierVolume, tier: DatabaseTier, asked: Needs) -> Iterator[Limit]:
    ebs, load = volume.ebs, volume.load(asked)
    assert ebs is not None  # noqa: S101 - the caller's choice
    share = ebs.promise.iops_share
    yield Limit(
        f"{volume.name}: IOPS in a burst",
        f"{key}.iops",
        load.write_iops + load.read_iops,
        volume.iops * share,
        "IOPS",
        f"{share:.0%} of the {volume.iops:,} provisioned, as AWS promises for "
        f"{ebs.promise.of_the_year:.1%} of a year; reads and writes count alike",
    )
    yield Limit(
        f"{volume.name}: throughput in a burst",
        f"{key}.throughput_mib_s" if volume.mib_s else f"{key}.class",
        load.bytes_per_s / MB,
        volume.mb_s,
        "MB/s",
        f"WAL, page reads, and a checkpoint's pages; {volume.mb_s / MB_PER_MIB:,.0f} MiB/s of the volume",
    )
    yield _space(f"{key}.size_gib", volume, tier, asked)


def _instance_ebs(tier: DatabaseTier, asked: Needs) -> Iterator[Limit]:
    """What the instance moves to and from all its EBS volumes: its baseline, not its half hour a day."""
    loads = [volume.load(asked) for volume in tier.volumes if volume.ebs]
    instance, minutes = tier.instance, catalogue.burst_minutes_a_day()
    iops = sum(load.read_iops + load.write_iops for load in loads)
    mb_s = sum(load.bytes_per_s for load in loads) / MB
    if not iops:
        return

    def bursts(most: float, baseline: float) -> str:
        return f"{most:,.0f} for {minutes} min a day" if most > baseline else "no more in a burst"

    yield Limit(
        "instance's EBS IOPS in a burst",
        "database.instance_type",
        iops,
        instance.ebs_baseline_iops,
        "IOPS",
        f"baseline of {instance.type}; {bursts(instance.ebs_maximum_iops, instance.ebs_baseline_iops)}",
    )
    yield Limit(
        "instance's EBS throughput in a burst",
        "database.instance_type",
        mb_s,
        instance.ebs_baseline_mb_s,
        "MB/s",
        f"baseline of {instance.type}; {bursts(instance.ebs_maximum_mb_s, instance.ebs_baseline_mb_s)}",
    )
