"""What an environment costs a month, item by item."""

from __future__ import annotations

import pytest

from infra import catalogue
from infra.capacity.bill import bill, tier_usd_month
from infra.capacity.item import Item
from infra.capacity.limits import limits
from infra.capacity.tier import DatabaseTier, TierVolume, needs
from tests.support.aws_environments import parsed
from tests.support.limits import ALL


def test_the_bill_of_prod() -> None:
    environment = parsed()
    assert environment.traffic
    items = {item.what: item.usd_month for item in bill(environment, needs(environment.traffic))}
    assert items["web hosts"] == pytest.approx(2096.0928)
    assert items["database hosts"] == pytest.approx(3 * 2.7456 * 730)
    assert items["control hosts"] == pytest.approx(3 * 0.08976 * 730)
    assert items["database volumes"] == pytest.approx(3 * 8)
    assert items["control volumes"] == pytest.approx(3 * (1.6 + 16))
    assert items["root volumes"] == pytest.approx(15 * 1.6)
    assert items["NAT gateways"] == pytest.approx(166.987575)
    assert items["to the internet"] == pytest.approx(1602.4517)
    assert items["replication between zones"] == pytest.approx(208.2059615)
    assert items["WAL archive"] == pytest.approx(27.551608)
    # Fourteen days keep the full backup that begins them and the two since.
    assert items["full backups"] == pytest.approx(3 * 1958.625 * 0.5 * 0.023)
    assert items["photos"] == pytest.approx(460_800 * 0.023)
    # Uploads make a call 8,192 bytes larger on average.
    assert items["load balancer"] == pytest.approx(730 * (0.0225 + 0.008 * 1157.407407 * 15_392 * 3600 / 1e9))
    # Three NAT gateways and a load balancer in three zones.
    assert items["public IPv4 addresses"] == pytest.approx(6 * 730 * 0.005)
    calls = 100e6 * 30.4167
    assert items["WAF"] == pytest.approx(5 + 3 * 1 + calls * 0.6e-6)
    segments = 171.1e9 / 2**24 * 30.4167
    missed = calls * 0.3 * 0.2 * 0.4e-6
    assert items["S3 requests"] == pytest.approx((calls * 0.1 * 0.4 + segments) * 5e-6 + missed, rel=1e-3)
    photos = calls * 0.3 * 204_800 / 1e9
    steps = 10_240 * 0.085 + 40_960 * 0.08 + 102_400 * 0.06 + (photos - 153_600) * 0.04
    assert items["CDN of photos"] == pytest.approx(steps + calls * 0.3 * 1e-6)
    assert items["alarms and metrics"] == pytest.approx(88 * 0.1 + 15 * 7 * 0.3)
    assert items["KMS keys"] == 3
    assert len(items) == 19


def test_without_a_cdn_the_web_hosts_send_the_photos_and_the_bill_says_so() -> None:
    environment = parsed(aws__cdn="none")
    assert environment.traffic
    items = {item.what: item.usd_month for item in bill(environment, needs(environment.traffic))}
    sent = 100e6 * 30.4167 * (6000 + 0.3 * 204_800) / 1e9
    assert items["to the internet"] == pytest.approx(10_240 * 0.09 + (sent - 10_240) * 0.085)
    assert items["to the internet"] > 16_000
    assert "CDN of photos" not in items
    [network] = [one for one in limits(environment) if one.what.startswith("web network")]
    [with_cdn] = [one for one in limits(parsed()) if one.what.startswith("web network")]
    assert network.need > 4 * with_cdn.need


def test_the_bill_names_no_firewall_and_no_credits_where_there_are_none() -> None:
    environment = parsed(aws__waf=False)
    assert environment.traffic
    items = {item.what for item in bill(environment, needs(environment.traffic))}
    assert not items & {"WAF", "processor credits"}


def test_processor_credits_are_charged_above_the_baseline_of_the_day() -> None:
    environment = parsed("dev")
    assert environment.traffic

    def row(calls_per_day: int) -> Item:
        assert environment.traffic
        asked = needs(environment.traffic.model_copy(update={"calls_per_day": calls_per_day}))
        return next(item for item in bill(environment, asked) if item.what == "processor credits")

    # t4g.small earns 24 credits an hour, 0.4 vCPU; a call takes 6 ms: 0.4 vCPU are 5.76 million calls a day.
    assert row(5_760_000).usd_month == pytest.approx(0, abs=1e-6)
    assert row(11_520_000).usd_month == pytest.approx(0.4 * 730 * 0.04)
    # No more than the host has.
    assert row(1_000_000_000).usd_month == pytest.approx((2 - 0.4) * 730 * 0.04)
    assert "$140 if all of them were busy all month" in row(100_000).basis


def test_a_tier_costs_its_instances_and_volumes() -> None:
    volume = TierVolume("data", "io2", ALL, size_gib=2048, iops=100_000)
    tier = DatabaseTier(catalogue.find("r8gb.4xlarge"), 3, (volume,))
    assert tier_usd_month(tier) == pytest.approx(18_071.79, abs=0.02)
