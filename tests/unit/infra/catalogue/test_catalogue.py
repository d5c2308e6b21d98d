"""The catalogue: what the figures say of the cases that trap people, what they cost, and how old they are."""

from __future__ import annotations

import csv
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import catalogue
from infra.catalogue import sources
from infra.catalogue.volumes import limits, read_latency_ms
from infra.errors import FlashtierError

TYPES = catalogue.instance_types()
WITH_DRIVES = [t for t in TYPES.values() if t.drives]


def test_every_row_of_the_table_is_a_type() -> None:
    with (sources.DATA / "instances.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["type"] for row in rows] == list(TYPES)
    assert len(WITH_DRIVES) == 285
    for row in rows:
        found = TYPES[row["type"]]
        assert float(row["usd_per_hour"] or 0) == (found.usd_per_hour or 0)
        assert int(row["write_iops"] or 0) == (found.write_iops or 0)


def test_every_row_is_whole() -> None:
    for found in TYPES.values():
        assert found.ebs_baseline_iops <= found.ebs_maximum_iops, found
        assert found.ebs_baseline_mb_s <= found.ebs_maximum_mb_s, found
        assert found.network_baseline_gbps <= found.network_peak_gbps, found
        assert (found.usd_per_hour is None) == (found.price_source is None), found
        # Drives have a size and an origin of their figures; "unknown" goes with no figure, and nothing else.
        assert (found.drives > 0) == (found.drive_gb is not None) == (found.iops_source is not None), found
        assert (found.write_iops is None) == (found.read_iops is None), found
        assert (found.write_iops is None) == (found.iops_source in (None, "unknown")), found
        if found.measured_write_iops is not None:
            assert found.write_iops is not None
            assert 0.29 < found.measured_write_iops / found.write_iops < 1.15, found


@pytest.mark.parametrize(
    ("name", "published", "measured", "planned"),
    [
        # As fast as published: the plan counts on less all the same, for when they are no longer fresh.
        ("i8g.4xlarge", 330_000, 330_686, 148_500),
        ("i7i.4xlarge", 330_000, 330_688, 148_500),
        # Slower than the share of the published figure: the plan counts on the measurement.
        ("i4i.12xlarge", 660_000, 201_849, 201_849),
        ("i4i.24xlarge", 1_320_000, 402_018, 402_018),
        ("is4gen.4xlarge", 400_000, 166_338, 166_338),
        # Not measured: the share.
        ("m6id.large", 16_771, None, 7546.95),
    ],
)
def test_a_plan_counts_on_the_derated_write_rate(
    name: str, published: int, measured: int | None, planned: float
) -> None:
    drives = catalogue.local_drives(catalogue.find(name))
    assert drives.published_write_iops == published
    assert drives.measured_write_iops == measured
    assert drives.planned_write_iops == pytest.approx(planned)


def test_no_plan_counts_on_more_than_published_or_measured() -> None:
    for found in (t for t in WITH_DRIVES if t.write_iops):
        drives = catalogue.local_drives(found)
        assert drives.planned_write_iops <= 0.45 * drives.published_write_iops, found
        assert drives.planned_read_iops <= 0.7 * drives.published_read_iops, found
        if drives.measured_write_iops is not None and drives.measured_read_iops is not None:
            assert drives.planned_write_iops <= drives.measured_write_iops, found
            assert drives.planned_read_iops <= drives.measured_read_iops, found
        assert drives.partitioned_gb == pytest.approx(0.9 * found.drives_gb), found


def test_sizes_below_the_largest_sustain_a_fraction_of_their_ebs_rate() -> None:
    for name in ("i7i.4xlarge", "i8g.4xlarge", "r8g.4xlarge"):
        found = catalogue.find(name)
        assert (found.ebs_baseline_iops, found.ebs_maximum_iops) == (20_000, 40_000)
    assert catalogue.find("r8gb.4xlarge").ebs_baseline_iops == 120_000
    assert catalogue.burst_minutes_a_day() == 30


def test_gp3_has_the_limits_of_september_2025() -> None:
    found = catalogue.ebs("gp3").limits
    assert (found.iops, found.mib_s, found.size_gib) == ((3000, 80_000), (125, 2000), (1, 65_536))
    assert (found.iops_per_gib, found.mib_s_per_iops) == (500, 0.25)
    assert limits("io1").iops[1] == 64_000


def test_latency_is_by_class_and_family() -> None:
    assert catalogue.ebs("gp3").durable_write_us.p99 == 924
    assert catalogue.ebs("io2").promise.latency_ms == 0.5
    writes = catalogue.local_drives(catalogue.find("i8g.large")).durable_write_us
    assert writes is not None
    assert (writes.p50, writes.p99) == (11.3, 17.3)
    assert catalogue.local_drives(catalogue.find("i7ie.large")).durable_write_us is None
    assert read_latency_ms("gp3") == (0.8, 1.05, 1.8, 10)
    assert read_latency_ms("i9x") is None


# Totals of a comparison that was computed by hand for 2 TB and 100,000 write IOPS on three members.
@pytest.mark.parametrize(
    ("instance", "volume", "count", "size", "iops", "mib_s", "usd"),
    [
        ("i8g.4xlarge", None, 0, 0, 0, 0, 3006.43),
        ("i7i.4xlarge", None, 0, 0, 0, 0, 3307.12),
        ("i7ie.3xlarge", None, 0, 0, 0, 0, 3415.09),
        ("r7gd.16xlarge", None, 0, 0, 0, 0, 9536.57),
        ("r8gb.4xlarge", "gp3", 2, 1024, 50_000, 400, 5159.31),
        ("r8g.24xlarge", "gp3", 2, 1024, 50_000, 400, 14_352.76),
        ("r8gb.4xlarge", "io2", 1, 2048, 100_000, 0, 18_071.79),
    ],
)
def test_three_members_cost_what_was_computed_by_hand(
    instance: str, volume: str | None, count: int, size: int, iops: int, mib_s: int, usd: float
) -> None:
    volumes = count * catalogue.volume_price(volume).usd_month(size, iops, mib_s) if volume else 0
    assert 3 * (catalogue.find(instance).hourly_usd() * 730 + volumes) == pytest.approx(usd, abs=0.02)


def test_io2_charges_by_steps() -> None:
    price = catalogue.ebs("io2").price
    assert price.usd_month(0, 100_000) == pytest.approx(4704)
    assert price.usd_month(0, 32_000) == pytest.approx(2080)
    assert price.usd_month(0, 32_001) == pytest.approx(2080.046)
    assert price.usd_month(0, 64_001) == pytest.approx(2080 + 1472 + 0.032)
    assert 2 * catalogue.volume_price("io1").usd_month(1024, 50_000) == pytest.approx(6756)


def test_gp3_includes_its_first_iops_and_throughput() -> None:
    price = catalogue.ebs("gp3").price
    assert price.usd_month(100, 3000, 125) == pytest.approx(8)
    assert price.usd_month(100, 3001, 125) == pytest.approx(8.005)
    assert price.usd_month(100, 3000, 126) == pytest.approx(8.04)


@given(st.floats(1, 65_536), st.floats(0, 256_000), st.floats(0, 4000), st.sampled_from(["gp3", "io2"]))
def test_more_never_costs_less(size: float, iops: float, mib_s: float, volume: str) -> None:
    price = catalogue.volume_price(volume)
    here = price.usd_month(size, iops, mib_s)
    more = (price.usd_month(size + 1, iops, mib_s), price.usd_month(size, iops + 1), price.usd_month(size, 0))
    assert more[0] > here
    assert more[2] <= more[1]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: catalogue.find("i8q.4xlarge"), "nearest: i8g.4xlarge"),
        (lambda: catalogue.find("i8g.5xlarge"), "i8g has large, xlarge, 2xlarge, 4xlarge, 8xlarge"),
        (lambda: catalogue.find("mainframe"), "it has c6id.12xlarge"),
        (lambda: catalogue.price("nat_hours"), "nearest: nat_hour"),
        (lambda: catalogue.volume_price("gp4"), "nearest: gp3"),
        (lambda: limits("io3"), "nearest: io2"),
        (lambda: catalogue.local_drives(catalogue.find("c8g.4xlarge")), "has no local drives; take one"),
        (
            lambda: catalogue.local_drives(catalogue.find("m9gd.large")),
            "neither published nor measured",
        ),
        (lambda: catalogue.find("r9gd.large").hourly_usd(), "no price in us-east-1 was found"),
    ],
)
def test_what_it_lacks_is_an_error_that_helps(call: object, says: str) -> None:
    with pytest.raises(FlashtierError) as caught:
        call()  # type: ignore[operator]
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


