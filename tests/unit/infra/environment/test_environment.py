"""The environment: what is valid parses, and each fault ends in one line with key, value and fix."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.environment import Environment
from infra.environment.sections import USABLE_SHARE
from infra.errors import EnvironmentInvalid
from tests.support.declared import (
    Path_,
    alone,
    at,
    dotted,
    environments,
    leaves,
    local_environment,
    mappings,
    spoiled,
    wrong_types,
)
from tests.support.guards import sometimes

PREFIX = "flashtier:environment"
LOCAL = local_environment()


def faults(declared: Any) -> tuple[str, ...]:
    with pytest.raises(EnvironmentInvalid) as caught:
        Environment.parse(declared)
    assert str(caught.value) == "\n".join(caught.value.faults)
    assert all("\n" not in fault for fault in caught.value.faults)
    return caught.value.faults


def only_fault(declared: Any) -> str:
    lines = faults(declared)
    assert len(lines) == 1, lines
    return lines[0]


def test_local_environment_is_valid() -> None:
    environment = Environment.parse(LOCAL)
    assert (environment.web.count, environment.database.members, environment.control.count) == (2, 3, 3)


@given(environments())
def test_every_valid_environment_parses_to_what_it_declares(declared: Any) -> None:
    environment = Environment.parse(declared)
    for path, value in leaves(declared):
        seen: Any = environment
        for step in path:
            if isinstance(step, int):
                seen = seen[step]
            else:
                seen = getattr(seen, "volume_class" if step == "class" else step)
        assert seen == value, dotted(path)


@pytest.mark.parametrize("path", list(mappings(LOCAL)), ids=lambda path: dotted(path) or "root")
def test_an_unknown_key_is_refused_at_every_level(path: Path_) -> None:
    line = only_fault(spoiled(LOCAL, (*path, "colour"), "red"))
    where = dotted((PREFIX, *path, "colour"))
    assert line == f"{where} = 'red': is not a key of the environment; remove it or correct its spelling"


#: Environments of an older kit do not have them.
NEW_KEYS = {("app", "exif_location"): "strip", ("app", "write_pool_size"): 4}


def test_an_environment_of_an_older_kit_needs_no_new_key() -> None:
    declared = copy.deepcopy(LOCAL)
    for section, key in NEW_KEYS:
        del declared[section][key]
    app = Environment.parse(declared).app
    assert [getattr(app, key) for _, key in NEW_KEYS] == list(NEW_KEYS.values())


NEEDED = [path for path, _ in leaves(LOCAL) if path not in NEW_KEYS and isinstance(path[-1], str)]


@pytest.mark.parametrize("path", NEEDED, ids=dotted)
def test_a_missing_key_is_named(path: Path_) -> None:
    declared = spoiled(LOCAL, path, None)
    del at(declared, path[:-1])[path[-1]]
    assert only_fault(declared) == f"{dotted((PREFIX, *path))}: is missing; add it"


@pytest.mark.parametrize(
    ("path", "wrong"),
    [(path, wrong) for path, value in leaves(LOCAL) for wrong in wrong_types(value)],
    ids=lambda value: dotted(value) if isinstance(value, tuple) else repr(value),
)
def test_no_value_is_converted_from_another_type(path: Path_, wrong: Any) -> None:
    lines = faults(spoiled(LOCAL, path, wrong))
    assert all(line.startswith(f"{dotted((PREFIX, *path))} = ") for line in lines), lines
    assert all(repr(wrong) in line for line in lines), lines


@pytest.mark.parametrize("whole", [None, "text", 3, ["list"]])
def test_an_environment_that_is_not_a_mapping_is_refused(whole: Any) -> None:
    assert only_fault(whole).startswith(f"{PREFIX} = {whole!r}: must be a mapping")


WRONG: list[tuple[str, Path_, Any, str, str]] = [
    # what, path, wrong value, the key that the line names, what else it must say
    ("unknown volume", ("database", "placement", "wal"), "nvme", "database.placement.wal", "flash, network"),
    ("network too small", ("network", "cidr"), "10.88.0.0/25", "network.cidr", "take a /24 or larger"),
    ("network too large", ("network", "cidr"), "10.0.0.0/8", "network.cidr", "take a /16 to /24"),
    ("public network", ("network", "cidr"), "8.8.8.0/24", "network.cidr", "10.0.0.0/8"),
    ("not a network", ("network", "cidr"), "10.88.0.7/24", "network.cidr", "first address"),
    ("IPv6", ("network", "cidr"), "fd00::/64", "network.cidr", "private IPv4"),
    ("no web host", ("web", "count"), 0, "web.count", "greater than or equal to 1"),
    ("too many web hosts", ("web", "count"), 81, "web.count", "less than or equal to 80"),
    ("even control tier", ("control", "count"), 2, "control.count", "odd number"),
    ("no member", ("database", "members"), 0, "database.members", "greater than or equal to 1"),
    ("other PostgreSQL", ("database", "version"), 16, "database.version", "17"),
    ("unknown platform", ("platform",), "azure", "platform", "'local'"),
    ("unknown class", ("database", "volumes", 0, "class"), "tape", "database.volumes.0.class", "'flash'"),
    ("empty volume", ("database", "volumes", 0, "size_gib"), 0, "database.volumes.0.size_gib", "equal to 1"),
    ("bad name", ("database", "volumes", 1, "name"), "Flash 1", "database.volumes.1.name", "rename it"),
    ("long name", ("access", "user"), "a" * 16, "access.user", "at most 15 characters"),
    ("hyphen at the end", ("access", "user"), "ops-", "access.user", "end with a letter or digit"),
    ("tiny memory", ("web", "size", "memory_mib"), 128, "web.size.memory_mib", "equal to 256"),
    ("no core", ("edge", "size", "vcpus"), 0, "edge.size.vcpus", "equal to 1"),
    ("nothing expected", ("database", "expected_data_gib"), 0.0, "database.expected_data_gib", "than 0"),
    ("endless data", ("database", "expected_data_gib"), math.inf, "database.expected_data_gib", "finite"),
    ("no pool", ("app", "pool_size"), 0, "app.pool_size", "equal to 1"),
    ("no pool to write", ("app", "write_pool_size"), 0, "app.write_pool_size", "equal to 1"),
    ("huge upload", ("app", "max_upload_mib"), 101, "app.max_upload_mib", "equal to 100"),
]


@pytest.mark.parametrize(("what", "path", "value", "key", "fix"), WRONG, ids=[case[0] for case in WRONG])
def test_each_wrong_value_gives_one_line_with_key_value_and_fix(
    what: str, path: Path_, value: Any, key: str, fix: str
) -> None:
    line = only_fault(spoiled(LOCAL, path, value))
    assert line.startswith(f"{PREFIX}.{key}"), line
    assert str(value) in line, line
    assert fix in line, line


@pytest.mark.parametrize("tier", ["database", "control"])
def test_two_volumes_of_one_name_are_refused(tier: str) -> None:
    twice = [*LOCAL[tier]["volumes"], LOCAL[tier]["volumes"][0]]
    name = twice[0]["name"]
    line = only_fault(spoiled(LOCAL, (tier, "volumes"), twice))
    assert line.startswith(f"{PREFIX}.{tier}.volumes: the name {name!r} is given twice"), line
    assert "its own name" in line


@pytest.mark.parametrize(("change", "says"), [("drop", "missing repository"), ("add", "unknown scratch")])
def test_control_hosts_have_exactly_their_volumes(change: str, says: str) -> None:
    kept = list(LOCAL["control"]["volumes"])
    kept = kept[:2] if change == "drop" else [*kept, {"name": "scratch", "class": "flash", "size_gib": 1}]
    line = only_fault(spoiled(LOCAL, ("control", "volumes"), kept))
    assert line == f"{PREFIX}.control.volumes: {says}; declare exactly etcd, metrics, repository"


def with_data(size: int, data: float) -> Any:
    """The shipped environment with `data` GiB expected on a volume of `size` GiB."""
    declared = spoiled(LOCAL, ("database", "volumes", 0, "size_gib"), size)
    return spoiled(declared, ("database", "expected_data_gib"), data)


@given(st.integers(1, 65_536), st.floats(0.01, 1))
def test_data_up_to_the_usable_share_fits(size: int, share: float) -> None:
    Environment.parse(with_data(size, size * USABLE_SHARE * share))


@given(st.integers(1, 65_536), st.floats(1.001, 100))
def test_the_size_that_the_line_asks_for_is_the_smallest_that_holds_the_data(size: int, share: float) -> None:
    data = size * USABLE_SHARE * share
    declared = with_data(size, data)
    line = only_fault(declared)
    assert line.startswith(f"{PREFIX}.database.expected_data_gib: {data:g} GiB do not fit")
    assert "'flash'" in line
    need = int(line.split("make it at least ")[1].split(" GiB")[0])
    if sometimes(need <= 65_536):
        Environment.parse(spoiled(declared, ("database", "volumes", 0, "size_gib"), need))
    assert (need - 1) * USABLE_SHARE < data


def test_all_faults_are_reported_at_once() -> None:
    declared = spoiled(spoiled(LOCAL, ("web", "count"), 0), ("platform",), "azure")
    keys = {line.split(" = ")[0] for line in faults(declared)}
    assert keys == {f"{PREFIX}.web.count", f"{PREFIX}.platform"}


@pytest.mark.parametrize(("milliseconds", "fix"), [(1999, "equal to 2000"), (60_001, "equal to 60000")])
def test_standbys_are_neither_fresher_than_can_be_known_nor_endlessly_old(
    milliseconds: int, fix: str
) -> None:
    declared = local_environment()
    declared["app"]["read_from_standbys"] = {"max_lag_ms": milliseconds}
    line = only_fault(declared)
    assert line.startswith(f"{PREFIX}.app.read_from_standbys.max_lag_ms = {milliseconds}: ")
    assert fix in line


def test_reads_from_standbys_need_one() -> None:
    declared = local_environment()
    declared["app"]["read_from_standbys"] = {"max_lag_ms": 5000}
    parsed = Environment.parse(declared)
    # Where no standby will do, the leader has all reads.
    assert parsed.app.connections == 2 * parsed.app.pool_size + parsed.app.write_pool_size
    line = only_fault(alone(declared))
    assert line.startswith(
        "flashtier:environment.app.read_from_standbys: database.members = 1 has no standby; "
    )


def test_a_parsed_environment_cannot_be_changed() -> None:
    environment = Environment.parse(LOCAL)
    with pytest.raises(ValueError, match="frozen"):
        environment.web.count = 5
