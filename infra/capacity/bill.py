"""What an environment costs a month, item by item: on demand, in US dollars, without tax."""

from __future__ import annotations

from collections.abc import Iterator

from infra import catalogue
from infra.capacity import metered
from infra.capacity.formulas import services
from infra.capacity.item import Item, usd
from infra.capacity.tier import DatabaseTier, Needs, tier_of
from infra.catalogue.units import HOURS_MONTH
from infra.environment import Environment
from infra.environment.volumes import Volume

#: What is in no figure, because it has no source or depends on use.
NOT_COUNTED = (
    "CloudFront's higher prices outside North America and Europe",
    "requests to KMS",
    "queries and pages that cross zones, other than replication",
    "flow logs, access logs and the log of what WAF blocks",
    "old versions of photos",
    "Savings Plans and reserved prices, which lower the hosts' part",
    "tax and support",
)


def bill(environment: Environment, asked: Needs) -> tuple[Item, ...]:
    """All items of an environment on AWS. Raises `FlashtierError` if a type has no known price."""
    return (
        *_hosts(environment),
        *_volumes(environment),
        *_network(environment, asked),
        *_s3(environment, asked),
        *metered.metered(environment, asked),
    )


def instances_usd_month(instance: catalogue.InstanceType, count: int) -> float:
    return count * instance.hourly_usd() * HOURS_MONTH


def tier_usd_month(tier: DatabaseTier) -> float:
    """Instances and EBS volumes of a database tier, root volumes aside."""
    volumes = sum(
        volume.ebs.price.usd_month(volume.size_gib, volume.iops, volume.mib_s)
        for volume in tier.volumes
        if volume.ebs
    )
    return instances_usd_month(tier.instance, tier.members) + tier.members * volumes


def _counted(environment: Environment) -> tuple[tuple[str, str | None, int], ...]:
    return (
        ("web", environment.web.instance_type, environment.web.count),
        ("database", environment.database.instance_type, environment.database.members),
        ("control", environment.control.instance_type, environment.control.count),
    )


def _hosts(environment: Environment) -> Iterator[Item]:
    for tier, name, count in _counted(environment):
        assert name is not None  # noqa: S101 - the model's rule for platform aws
        instance = catalogue.find(name)
        yield Item(
            f"{tier} hosts",
            instances_usd_month(instance, count),
            f"{count} x {name} at ${instance.hourly_usd():g} an hour",
        )


def _volumes(environment: Environment) -> Iterator[Item]:
    declared = (
        ("database", environment.database.members, environment.database.volumes),
        ("control", environment.control.count, environment.control.volumes),
    )
    for tier, count, volumes in declared:
        ebs = [volume for volume in volumes if volume.ebs]
        if ebs:
            basis = " + ".join(_described(volume) for volume in ebs)
            yield Item(f"{tier} volumes", count * sum(map(_volume_usd, ebs)), f"{count} x ({basis})")
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    hosts, size = sum(count for _, _, count in _counted(environment)), environment.aws.root_gib
    yield Item(
        "root volumes",
        # gp3 as it comes: what is included is not charged.
        hosts * catalogue.ebs("gp3").price.usd_month(size),
        f"{hosts} x {size} GiB gp3",
    )


def _volume_usd(volume: Volume) -> float:
    assert volume.ebs is not None  # noqa: S101 - the caller's choice
    price = catalogue.ebs(volume.ebs).price
    return price.usd_month(volume.size_gib, volume.iops or 0, volume.throughput_mib_s or 0)


def _described(volume: Volume) -> str:
    throughput = f", {volume.throughput_mib_s:,} MiB/s" if volume.throughput_mib_s else ""
    return f"{volume.name}: {volume.size_gib:,} GiB {volume.ebs}, {volume.iops:,} IOPS{throughput}"


def _network(environment: Environment, asked: Needs) -> Iterator[Item]:
    traffic, d = metered.at_the_edge(environment, asked.traffic), asked.demand
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    units = services.load_balancer(traffic, d)
    average = units.lcu_peak / traffic.peak_to_average
    yield Item(
        "load balancer",
        services.load_balancer_usd_month(average, usd("alb_hour"), usd("lcu_hour")),
        f"{average:.1f} capacity units on average, {units.lcu_peak:.1f} at peak",
    )
    gateways, through = environment.aws.nat_gateways, services.nat_gb_month(traffic)
    yield Item(
        "NAT gateways",
        services.nat_usd_month(gateways, through, usd("nat_hour"), usd("nat_gb")),
        f"{gateways} x {HOURS_MONTH} h, {through:,.0f} GB",
    )
    out = services.egress_gb_month(traffic)
    yield Item(
        "to the internet",
        services.egress_usd_month(out, usd("egress_first_gb"), usd("egress_next_gb")),
        f"{out:,.0f} GB of answers of {services.response_bytes(traffic):,.0f} bytes",
    )
    members = environment.database.members
    yield Item(
        "replication between zones",
        services.replication_usd_month(d.wal_gb_day, members, usd("cross_zone_gb")),
        f"{d.wal_gb_day:.1f} GB of WAL a day to {members - 1} standbys",
    )


def _s3(environment: Environment, asked: Needs) -> Iterator[Item]:
    a, price = asked.traffic.assumptions, usd("s3_gb_month")
    archive = environment.durability.archive
    if archive:
        days = archive.retention_days
        wal = services.archived_gb(asked.demand.wal_gb_day, a.wal_archive_compression, days)
        yield Item(
            "WAL archive", wal * price, f"{wal:,.0f} GB: {days} days at {a.wal_archive_compression:.0%}"
        )
        # One full backup is as old as the retention; those since it are kept with it.
        fulls = days // a.days_between_full_backups + 1
        backup = fulls * asked.space.data_gb * a.backup_compression
        yield Item(
            "full backups", backup * price, f"{backup:,.0f} GB: {fulls} fulls at {a.backup_compression:.0%}"
        )
    photos = asked.space.photo_gb
    yield Item(
        "photos",
        photos * price,
        f"{photos:,.0f} GB, all at one price; {asked.space.photo_growth_gb_day:,.0f} GB more a day",
    )


def cited(environment: Environment, tiers: tuple[DatabaseTier, ...]) -> Iterator[catalogue.Cited]:
    """Where the figures come from that an environment's plan uses."""
    names = {name for _, name, _ in _counted(environment) if name}
    for instance in (*map(catalogue.find, sorted(names)), *(tier.instance for tier in tiers)):
        yield from instance.cited()
    for tier in (tier_of(environment), *tiers):
        for volume in tier.volumes:
            if volume.ebs:
                yield from volume.ebs.cited()
            else:
                yield from catalogue.local_drives(tier.instance).cited()
    for name in (
        "alb_hour",
        "lcu_hour",
        "nat_hour",
        "nat_gb",
        "egress_first_gb",
        "egress_next_gb",
        "cross_zone_gb",
        "s3_gb_month",
        *metered.price_names(environment),
    ):
        yield catalogue.price(name).cited()
