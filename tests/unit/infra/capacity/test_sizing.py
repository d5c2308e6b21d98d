"""Sizing: every test vector, the formulas' text against the code on drawn inputs, and laws that must hold."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import catalogue
from infra.capacity.formulas import hosts, services
from infra.capacity.formulas.demand import demand
from infra.capacity.formulas.space import days_until_full, share_in_cache, space
from infra.capacity.tier import needs, scaled
from infra.catalogue.units import DAYS_MONTH, HOURS_MONTH
from infra.environment.sections import USABLE_SHARE
from infra.environment.traffic import Assumptions, Traffic
from tests.support.sizing_formulas import (
    ASSUMED,
    DECLARED,
    ELSEWHERE,
    computed,
    evaluated,
    inputs,
    traffic,
    vectors,
)

VECTORS = vectors()["test_vectors"]
IDS = [formula["id"] for formula in vectors()["formulas"]]
BASE = traffic(inputs({}))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
@pytest.mark.parametrize("name", IDS)
def test_every_formula_gives_what_the_vector_expects(vector: dict[str, Any], name: str) -> None:
    found = computed(inputs(vector["override"]))[name]
    # The vectors are written with ten digits.
    assert found == pytest.approx(vector["expect"][name], rel=1e-9, abs=0)


def test_no_formula_input_or_expectation_is_left_out() -> None:
    assert set(computed(inputs({}))) == set(IDS)
    assert all(set(vector["expect"]) == set(IDS) for vector in VECTORS)
    assert {*ASSUMED, *DECLARED, *ELSEWHERE} == set(vectors()["inputs"])
    assert [vector["name"] for vector in VECTORS] == ["low", "base", "high", "write_heavy", "tao_like"]


@pytest.mark.parametrize(("name", "field"), ASSUMED.items(), ids=lambda name: name)
def test_what_is_assumed_is_what_the_formulas_assume(name: str, field: str) -> None:
    assert getattr(Assumptions(), field) == vectors()["inputs"][name]["v"]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("hours_month", HOURS_MONTH),
        ("days_month", DAYS_MONTH),
        ("web_vcpu", catalogue.find("c8g.2xlarge").vcpus),
        ("web_usd_h", catalogue.find("c8g.2xlarge").hourly_usd()),
        ("ram_gib", catalogue.find("i8g.4xlarge").memory_gib),
        ("nvme_gb", catalogue.find("i8g.4xlarge").drives_gb),
        ("nvme_w_iops", catalogue.find("i8g.4xlarge").write_iops),
        ("nvme_r_iops", catalogue.find("i8g.4xlarge").read_iops),
        ("net_base_gbps", catalogue.find("i8g.4xlarge").network_baseline_gbps),
        ("pg_pool", hosts.POOL_PER_VCPU * catalogue.find("i8g.4xlarge").vcpus),
        ("price_alb_h", catalogue.price("alb_hour").usd),
        ("price_lcu_h", catalogue.price("lcu_hour").usd),
        ("price_nat_h", catalogue.price("nat_hour").usd),
        ("price_nat_gb", catalogue.price("nat_gb").usd),
        ("price_xaz_gb", catalogue.price("cross_zone_gb").usd),
        ("price_egress_gb", catalogue.price("egress_first_gb").usd),
        ("price_s3_gb", catalogue.price("s3_gb_month").usd),
    ],
)
def test_the_catalogue_has_the_vectors_hardware_and_prices(name: str, ours: float) -> None:
    assert ours == vectors()["inputs"][name]["v"]


def test_the_share_of_a_volume_that_may_be_filled_is_the_vectors() -> None:
    values = inputs({})
    assert pytest.approx((1 - values["fs_overhead"]) * values["max_fill"]) == USABLE_SHARE


overrides = st.fixed_dictionaries(
    {},
    optional={
        "calls_per_day": st.integers(1000, 10**10).map(float),
        "users": st.integers(1000, 10**9).map(float),
        "peak_to_avg": st.floats(1, 20),
        "write_frac": st.floats(0.001, 1),
        "burst_x": st.floats(1, 100),
        "target_util": st.floats(0.1, 0.95),
        "az": st.integers(2, 6),
        "replicas": st.integers(2, 9),
        "app_cache_hit": st.floats(0, 0.99),
        "pg_cache_hit": st.floats(0, 0.99),
        "cct": st.floats(0.1, 1),
        "fpi_ratio": st.floats(0, 1),
        "commits_per_flush": st.floats(1, 50),
        "alb_rules": st.integers(0, 100),
        "resp_bytes": st.floats(1, 1e6),
        "stall_s": st.floats(0.1, 60),
        "pg_pool": st.integers(1, 800),
        "net_base_gbps": st.floats(0.5, 200),
        "copy_share": st.floats(0.05, 0.9),
        "host_fail_year": st.floats(0.001, 1),
    },
)


@given(overrides)
@settings(max_examples=60)
def test_the_code_agrees_with_the_formulas_text(override: dict[str, float]) -> None:
    values = inputs(override)
    expected, found = evaluated(values), computed(values)
    # The text rounds GB per GiB to 1.074, and a comparison at the edge may fall either way.
    for name in set(IDS) - {"space_ok", "repl_net_ok"}:
        assert found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-15), name


traffics = st.builds(
    lambda calls, users, peak, writes, burst: BASE.model_copy(
        update={
            "calls_per_day": calls,
            "users": users,
            "peak_to_average": peak,
            "write_share": writes,
            "write_burst": burst,
        }
    ),
    st.integers(1000, 10**10),
    st.integers(1000, 10**9),
    st.floats(1, 20),
    st.floats(0, 1),
    st.floats(1, 100),
)


def figures(asked: Traffic) -> dict[str, float]:
    """What traffic asks for, as one mapping."""
    d = demand(asked)
    s = space(asked, d)
    return {
        "calls": d.peak_calls_per_s,
        "sql": d.sql_peak_per_s,
        "sql in a burst": d.sql_burst_per_s,
        "reads": d.read_iops_peak,
        "writes": d.write_iops_burst,
        "wal": d.wal_burst_bytes_per_s,
        "checkpoint": d.checkpoint_burst_bytes_per_s,
        "data": s.data_gb,
        "growth": s.growth_gb_day,
        "hot": s.hot_gb,
        "max_wal_size": s.max_wal_size_gib,
        "lcu": services.load_balancer(asked, d).lcu_peak,
        "egress": services.egress_gb_month(asked),
    }


@given(traffics, st.floats(1, 10))
def test_more_traffic_never_asks_for_less(asked: Traffic, more: float) -> None:
    before, after = figures(asked), figures(scaled(asked, more))
    assert [name for name in before if after[name] < before[name] * (1 - 1e-6)] == []


@given(traffics.filter(lambda asked: asked.write_share > 0.01))
def test_needs_grow_in_proportion(asked: Traffic) -> None:
    before, after = figures(asked), figures(scaled(asked, 2))
    for name in set(before) - {"max_wal_size"}:
        assert after[name] == pytest.approx(2 * before[name], rel=1e-6), name


@given(traffics, st.floats(1, 5))
def test_a_higher_peak_changes_rates_and_not_what_is_kept(asked: Traffic, more: float) -> None:
    higher = asked.model_copy(update={"peak_to_average": asked.peak_to_average * more})
    before, after = figures(asked), figures(higher)
    assert {n for n in ("data", "growth", "hot", "egress") if before[n] != after[n]} == set()
    assert all(after[n] >= before[n] * (1 - 1e-9) for n in before)
    assert demand(asked).wal_gb_day == demand(higher).wal_gb_day


@given(traffics)
def test_a_burst_is_the_peak_times_its_factor_in_writes_only(asked: Traffic) -> None:
    d = demand(asked)
    assert d.write_iops_burst == pytest.approx(d.data_write_iops_burst + d.wal_flush_iops_burst)
    assert d.write_iops_burst == pytest.approx(d.write_iops_peak * asked.write_burst)
    rows = asked.assumptions.rows_per_write_call
    extra = (d.write_tx_burst_per_s - d.write_tx_peak_per_s) * rows
    assert d.sql_burst_per_s == pytest.approx(d.sql_peak_per_s + extra)


@given(st.integers(1, 80), st.integers(1, 6))
def test_the_loss_of_a_zone_takes_the_fullest_one(count: int, zones: int) -> None:
    spread = [count // zones + (1 if index < count % zones else 0) for index in range(zones)]
    assert hosts.hosts_after_zone_loss(count, zones) == (count - max(spread) if zones > 1 else count)


@given(traffics, st.integers(1, 64), st.integers(2, 6))
def test_the_web_tier_carries_its_peak_without_one_zone_and_has_none_to_spare(
    asked: Traffic, vcpus: int, zones: int
) -> None:
    tier = hosts.web_tier(demand(asked), asked.assumptions, vcpus, zones)
    left = hosts.hosts_after_zone_loss(tier.hosts, zones)
    assert left * vcpus >= tier.vcpus * (1 - 1e-12)
    assert tier.hosts - zones < tier.hosts_at_least * zones / (zones - 1)


def test_photos_weigh_on_calls_storage_and_growth() -> None:
    asked = BASE.model_copy(update={"photo_kib": 200.0})
    d = demand(asked)
    s = space(asked, d)
    # A tenth of the calls writes, four of ten of these add a photo: 4 million of 204,800 bytes a day.
    assert s.photo_growth_gb_day == pytest.approx(4e6 * 204_800 / 1e9)
    assert s.photo_gb == pytest.approx(45e6 * 50 * 204_800 / 1e9)
    assert s.growth_gb_day == pytest.approx((4e6 * 575.6 + 6e6 * 176.6) / 1e9)
    assert services.request_bytes(asked) == pytest.approx(1200 + 0.04 * 204_800)
    for share, photo in ((0.0, 0), (0.5, 102_400)):
        shown = asked.assumptions.model_copy(update={"image_call_share": share})
        assert services.response_bytes(asked.model_copy(update={"assumptions": shown})) == 6000 + photo


def test_egress_is_charged_in_steps() -> None:
    assert services.egress_usd_month(10_240, 0.09, 0.085) == pytest.approx(921.6)
    assert services.egress_usd_month(10_241, 0.09, 0.085) == pytest.approx(921.6 + 0.085)


def test_days_until_full_at_its_edges() -> None:
    assert days_until_full(100, 40, 3) == pytest.approx(20)
    assert days_until_full(100, 100, 3) == 0
    assert days_until_full(100, 40, 0) == math.inf
    assert share_in_cache(50, 100) == 0.5
    assert share_in_cache(200, 100) == 1
    assert share_in_cache(1, 0) == 1


def test_the_storys_traffic() -> None:
    asked = needs(BASE)
    assert round(asked.demand.average_calls_per_s) == 1157
    assert round(asked.demand.write_iops_burst) == 39_699
