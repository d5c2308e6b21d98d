"""How a lost leader is replaced, and when a commit counts: what is refused, and what Patroni gets of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.environment import Environment, takes_over
from infra.errors import EnvironmentInvalid
from infra.paths import ROOT
from infra.settings.patroni import cluster_settings
from infra.settings.postgresql import settings
from tests.support.declared import alone, local_environment, spoiled

PREFIX = "flashtier:environment."
#: Without copies: what only several members may have is refused where it is asked for.
ASYNCHRONOUS = {"synchronous_mode": "asynchronous", "synchronous_mode_strict": False}
ARCHIVE = {"timeout_s": 60, "retention_days": 7}


def with_failover(**values: Any) -> Any:
    declared = local_environment()
    declared["database"]["failover"] = values
    return declared


def fault(declared: Any) -> str:
    with pytest.raises(EnvironmentInvalid) as caught:
        Environment.parse(declared)
    (line,) = caught.value.faults
    return line


@pytest.mark.parametrize(
    ("values", "key", "fix"),
    [
        # What Patroni would raise, or lower together, with a line in its log only.
        ({"ttl": 19, "loop_wait": 1}, "ttl", "19: Patroni would raise it to 20; take at least 20"),
        ({"loop_wait": 0}, "loop_wait", "0: Patroni would raise it to 1"),
        ({"retry_timeout": 2}, "retry_timeout", "2: Patroni would raise it to 3"),
        ({"retry_timeout": 10}, "ttl", "20: is less than loop_wait + 2 x retry_timeout = 22"),
        ({"loop_wait": 11}, "ttl", "20: is less than loop_wait + 2 x retry_timeout = 21"),
        ({"ttl": 30, "loop_wait": 11, "retry_timeout": 10}, "ttl", "take at least 31"),
        # What it would take as it is.
        ({"ttl": 301}, "ttl", "less than or equal to 300"),
        ({"primary_stop_timeout": 4}, "primary_stop_timeout", "greater than or equal to 5"),
        ({"primary_start_timeout": -1}, "primary_start_timeout", "greater than or equal to 0"),
        ({"maximum_lag_mib": 0}, "maximum_lag_mib", "greater than or equal to 1"),
        ({"ttl": "20s"}, "ttl", "valid integer"),
        ({"maximum_lag_on_failover": 1}, "maximum_lag_on_failover", "is not a key"),
    ],
)
def test_values_that_patroni_would_change_are_refused(values: dict[str, Any], key: str, fix: str) -> None:
    line = fault(with_failover(**values))
    assert line.startswith((f"{PREFIX}database.failover.{key}:", f"{PREFIX}database.failover.{key} = ")), line
    assert fix in line


@given(st.integers(1, 40), st.integers(0, 30), st.integers(0, 20))
def test_timers_are_refused_exactly_where_patroni_changes_them(
    ttl: int, loop_wait: int, retry_timeout: int
) -> None:
    """Its own arithmetic: least values first, then loop_wait + 2 x retry_timeout within ttl."""
    kept = ttl >= 20 and loop_wait >= 1 and retry_timeout >= 3 and loop_wait + 2 * retry_timeout <= ttl
    declared = with_failover(ttl=ttl, loop_wait=loop_wait, retry_timeout=retry_timeout)
    if kept:
        found = Environment.parse(declared).database.failover
        assert (found.ttl, found.loop_wait, found.retry_timeout) == (ttl, loop_wait, retry_timeout)
    else:
        assert fault(declared).startswith(f"{PREFIX}database.failover.")


def two_members() -> Any:
    declared = local_environment()
    declared["database"]["members"] = 2
    return declared


@pytest.mark.parametrize(
    ("declared", "key", "fix"),
    [
        (two_members(), "durability.synchronous_mode", "quorum with 2 members stops writing"),
        (
            spoiled(alone(local_environment()), ("durability", "synchronous_mode"), "quorum"),
            "durability.synchronous_mode",
            "quorum with 1 members",
        ),
        (
            spoiled(local_environment(), ("durability", "synchronous_mode"), "asynchronous"),
            "durability.synchronous_mode_strict",
            "true needs synchronous_mode: quorum",
        ),
        (
            spoiled(local_environment(), ("durability", "synchronous_mode"), "on"),
            "durability.synchronous_mode",
            "'quorum'",
        ),
        (
            spoiled(local_environment(), ("control", "count"), 1),
            "control.count",
            "1 with 3 members: etcd on one",
        ),
        (
            two_members()
            | {"durability": ASYNCHRONOUS}
            | {"control": local_environment()["control"] | {"count": 1}},
            "control.count",
            "1 with 2 members",
        ),
        (
            local_environment() | {"durability": local_environment()["durability"] | {"archive": ARCHIVE}},
            "durability.archive",
            "nothing is archived yet; remove it",
        ),
    ],
)
def test_what_needs_other_hosts_is_refused_on_local_too(declared: Any, key: str, fix: str) -> None:
    line = fault(declared)
    assert line.startswith((f"{PREFIX}{key}:", f"{PREFIX}{key} = ")), line
    assert fix in line


def test_durability_is_declared_on_every_platform() -> None:
    declared = local_environment()
    del declared["durability"]
    assert fault(declared) == f"{PREFIX}durability: is missing; add it"


def test_one_member_with_one_control_host_is_a_legal_environment() -> None:
    declared = alone(local_environment())
    declared["control"]["count"] = 1
    environment = Environment.parse(declared)
    found = cluster_settings(environment, settings(environment))
    assert (found.failsafe_mode, found.synchronous_mode, found.synchronous_mode_strict) == (
        False,
        "off",
        False,
    )
    # With 0 Patroni would recover a crash by a slow single-user server: there is no one to fail over to.
    assert found.primary_start_timeout == 300


def test_two_members_wait_for_each_other_only_at_their_own_wish() -> None:
    environment = Environment.parse(two_members() | {"durability": ASYNCHRONOUS})
    found = cluster_settings(environment, settings(environment))
    assert (found.failsafe_mode, found.synchronous_mode, found.primary_start_timeout) == (True, "off", 0)


def test_the_clusters_settings_are_the_declared_ones() -> None:
    declared = with_failover(
        ttl=60,
        loop_wait=5,
        retry_timeout=7,
        primary_start_timeout=3,
        primary_stop_timeout=12,
        maximum_lag_mib=2,
    )
    environment = Environment.parse(declared)
    managed = settings(environment)
    found = cluster_settings(environment, managed)
    assert (found.ttl, found.loop_wait, found.retry_timeout) == (60, 5, 7)
    assert (found.primary_start_timeout, found.primary_stop_timeout) == (3, 12)
    assert found.maximum_lag_on_failover == 2 << 20
    assert (found.synchronous_mode, found.synchronous_mode_strict) == ("quorum", True)
    assert found.synchronous_node_count == 1
    assert found.postgresql.parameters == {one.name: one.value for one in managed if one.owner == "dcs"}


#: Patroni gives these on the command line, from etcd only (patroni/postgresql/config.py, CMDLINE_OPTIONS): a
#: value that a file has loses without a word.
GIVEN_BY_PATRONI = {
    "wal_level", "hot_standby", "max_connections", "max_wal_senders", "max_prepared_transactions",
    "max_locks_per_transaction", "track_commit_timestamp", "max_replication_slots", "max_worker_processes",
    "wal_log_hints",
}  # fmt: skip
#: It writes them after the include of the kit's file.
WRITTEN_BY_PATRONI = {"wal_keep_size"}
#: Below these it takes a value of its own (the same table).
LEAST = {"max_connections": 25, "max_wal_senders": 3, "max_replication_slots": 4, "max_worker_processes": 2,
         "max_locks_per_transaction": 32}  # fmt: skip


@pytest.mark.parametrize(
    "declared",
    [local_environment(), two_members() | {"durability": ASYNCHRONOUS}, alone(local_environment())],
    ids=["three members", "two", "one"],
)
def test_what_patroni_gives_is_in_etcd_and_within_its_bounds(declared: Any) -> None:
    environment = Environment.parse(declared)
    parameters = cluster_settings(environment, settings(environment)).postgresql.parameters
    assert set(parameters) == GIVEN_BY_PATRONI | WRITTEN_BY_PATRONI
    assert {name: parameters[name] for name, least in LEAST.items() if int(parameters[name]) < least} == {}


@pytest.mark.parametrize(
    ("durability", "takeover", "takes_over_then"),
    [
        ({}, None, True),
        ({}, {"enabled": True}, True),
        ({}, {"enabled": False}, False),
        (ASYNCHRONOUS, None, False),
        ({"synchronous_mode_strict": False}, None, False),
        (ASYNCHRONOUS, {"enabled": False}, False),
    ],
)
def test_a_leader_gives_way_on_local_where_it_is_safe_and_not_declared_off(
    durability: dict[str, Any], takeover: dict[str, Any] | None, takes_over_then: bool
) -> None:
    declared = local_environment()
    declared["durability"] |= durability
    declared["database"].pop("takeover", None)
    if takeover is not None:
        declared["database"]["takeover"] = takeover
    assert takes_over(Environment.parse(declared)) is takes_over_then


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_on_aws_it_has_to_be_declared(stack: str) -> None:
    shipped = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    assert not takes_over(Environment.parse(shipped["flashtier:environment"]))


@pytest.mark.parametrize("durability", [ASYNCHRONOUS, {"synchronous_mode_strict": False}])
def test_a_takeover_that_could_lose_a_write_is_refused(durability: dict[str, Any]) -> None:
    declared = local_environment()
    declared["durability"] |= durability
    declared["database"]["takeover"] = {"enabled": True}
    assert fault(declared).startswith(
        f"{PREFIX}database.takeover.enabled: true needs members that acknowledge"
    )
