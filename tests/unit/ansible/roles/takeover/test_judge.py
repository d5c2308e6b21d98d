"""When a leader is not made to give way, each reason by itself; and when it counts as stuck or gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from takeover import judge
from takeover.config import Config
from tests.support.takeover_etcd import OWN, SERVICE, Etcd, stick

Configs = Callable[[str], Config]


def hindered(etcd: Etcd, config: Config) -> list[str]:
    return list(judge.hindrances(etcd.seen(), config, etcd.seen().timeline("db1")))


def test_nothing_hinders_it_in_a_cluster_that_is_well(etcd: Etcd, config: Configs) -> None:
    assert hindered(etcd, config("control1")) == []


def change(etcd: Etcd, key: str, **changes: object) -> None:
    etcd.put(key, json.loads(etcd.value(key) or "{}") | changes)


REASONS: dict[str, tuple[Callable[[Etcd], None], str]] = {
    "off": (lambda etcd: etcd.put(OWN + "takeover/off", {"reason": "a test"}), "switched off: a test"),
    "asynchronous": (lambda etcd: change(etcd, SERVICE + "config", synchronous_mode="off"), "a quorum"),
    "not strict": (lambda etcd: change(etcd, SERVICE + "config", synchronous_mode_strict=False), "a quorum"),
    "paused": (lambda etcd: change(etcd, SERVICE + "config", pause=True), "Patroni is paused"),
    "maintenance": (lambda etcd: etcd.put(OWN + "maintenance", {}), "a maintenance is declared"),
    "no identifier": (lambda etcd: etcd.put(SERVICE + "initialize", ""), "no system identifier"),
    "no leader": (lambda etcd: etcd.keys.__delitem__(SERVICE + "leader"), "no member leads"),
    "undeclared leader": (lambda etcd: etcd.put(SERVICE + "leader", "db9"), "db9 leads and is not declared"),
    "a fourth member": (lambda etcd: etcd.put(SERVICE + "members/db4", {}), "db4: of the cluster and not"),
    "unknown timeline": (
        lambda etcd: etcd.put(SERVICE + "members/db1", {"state": "running"}),
        "the timeline of db1",
    ),
    "a member on another timeline": (
        lambda etcd: etcd.put(SERVICE + "members/db3", {"timeline": 2}),
        "db3: not known to be on timeline 3 of db1",
    ),
    "a member without a timeline": (
        lambda etcd: etcd.keys.__delitem__(SERVICE + "members/db2"),
        "db2: not known to be on timeline 3 of db1",
    ),
    "another sync leader": (lambda etcd: change(etcd, SERVICE + "sync", leader="db2"), "names db2, not db1"),
    "no standby": (lambda etcd: change(etcd, SERVICE + "sync", sync_standby=""), "no standby counts"),
    "undeclared standby": (
        lambda etcd: change(etcd, SERVICE + "sync", sync_standby="db2,db7"),
        "db7: synchronous and not declared",
    ),
    "an unreachable voter": (
        lambda etcd: etcd.keys.__delitem__(OWN + "takeover/agents/db3"),
        "db3: nothing there could seal db1 off",
    ),
    "an adopted server": (lambda etcd: etcd.keys.__delitem__(OWN + "members/db2"), "db2: has had no copy"),
}


@pytest.mark.parametrize("name", REASONS)
def test_each_reason_hinders_it_alone(name: str, etcd: Etcd, config: Configs) -> None:
    stage, says = REASONS[name]
    stage(etcd)
    found = hindered(etcd, config("control1"))
    assert len(found) == 1
    assert says in found[0]


def test_what_is_not_declared_does_nothing(etcd: Etcd, config: Configs) -> None:
    (found,) = hindered(etcd, replace(config("control1"), enabled=False))
    assert "takeover.enabled: false" in found


def test_a_leader_is_stuck_by_its_own_word_and_while_another_would_do_better(etcd: Etcd) -> None:
    assert judge.stuck(etcd.seen()) == ""
    stick(etcd)
    assert judge.stuck(etcd.seen()) == "data: hung"
    stick(etcd, "db2")
    assert judge.stuck(etcd.seen()) == "data: hung"
    stick(etcd, "db3")
    assert judge.stuck(etcd.seen()) == ""


def test_a_standby_that_is_stuck_or_a_probe_that_says_nothing_moves_no_lead(etcd: Etcd) -> None:
    stick(etcd, "db2")
    assert judge.stuck(etcd.seen()) == ""
    del etcd.keys[OWN + "probes/db1"]
    assert judge.stuck(etcd.seen()) == ""


def test_where_only_a_member_outside_the_quorum_is_fine_no_lead_moves(etcd: Etcd) -> None:
    change(etcd, SERVICE + "sync", sync_standby="db2")
    stick(etcd)
    stick(etcd, "db2")
    assert judge.stuck(etcd.seen()) == ""


@pytest.mark.parametrize(
    ("left", "late", "gone"),
    [(19, False, False), (18, False, False), (17, True, False), (16, True, True), (-1, True, True)],
)
def test_a_lease_that_is_not_renewed(left: int, late: bool, gone: bool) -> None:
    """Patroni renews it each loop_wait; what etcd says is cut to whole seconds."""
    assert judge.overdue(left, 20, 2, 0) == late
    assert judge.overdue(left, 20, 2, 1) == gone
