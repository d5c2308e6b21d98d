"""What AWS meters around the hosts: addresses, CDN, requests to WAF and S3, metrics, alarms, keys, credits.

Counts of what infra/aws makes (alarms, rules, keys) are repeated here, because this package must not import a
platform; tests/unit/infra/aws/test_bill_counts.py compares them with the program.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from infra import catalogue
from infra.capacity.item import Item, usd
from infra.capacity.tier import Needs
from infra.catalogue.units import DAY_S, DAYS_MONTH, GB, HOURS_MONTH
from infra.environment import Environment
from infra.environment.traffic import Traffic

#: Prices that the rows of this module use.
PRICES = (
    "public_ipv4_hour",
    "waf_acl_month",
    "waf_rule_month",
    "waf_request_million",
    "s3_put_thousand",
    "s3_get_thousand",
    "metric_month",
    "alarm_month",
    "kms_key_month",
)
#: Metrics of one instance that detailed monitoring is charged for. AWS's own example: "CloudWatch pricing",
#: EC2 detailed monitoring, 7 metrics an instance, from memory.
METRICS_AN_INSTANCE = 7
#: Rules of infra/aws/edge/waf.py: one rate and two managed groups.
WAF_RULES = 3
#: Keys of infra/aws/keys.py.
KEYS = 3
#: Alarms of infra/aws/alarms.py: for each host, member, EBS volume and NAT gateway, and of the load balancer.
ALARMS_A_HOST, ALARMS_A_MEMBER, ALARMS_A_VOLUME, ALARMS_A_GATEWAY, ALARMS_OF_THE_EDGE = 3, 2, 3, 2, 4
#: A segment of PostgreSQL's WAL, which is archived as one object.
WAL_SEGMENT_BYTES = 16 * 2**20


def metered(environment: Environment, asked: Needs) -> Iterator[Item]:
    """The rows in the order of the bill. Only what the environment has makes a row."""
    yield _addresses(environment)
    yield from _cdn(environment, asked)
    yield from _waf(environment, asked)
    yield _s3_requests(environment, asked)
    yield _monitoring(environment)
    yield Item("KMS keys", KEYS * usd("kms_key_month"), f"{KEYS} keys, without their requests")
    yield from _credits(environment, asked)


def _addresses(environment: Environment) -> Item:
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    gateways, zones = environment.aws.nat_gateways, len(environment.aws.zones)
    return Item(
        "public IPv4 addresses",
        (gateways + zones) * HOURS_MONTH * usd("public_ipv4_hour"),
        f"{gateways} of NAT gateways, {zones} of the load balancer, which takes more when it grows",
    )


def _waf(environment: Environment, asked: Needs) -> Iterator[Item]:
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    if not environment.aws.waf:
        return
    millions = asked.traffic.calls_per_day * DAYS_MONTH / 1e6
    fixed = usd("waf_acl_month") + WAF_RULES * usd("waf_rule_month")
    yield Item(
        "WAF",
        fixed + millions * usd("waf_request_million"),
        f"{millions:,.0f} million requests, {WAF_RULES} rules",
    )


#: Steps of CloudFront's price: up to so many GB a month, and the price's name.
CDN_STEPS = (
    (10_240, "cdn_gb_to_10240"),
    (51_200, "cdn_gb_to_51200"),
    (153_600, "cdn_gb_to_153600"),
    (512_000, "cdn_gb_to_512000"),
    (math.inf, "cdn_gb_more"),
)


def has_cdn(environment: Environment) -> bool:
    return environment.aws is not None and environment.aws.cdn == "cloudfront"


def at_the_edge(environment: Environment, traffic: Traffic) -> Traffic:
    """What the load balancer and the web hosts carry of `traffic`: no photo where the CDN sends them."""
    if not has_cdn(environment):
        return traffic
    assumptions = traffic.assumptions.model_copy(update={"image_call_share": 0.0})
    return traffic.model_copy(update={"assumptions": assumptions})


def photos_fetched(traffic: Traffic) -> tuple[float, float]:
    """Photos that clients fetch in a month, and their decimal gigabytes."""
    fetched = traffic.calls_per_day * traffic.assumptions.image_call_share * DAYS_MONTH
    return fetched, fetched * traffic.photo_kib * 1024 / GB


def _cdn(environment: Environment, asked: Needs) -> Iterator[Item]:
    if not has_cdn(environment):
        return
    fetched, gb = photos_fetched(asked.traffic)
    below, transfer = 0.0, 0.0
    for most, name in CDN_STEPS:
        transfer += max(0.0, min(gb, most) - below) * usd(name)
        below = most
    yield Item(
        "CDN of photos",
        transfer + fetched / 10_000 * usd("cdn_request_ten_thousand"),
        f"{gb:,.0f} GB in {fetched / 1e6:,.0f} million requests, North America and Europe",
    )


def _s3_requests(environment: Environment, asked: Needs) -> Item:
    """Uploads, WAL segments and reads of photos. Backups and lists are few compared with them."""
    traffic, a = asked.traffic, asked.traffic.assumptions
    uploads = traffic.calls_per_day * traffic.write_share * a.upload_share * DAYS_MONTH
    archive = environment.durability.archive
    segments = 0.0
    if archive:
        full = asked.demand.wal_gb_day * GB / WAL_SEGMENT_BYTES
        segments = max(full, DAY_S / archive.timeout_s) * DAYS_MONTH
    reads = photos_fetched(traffic)[0] * (1 - a.cdn_hit_share if has_cdn(environment) else 1)
    return Item(
        "S3 requests",
        (uploads + segments) / 1000 * usd("s3_put_thousand") + reads / 1000 * usd("s3_get_thousand"),
        f"{uploads / 1e6:,.2f} million uploads, {segments / 1e6:,.2f} million WAL segments, "
        f"{reads / 1e6:,.2f} million reads of photos",
    )


def alarms(environment: Environment) -> int:
    """How many alarms infra/aws/alarms.py makes of an environment."""
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    members, control = environment.database.members, environment.control.count
    hosts = environment.web.count + members + control
    volumes = members * sum(1 for volume in environment.database.volumes if volume.ebs)
    volumes += control * sum(1 for volume in environment.control.volumes if volume.ebs)
    return (
        hosts * ALARMS_A_HOST
        + members * ALARMS_A_MEMBER
        + volumes * ALARMS_A_VOLUME
        + environment.aws.nat_gateways * ALARMS_A_GATEWAY
        + ALARMS_OF_THE_EDGE
    )


def _monitoring(environment: Environment) -> Item:
    assert environment.aws is not None  # noqa: S101 - the model's rule for platform aws
    hosts = environment.web.count + environment.database.members + environment.control.count
    # infra/aws/instances.py turns detailed monitoring on with deletion_protection.
    metrics = hosts * METRICS_AN_INSTANCE if environment.aws.deletion_protection else 0
    count = alarms(environment)
    return Item(
        "alarms and metrics",
        count * usd("alarm_month") + metrics * usd("metric_month"),
        f"{count} alarms, {metrics} metrics of detailed monitoring",
    )


def burstable_tiers(environment: Environment) -> dict[str, tuple[catalogue.InstanceType, int]]:
    """The tiers whose processors run on credits: type and number of hosts, by tier."""
    tiers = {
        "web": (environment.web.instance_type, environment.web.count),
        "database": (environment.database.instance_type, environment.database.members),
        "control": (environment.control.instance_type, environment.control.count),
    }
    found = {tier: (catalogue.find(name), count) for tier, (name, count) in tiers.items() if name}
    return {tier: (instance, count) for tier, (instance, count) in found.items() if instance.burstable}


def _credits(environment: Environment, asked: Needs) -> Iterator[Item]:
    """T4g runs in mode `unlimited` by default: a mean load above the baseline is charged by the vCPU-hour.

    The mean load of the web tier follows from the traffic. That of the others is in no formula, so the row
    counts none of it and states the most that it can be.
    """
    tiers = burstable_tiers(environment)
    if not tiers:
        return
    hour = HOURS_MONTH * usd("credit_vcpu_hour")
    surplus = 0.0
    if "web" in tiers:
        instance, count = tiers["web"]
        busy = asked.demand.average_calls_per_s * asked.traffic.assumptions.cpu_ms_per_call / 1000
        surplus = max(0.0, min(busy, count * instance.vcpus) - count * instance.baseline_vcpus)
    most = sum(count * (instance.vcpus - instance.baseline_vcpus) for instance, count in tiers.values())
    yield Item(
        "processor credits",
        surplus * hour,
        f"{', '.join(tiers)}: {surplus:.2f} vCPU above the baseline on average by the traffic of web; "
        f"${most * hour:,.0f} if all of them were busy all month",
    )


def price_names(environment: Environment) -> tuple[str, ...]:
    """Prices that the rows of `environment` use."""
    cdn = (*(name for _, name in CDN_STEPS), "cdn_request_ten_thousand") if has_cdn(environment) else ()
    surplus = ("credit_vcpu_hour",) if burstable_tiers(environment) else ()
    return (*PRICES, *cdn, *surplus)
