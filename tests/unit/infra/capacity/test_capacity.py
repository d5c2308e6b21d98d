"""Capacity: what a tier carries, and the line for each lack, whose fix repairs it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import catalogue
from infra.capacity.check import check_capacity
from infra.capacity.limits import database_limits, limits
from infra.capacity.tier import DatabaseTier, TierVolume, needs, scaled
from infra.environment import Environment
from tests.support.aws_environments import STACKS, aws_environment, changed, on_ebs, parsed
from tests.support.declared import local_environment
from tests.support.limits import ALL, PREFIX, limit, lines
from tests.support.sizing_formulas import inputs, traffic, vectors


@pytest.mark.parametrize("stack", STACKS)
def test_what_the_kit_ships_carries_its_traffic(stack: str) -> None:
    assert check_capacity(parsed(stack)) == []
    assert all(limit.carries and limit.breaks_at >= 1 for limit in limits(parsed(stack)))


def test_local_is_not_checked() -> None:
    assert check_capacity(Environment.parse(local_environment())) == []


def test_the_figures_of_prod() -> None:
    found = limits(parsed())
    writes = limit(found, "flash: write IOPS in a burst")
    assert (round(writes.need), writes.have) == (39_699, 297_000)
    reads = limit(found, "flash: read IOPS at peak")
    assert (round(reads.need), reads.have) == (634, 840_000)
    together = limit(found, "flash: drive time, reads and writes together")
    assert together.need == pytest.approx(100 * (39_699.07407 / 297_000 + 634.375 / 840_000))
    space = limit(found, "flash: space")
    wal_gb = 111 * 2**30 / 1e9
    assert space.need == pytest.approx(1958.625 + 365 * 3.362 + wal_gb)
    assert space.have == pytest.approx(7500 * 0.9 * 0.98 * 0.75)
    web = limit(found, "web processors at peak, one zone gone")
    assert (web.need, web.have) == (pytest.approx(40.50925926), 6 * 8)
    pool = limit(found, "database connections, one zone gone")
    # In a burst: (3524.3 reads + 4050.9 x 4 rows) x 2 ms, more than the 18 of the peak; 6 hosts x 12 open.
    assert (pool.need, pool.have) == (pytest.approx(39.456, abs=1e-3), 72)
    network = limit(found, "leader's network in a burst")
    assert (network.need, network.have) == (pytest.approx(1.109162963), pytest.approx(25 * 0.4))
    assert min(found, key=lambda limit: limit.breaks_at) is web


@pytest.mark.parametrize("vector", vectors()["test_vectors"], ids=lambda vector: vector["name"])
def test_a_tier_of_the_vectors_breaks_where_they_say(vector: dict[str, Any]) -> None:
    """All on one i8g.4xlarge: headroom of writes and room on the network as the vectors have them."""
    tier = DatabaseTier(catalogue.find("i8g.4xlarge"), 3, (TierVolume("flash", "instance-store", ALL),))
    found = tuple(database_limits(tier, needs(traffic(inputs(vector["override"])))))
    expect = vector["expect"]
    writes = limit(found, "flash: write IOPS in a burst")
    assert writes.breaks_at == pytest.approx(expect["write_headroom"])
    assert writes.carries == (expect["write_headroom"] >= 1)
    assert limit(found, "leader's network in a burst").carries == bool(expect["repl_net_ok"])
    assert limit(found, "flash: space").have == pytest.approx(expect["usable_gb"])


def test_gp3_and_its_instance_have_limits_of_their_own() -> None:
    declared = changed(
        on_ebs("gp3", throughput_mib_s=400),
        database__instance_type="i8g.4xlarge",
        traffic__durable_write_p99_ms=10,
    )
    found = limits(Environment.parse(declared))
    iops = limit(found, "data: IOPS in a burst")
    assert (round(iops.need), iops.have) == (40_333, pytest.approx(40_500))
    throughput = limit(found, "data: throughput in a burst")
    # 69.3 MB/s of WAL, 324.5 of a checkpoint, 634 reads of 8 KiB; the volume's are binary megabytes.
    assert throughput.need == pytest.approx(69.3227 + 324.4774 + 634.375 * 8192 / 1e6, abs=1e-3)
    assert throughput.have == pytest.approx(400 * 1.048576)
    instance = limit(found, "instance's EBS IOPS in a burst")
    assert (instance.need, instance.have) == (iops.need, 20_000)
    assert "40,000 for 30 min a day" in instance.basis
    assert not instance.carries
    assert limit(found, "instance's EBS throughput in a burst").have == 625


def test_wal_on_a_volume_of_its_own_takes_its_share_of_the_load() -> None:
    wal = {"name": "wal", "class": "gp3", "size_gib": 500, "iops": 5000, "throughput_mib_s": 125}
    declared = changed(on_ebs("gp3", throughput_mib_s=400), traffic__durable_write_p99_ms=10)
    declared["database"]["volumes"].append(wal)
    declared["database"]["placement"]["wal"] = "wal"
    found = limits(Environment.parse(declared))
    assert limit(found, "wal: IOPS in a burst").need == pytest.approx(4050.925926)
    assert limit(found, "data: IOPS in a burst").need == pytest.approx(35_648.148 + 634.375)
    assert limit(found, "wal: throughput in a burst").need == pytest.approx(69.32268519)
    assert limit(found, "wal: space").need == pytest.approx(111 * 2**30 / 1e9)
    assert limit(found, "data: space").need == pytest.approx(1958.625 + 365 * 3.362)
    # The instance moves both.
    both = limit(found, "instance's EBS IOPS in a burst")
    assert both.need == pytest.approx(40_333.449)


LACKS: list[tuple[str, Any, str, str]] = [
    # what, declared, the key and value that the line begins with, what else it says
    ("web", changed(aws_environment(), web__count=6), "web.count = 6", "one zone gone needs 40.5 vCPU"),
    ("pool", changed(aws_environment(), app__pool_size=5), "app.pool_size = 5", "there are 30"),
    (
        "space",
        changed(aws_environment(), database__instance_type="i8g.4xlarge"),
        "database.instance_type = i8g.4xlarge",
        "365 d of 3.36 GB",
    ),
    (
        "iops",
        changed(on_ebs("io2"), database__volumes__0__iops=20_000),
        "database.volumes.0.iops = 20000",
        "needs 40,333 IOPS, there are 18,000",
    ),
    (
        "throughput",
        changed(on_ebs("gp3", throughput_mib_s=125), traffic__durable_write_p99_ms=10),
        "database.volumes.0.throughput_mib_s = 125",
        "MB/s, there are 131",
    ),
    (
        "size",
        changed(on_ebs("io2", size_gib=3000)),
        "database.volumes.0.size_gib = 3000",
        "at 75% fill",
    ),
    (
        "instance's EBS",
        changed(on_ebs("io2"), database__instance_type="r8g.4xlarge"),
        "database.instance_type = r8g.4xlarge",
        "baseline of r8g.4xlarge; 40,000 for 30 min a day",
    ),
    (
        "data",
        changed(aws_environment(), database__expected_data_gib=100),
        "database.expected_data_gib = 100",
        "hold 1,824 GiB in rows",
    ),
    (
        "latency",
        on_ebs("gp3", throughput_mib_s=400),
        "database.volumes.0.class = gp3",
        "AWS designs it for 10 ms (p99 measured 0.92 ms on an idle volume)",
    ),
]


@pytest.mark.parametrize(("what", "declared", "start", "says"), LACKS, ids=[case[0] for case in LACKS])
def test_a_lack_is_one_line_and_its_fix_removes_it(what: str, declared: Any, start: str, says: str) -> None:
    (line,) = lines(declared)
    assert line.startswith(f"{PREFIX}{start}: "), line
    assert says in line
    assert lines(mended(declared, line)) == []


def mended(declared: Any, line: str) -> Any:
    """`declared` with exactly what the line asks for."""
    key = line.removeprefix(PREFIX).split(" = ")[0].replace(".", "__")
    fix = line.rsplit("; ", 1)[1]
    if key.endswith("class"):
        assert "instance-store or io2" in fix
        return on_ebs("io2")
    if key.endswith("instance_type"):
        found = re.match(r"take (\S+) or larger", fix)
        assert found, fix
        return changed(declared, **{key: found[1]})
    found = re.search(r"at least ([\d,]+)", fix)
    assert found, fix
    return changed(declared, **{key: int(found[1].replace(",", ""))})


@pytest.mark.parametrize(
    "declared",
    [pytest.param(case[1], id=case[0]) for case in LACKS[:6] if "instance_type" not in case[2]],
)
def test_the_fix_asks_for_no_more_than_it_takes(declared: Any) -> None:
    (line,) = lines(declared)
    key = line.removeprefix(PREFIX).split(" = ")[0].replace(".", "__")
    found = re.search(r"at least ([\d,]+)", line.rsplit("; ", 1)[1])
    assert found
    assert lines(changed(declared, **{key: int(found[1].replace(",", "")) - 1})) != []


def test_a_larger_instance_of_the_family_is_the_smallest_that_carries() -> None:
    (line,) = lines(changed(aws_environment(), database__instance_type="i8g.4xlarge"))
    assert "take i8g.8xlarge or larger" in line


def test_where_one_gp3_volume_is_never_enough_another_class_is_named() -> None:
    declared = changed(
        on_ebs("gp3", iops=80_000, throughput_mib_s=2000, size_gib=8000),
        traffic__write_burst=30,
        traffic__durable_write_p99_ms=10,
        app__pool_size=40,
        database__instance_type="r8gb.8xlarge",
    )
    # A burst of 30 takes some 133,000 provisioned IOPS.
    (line,) = [line for line in lines(declared) if ".iops" in line]
    assert "one gp3 volume has 80,000: take instance-store, io2" in line


def test_all_lacks_are_reported_at_once() -> None:
    declared = changed(
        aws_environment(), web__count=3, app__pool_size=1, database__instance_type="i8g.4xlarge"
    )
    keys = {line.removeprefix(PREFIX).split(" = ")[0] for line in lines(declared)}
    assert keys >= {"web.count", "app.pool_size", "database.instance_type"}


@given(st.floats(0.05, 4).filter(lambda m: abs(m - 1) > 0.02))
@settings(max_examples=15)
def test_an_environment_carries_traffic_up_to_its_first_break(share: float) -> None:
    """At `share` of the multiple at which it first breaks, nothing or something is lacking."""
    environment = parsed()
    first = min(found.breaks_at for found in limits(environment))
    assert environment.traffic
    there = environment.model_copy(update={"traffic": scaled(environment.traffic, share * first)})
    lacking = [found for found in limits(there) if not found.carries]
    assert bool(lacking) == (share > 1)


@given(st.floats(1, 4))
@settings(max_examples=15)
def test_more_traffic_never_leaves_more_room(more: float) -> None:
    environment = parsed()
    assert environment.traffic
    busier = environment.model_copy(update={"traffic": scaled(environment.traffic, more)})
    for before, after in zip(limits(environment), limits(busier), strict=True):
        assert after.have == before.have
        assert after.need >= before.need * (1 - 1e-6)


def test_an_environment_that_does_not_count_on_a_zone_uses_all_its_hosts() -> None:
    found = limits(parsed("dev"))
    assert limit(found, "web processors at peak").have == 2


def test_more_connections_than_a_member_serves_are_not_counted() -> None:
    found = limit(limits(parsed(app__pool_size=100)), "database connections, one zone gone")
    assert found.have == 4 * 32
    # A burst of 100 keeps 331 statements under way; an i8g.16xlarge's 64 vCPUs serve 256.
    declared = changed(
        aws_environment(),
        app__pool_size=100,
        database__instance_type="i8g.16xlarge",
        traffic__write_burst=100,
    )
    (line,) = [line for line in lines(declared) if "app.pool_size" in line]
    assert "needs 331 connections, there are 256" in line
    assert line.endswith(
        "more than 256 connections only queue on that member: take a larger database.instance_type"
    )


def test_the_web_network_carries_uploads_or_answers_whichever_is_more() -> None:
    found = limit(limits(parsed()), "web network at peak, one zone gone")
    assert found.need == pytest.approx(4050.925926 * (1200 + 0.04 * 204_800) * 8 / 1e9)
    assert found.have == pytest.approx(6 * 3.75)
    answers = parsed(traffic__photo_kib=0)
    assert limit(limits(answers), found.what).need == pytest.approx(4050.925926 * 6000 * 8 / 1e9)
