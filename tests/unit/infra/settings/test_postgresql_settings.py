"""Settings of PostgreSQL: they fit the memory and volumes they were made for, whatever the environment."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from infra.environment import Environment
from infra.errors import EnvironmentInvalid
from infra.settings.postgresql import settings, size_text
from infra.stack.secret_table import SECRET_NAMES
from tests.support.declared import environments, local_environment
from tests.support.guards import sometimes

OF_THE_DATA = {
    "autovacuum_vacuum_cost_limit",
    "bgwriter_delay",
    "bgwriter_lru_maxpages",
    "effective_io_concurrency",
    "maintenance_io_concurrency",
    "random_page_cost",
}

MIB = {"kB": 1 / 1024, "MB": 1, "GB": 1024, "TB": 1024 * 1024}


def mib(value: str) -> float:
    """A size as PostgreSQL writes it, in MiB."""
    number, unit = re.fullmatch(r"(\d+)(kB|MB|GB|TB)", value).groups()  # type: ignore[union-attr]
    return int(number) * MIB[unit]


def values(declared: Any) -> dict[str, str]:
    return {setting.name: setting.value for setting in settings(Environment.parse(declared))}


def local(**changes: Any) -> Any:
    """The shipped environment with single keys changed: `web__count=3` sets web.count."""
    declared = copy.deepcopy(local_environment())
    for path, value in changes.items():
        *parents, last = path.split("__")
        at = declared
        for parent in parents:
            at = at[parent]
        at[last] = value
    return declared


def on_class(volume_class: str) -> Any:
    """The shipped environment with everything on one volume of the class, the size being the same."""
    volumes = [{"name": "only", "class": volume_class, "size_gib": 8}]
    placement = dict.fromkeys(("data", "wal", "temp", "log"), "only")
    return local(database__volumes=volumes, database__placement=placement)


@st.composite
def workable(draw: st.DrawFn) -> Any:
    """An environment that `settings` accepts: sizes that are drawn freely seldom fit each other."""
    declared = draw(environments(max_web=8))
    declared["database"]["size"]["memory_mib"] = draw(st.integers(1500, 1_048_576))
    declared["app"]["pool_size"] = draw(st.integers(1, 60))
    declared["app"]["write_pool_size"] = draw(st.integers(1, 20))
    for volume in declared["database"]["volumes"]:
        volume["size_gib"] += draw(st.integers(1, 4096))
    try:
        settings(Environment.parse(declared))
    except EnvironmentInvalid:
        assume(False)
    return declared


relaxed = hypothesis_settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@relaxed
@given(workable())
def test_everything_that_may_be_used_at_once_fits_the_memory(declared: Any) -> None:
    v, total = values(declared), declared["database"]["size"]["memory_mib"]
    processes = int(v["max_connections"]) + int(v["max_parallel_workers"])
    used = (
        mib(v["shared_buffers"])
        + mib(v["wal_buffers"])
        + mib(v["maintenance_work_mem"])
        + int(v["autovacuum_max_workers"]) * mib(v["autovacuum_work_mem"])
        # Six MiB of its own and the page table of shared_buffers, then one hash that takes all it may.
        + processes
        * (6 + mib(v["shared_buffers"]) / 512 + mib(v["work_mem"]) * float(v["hash_mem_multiplier"]))
    )
    assert used <= total - 256, "the system itself must keep 256 MiB"
    assert mib(v["shared_buffers"]) <= mib(v["effective_cache_size"]) < total
    assert mib(v["work_mem"]) >= 1


@relaxed
@given(workable())
def test_wal_and_temporary_files_fit_their_volumes_next_to_the_data(declared: Any) -> None:
    v, database = values(declared), declared["database"]
    placement, sizes = database["placement"], {x["name"]: x["size_gib"] * 1024 for x in database["volumes"]}

    def data_on(volume: str) -> float:
        return database["expected_data_gib"] * 1024 if placement["data"] == volume else 0

    wal = mib(v["max_wal_size"]) + mib(v["max_slot_wal_keep_size"])
    temp = mib(v["temp_file_limit"])
    together = wal + (temp if placement["temp"] == placement["wal"] else 0)
    # A file system gives 98% of its device; a quarter of it stays free, and max_wal_size is a soft limit.
    assert together + data_on(placement["wal"]) <= sizes[placement["wal"]] * 0.98 * 0.75
    assert temp + data_on(placement["temp"]) <= sizes[placement["temp"]] * 0.98 * 0.75
    assert 32 <= mib(v["min_wal_size"]) <= mib(v["max_wal_size"])
    assert mib(v["max_wal_size"]) % 16 == 0, "PostgreSQL counts in segments of 16 MB"


@relaxed
@given(workable())
def test_connections_cover_every_pool_and_a_release_that_overlaps(declared: Any) -> None:
    v, web = values(declared), declared["web"]["count"]
    pools = declared["app"]["pool_size"] + declared["app"]["write_pool_size"]
    for_clients = (
        int(v["max_connections"]) - int(v["superuser_reserved_connections"]) - int(v["reserved_connections"])
    )
    assert for_clients >= web * pools + pools


@relaxed
@given(workable())
def test_each_setting_is_given_once_with_its_reason_and_source_in_the_form_that_show_prints(
    declared: Any,
) -> None:
    made = settings(Environment.parse(declared))
    names = [setting.name for setting in made]
    assert len(names) == len(set(names))
    for setting in made:
        assert setting.reason, setting.name
        assert re.search(r"PostgreSQL 17 manual, |docs/sizing-facts", setting.source), setting.name
        size = re.fullmatch(r"(\d+)(kB|MB|GB)", setting.value)
        if sometimes(size):
            assert size
            assert int(size[1]) % 1024, f"{setting.name} = {setting.value}: SHOW prints the larger unit"
        assert not any(name in setting.value for name in SECRET_NAMES)


@relaxed
@given(workable(), st.integers(1, 65_536))
def test_more_memory_never_gives_a_process_less(declared: Any, more: int) -> None:
    less = values(declared)
    declared["database"]["size"]["memory_mib"] = min(
        1_048_576, declared["database"]["size"]["memory_mib"] + more
    )
    grown = values(declared)
    sizes = ("shared_buffers", "work_mem", "maintenance_work_mem", "autovacuum_work_mem", "wal_buffers")
    for name in (*sizes, "effective_cache_size"):
        assert mib(grown[name]) >= mib(less[name]), name


@relaxed
@given(workable(), st.integers(1, 4096))
def test_a_larger_volume_never_gives_less_wal(declared: Any, more: int) -> None:
    less = values(declared)
    for volume in declared["database"]["volumes"]:
        volume["size_gib"] += more
    grown = values(declared)
    for name in ("max_wal_size", "min_wal_size", "max_slot_wal_keep_size", "temp_file_limit"):
        assert mib(grown[name]) >= mib(less[name]), name


def test_flash_and_network_differ_where_the_device_matters_and_nowhere_else() -> None:
    flash, network = values(on_class("flash")), values(on_class("network"))
    differing = {name for name in flash if flash[name] != network[name]}
    assert differing == OF_THE_DATA | {"commit_delay"}
    assert float(flash["random_page_cost"]) < float(network["random_page_cost"])
    assert int(flash["effective_io_concurrency"]) > int(network["effective_io_concurrency"])
    assert int(flash["autovacuum_vacuum_cost_limit"]) > int(network["autovacuum_vacuum_cost_limit"])
    assert int(flash["commit_delay"]) == 0 < int(network["commit_delay"])


@pytest.mark.parametrize(("moved", "of_the_device"), [("data", OF_THE_DATA), ("wal", {"commit_delay"})])
def test_each_purpose_follows_the_class_of_its_own_volume(moved: str, of_the_device: set[str]) -> None:
    declared = local()
    shipped = values(declared)
    declared["database"]["placement"][moved] = "network"
    changed = {name for name, value in values(declared).items() if value != shipped[name]}
    # What lies on a volume also decides how much room there is for the rest.
    of_the_room = {
        "max_wal_size", "min_wal_size", "max_slot_wal_keep_size", "temp_file_limit", "wal_keep_size",
    }  # fmt: skip
    assert changed - of_the_room == of_the_device


def test_vacuum_leaves_half_of_the_writes_of_a_gp3_volume_to_queries() -> None:
    v = values(on_class("network"))
    delay_s = int(v["autovacuum_vacuum_cost_delay"].removesuffix("ms")) / 1000
    # Twenty is vacuum_cost_page_dirty; a gp3 volume gives 3,000 IOPS.
    assert int(v["autovacuum_vacuum_cost_limit"]) / delay_s / 20 == pytest.approx(1500)


def test_parallel_workers_follow_the_cores() -> None:
    for cores, gather in ((1, "0"), (2, "1"), (4, "2"), (64, "2")):
        v = values(local(database__size={"vcpus": cores, "memory_mib": 8192}))
        assert v["max_parallel_workers"] == str(cores)
        assert v["max_parallel_workers_per_gather"] == gather
        assert int(v["max_worker_processes"]) > cores


def test_an_acknowledged_write_survives_a_crash() -> None:
    v = values(local())
    assert {v[name] for name in ("fsync", "synchronous_commit", "full_page_writes")} == {"on"}
    assert v["data_sync_retry"] == "off"
    assert v["wal_level"] == "replica"
    assert int(v["max_wal_senders"]) >= 2 * local_environment()["database"]["members"]


def fault(declared: Any) -> str:
    """The one line that `settings` refuses an environment with."""
    with pytest.raises(EnvironmentInvalid) as refused:
        settings(Environment.parse(declared))
    assert len(refused.value.faults) == 1, refused.value.faults
    assert "\n" not in refused.value.faults[0]
    return refused.value.faults[0]


@pytest.mark.parametrize("pool", [15, 20, 21, 37, 60, 100])
def test_memory_too_small_for_the_connections_is_refused_with_the_least_that_works(pool: int) -> None:
    def of(memory_mib: int) -> Any:
        return local(app__pool_size=pool, database__size={"vcpus": 2, "memory_mib": memory_mib})

    line = fault(of(1024))
    assert line.startswith("flashtier:environment.database.size.memory_mib = 1024: ")
    least = int(re.search(r"at least (\d+)", line)[1])  # type: ignore[index]
    assert mib(values(of(least))["work_mem"]) >= 1
    fault(of(least - 1))


def test_more_connections_than_processes_make_sense_are_refused_with_the_largest_pool() -> None:
    line = fault(
        local(web__count=8, app__pool_size=200, database__size={"vcpus": 64, "memory_mib": 1_048_576})
    )
    assert line.startswith("flashtier:environment.app.pool_size = 200: ")
    most = int(re.search(r"at most (\d+)", line)[1])  # type: ignore[index]
    largest = local(web__count=8, app__pool_size=most, database__size={"vcpus": 64, "memory_mib": 1_048_576})
    assert int(values(largest)["max_connections"]) <= 800
    largest["app"]["pool_size"] += 1
    fault(largest)


@pytest.mark.parametrize(("purpose", "mib_needed"), [("wal", "512"), ("temp", "128")])
def test_a_volume_without_room_is_refused_with_the_size_that_has_it(purpose: str, mib_needed: str) -> None:
    declared = local(database__expected_data_gib=2.2)
    others = {"wal", "temp", "log"} - {purpose}
    declared["database"]["placement"] |= {purpose: "flash", **dict.fromkeys(others, "network")}
    line = fault(declared)
    assert line.startswith("flashtier:environment.database.volumes.0.size_gib = 3: ")
    assert f"{mib_needed} MiB of {purpose} with 2.2 GiB of data" in line
    declared["database"]["volumes"][0]["size_gib"] = int(re.search(r"at least (\d+)", line)[1])  # type: ignore[index]
    assert values(declared)


def test_every_fault_is_reported_at_once() -> None:
    declared = local(database__expected_data_gib=2.2, database__size={"vcpus": 2, "memory_mib": 512})
    with pytest.raises(EnvironmentInvalid) as refused:
        settings(Environment.parse(declared))
    assert [line.split(" = ")[0].rsplit(".", 1)[1] for line in refused.value.faults] == [
        "memory_mib",
        "size_gib",
    ]


@pytest.mark.parametrize(
    ("kib", "text"),
    [(64, "64kB"), (1024, "1MB"), (1536, "1536kB"), (1 << 20, "1GB"), (3 << 19, "1536MB"), (1 << 30, "1TB")],
)
def test_sizes_are_written_as_show_prints_them(kib: int, text: str) -> None:
    assert size_text(kib) == text