TODAY = date(2026, 11, 25)


def test_a_figure_is_old_the_day_after_its_age_is_reached() -> None:
    price = catalogue.price("egress_first_gb").cited()
    assert price.as_of == date(2026, 10, 14)
    assert catalogue.ageing([price], price.as_of + timedelta(days=180)) == ()
    (line,) = catalogue.ageing([price], price.as_of + timedelta(days=181))
    assert line.startswith(
        "price egress_first_gb: 181 days old (NFLX, 2026-10-14), more than 180 for a price;"
    )


@pytest.mark.parametrize(("kind", "days"), [("price", 180), ("limit", 365), ("measurement", 730)])
def test_each_kind_has_its_age(kind: sources.Kind, days: int) -> None:
    figure = sources.cite("a figure", kind, "SCYLLA")
    assert figure.line(date(2025, 10, 22) + timedelta(days=days)) is None
    assert f"more than {days} for a {kind}" in (figure.line(date(2025, 10, 23) + timedelta(days=days)) or "")


def test_undated_and_unread_figures_are_always_reported() -> None:
    lines = catalogue.ageing(
        [catalogue.price("nat_hour").cited(), catalogue.price("kms_key_month").cited()], TODAY
    )
    assert lines[0].startswith("price nat_hour: undated in its source (PUB);")
    assert lines[1].startswith("price kms_key_month: from memory of AWS publications (MEM); verify it")


def test_a_figure_has_its_own_date_before_its_sources() -> None:
    assert catalogue.ebs("gp3").price.as_of == date(2026, 9, 24)
    assert catalogue.ebs("io2").price.as_of is None
    assert catalogue.volume_price("st1").as_of == date(2026, 9, 6)


def test_of_several_sources_the_newest_counts() -> None:
    assert sources.cite("gp3 limits", "limit", "BOTO", "NFLX").source == "NFLX"
    assert sources.cite("io2 limits", "limit", "BOTO", "AWS23").as_of == date(2023, 5, 31)
    assert sources.cite("undated", "limit", "BOTO").as_of is None


def test_the_same_line_is_reported_once() -> None:
    twice = [catalogue.price("nat_hour").cited()] * 2
    assert len(catalogue.ageing(twice, TODAY)) == 1


def test_every_source_that_is_cited_is_described() -> None:
    known = set(sources.sources())
    cited = {t.price_source for t in TYPES.values()} - {None}
    for found in WITH_DRIVES:
        if found.write_iops is not None:
            cited |= {c.source for c in catalogue.local_drives(found).cited()}
    for name in ("gp3", "io2"):
        ebs = catalogue.ebs(name)  # type: ignore[arg-type]
        cited |= {c.source for c in ebs.cited()} | {*ebs.limits.sources, *ebs.promise.sources}
    assert cited <= known
    assert "SCYLLA" in cited
