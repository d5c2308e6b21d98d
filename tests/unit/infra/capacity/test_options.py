"""The classes of storage compared, and the cheapest tier of each that carries a load."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from infra import catalogue
from infra.capacity.limits import database_limits
from infra.capacity.options import compare, least_host, sized
from infra.capacity.tier import needs, scaled, tier_of
from tests.support.aws_environments import parsed
from tests.support.guards import sometimes


def test_instance_store_is_chosen_for_the_storys_traffic_and_why() -> None:
    environment = parsed()
    assert environment.traffic
    comparison = compare(environment, needs(environment.traffic))
    store, io2, gp3 = comparison.options
    assert [option.storage for option in comparison.options] == ["instance-store", "io2", "gp3"]
    assert (store.declared, io2.declared, gp3.declared) == (True, False, False)
    assert comparison.chosen is store
    assert io2.carries
    assert io2.usd_month > store.usd_month
    # gp3 is cheaper and carries the rate, but is not made for a durable write within a millisecond.
    assert gp3.usd_month < store.usd_month
    assert gp3.lacks == ("durable writes within 1 ms: made for 10 ms",)
    assert gp3.commits_per_flush == pytest.approx(4050.925926 * 859e-6)
    assert store.commits_per_flush == 1
    assert "io2 costs 2.1 times as much" in comparison.why
    assert "gp3 lacks durable writes within 1 ms" in comparison.why


def test_a_type_that_is_larger_than_the_load_needs_is_reported() -> None:
    def why(**values: Any) -> str:
        environment = parsed(**values)
        assert environment.traffic
        return compare(environment, needs(environment.traffic)).why

    assert "carries it, too" not in why()
    says = "i8g.8xlarge carries it, too, at $2.7456 an hour in place of i8g.16xlarge at $5.4912"
    assert why(database__instance_type="i8g.16xlarge").endswith(says)


def test_gp3_is_chosen_where_its_latency_is_allowed() -> None:
    environment = parsed(traffic__durable_write_p99_ms=10)
    assert environment.traffic
    chosen = compare(environment, needs(environment.traffic)).chosen
    assert chosen
    assert chosen.storage == "gp3"


def test_drives_that_a_stop_erases_are_not_chosen_without_their_rules() -> None:
    environment = parsed("dev")
    assert environment.traffic
    comparison = compare(environment, needs(environment.traffic))
    store = comparison.options[0]
    assert store.tier
    assert store.tier.members == 3
    assert store.lacks == (
        "durability: correct aws.zones, durability.synchronous_mode, durability.synchronous_mode_strict, "
        "control.count",
    )


@pytest.mark.parametrize("storage", ["instance-store", "io2", "gp3"])
@given(multiple=st.floats(0.01, 8))
@settings(max_examples=15)
def test_a_sized_tier_carries_its_load_and_no_cheaper_type_of_it_does(storage: Any, multiple: float) -> None:
    environment = parsed()
    assert environment.traffic
    asked, like = needs(scaled(environment.traffic, multiple)), tier_of(environment)
    tier = sized(storage, like, asked)
    assume(tier is not None)
    assert tier
    assert all(found.carries for found in database_limits(tier, asked))
    assert tier.main_class == storage
    vcpus, memory_gib = least_host(asked)
    assert tier.instance.vcpus >= vcpus
    assert tier.instance.memory_gib >= memory_gib
    for other in catalogue.instance_types().values():
        alike = other.architecture == tier.instance.architecture and bool(other.drives) == bool(
            tier.instance.drives
        )
        large = other.vcpus >= vcpus and other.memory_gib >= memory_gib
        known = not other.drives or (other.measured_write_iops and other.family in ("i4i", "i7i", "i8g"))
        bought = other.usd_per_hour is not None and not other.burstable
        cheaper = bought and other.hourly_usd() < tier.instance.hourly_usd()
        if sometimes(alike and large and known and cheaper):
            assert not all(found.carries for found in database_limits(tier.on(other), asked)), other.type
    for volume in tier.volumes:
        if sometimes(volume.ebs):
            assert volume.ebs
            assert volume.iops <= volume.ebs.limits.iops[1]
            assert volume.iops <= max(
                volume.ebs.limits.iops[0], volume.size_gib * volume.ebs.limits.iops_per_gib
            )


def test_a_load_beyond_one_volume_has_no_gp3_tier() -> None:
    environment = parsed()
    assert environment.traffic
    comparison = compare(environment, needs(scaled(environment.traffic, 2.5)))
    gp3 = comparison.options[2]
    assert gp3.tier is None
    assert math.isinf(gp3.usd_month)
    assert gp3.lacks[0].startswith("one volume has at most 80,000 IOPS")


@pytest.mark.parametrize("storage", ["io2", "gp3"])
def test_no_processor_on_credits_is_proposed(storage: Any) -> None:
    environment = parsed("dev")
    assert environment.traffic
    tier = sized(storage, tier_of(environment), needs(environment.traffic))
    assert tier
    assert not tier.instance.burstable
    cheaper = catalogue.find("t4g.small")
    assert cheaper.hourly_usd() < tier.instance.hourly_usd()
