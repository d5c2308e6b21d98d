"""The units together, on etcd in memory: what is sealed and who leads, also where one dies between two steps.

The safety of the mechanism itself is searched whole in tests/unit/takeover; here it is the code that is
tried.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from follower.etcd import EtcdError
from takeover.keys import Seen
from tests.support.takeover_etcd import MEMBERS, OWN, SERVICE, Etcd, stick
from tests.support.takeover_world import Configs, World

OTHERS = {"db2", "db3", "control1", "control2", "control3"}


def test_a_leader_that_is_well_keeps_its_lead(world: World) -> None:
    for _ in range(3):
        assert world.turn() == []
    assert (world.leader, world.sealed(), world.lines) == ("db1", set(), [])


def test_a_stuck_leader_is_sealed_off_and_then_leads_no_more(world: World) -> None:
    stick(world.etcd)
    world.turn()
    assert world.leader is None
    assert world.sealed() == OTHERS
    assert all(world.kernels[host].elements == [MEMBERS["db1"]] for host in OTHERS)
    assert world.etcd.value(OWN + "takeover/order") is None
    assert '"leader": "db1"' in (world.etcd.value(OWN + "takeover/last") or "")


def test_a_leader_that_is_gone_is_sealed_off_and_then_leads_no_more(world: World) -> None:
    world.gone()
    world.turn()
    assert world.leader is None
    assert world.sealed() == OTHERS


def test_a_leader_whose_lease_is_late_and_that_answers_is_not_gone(world: World) -> None:
    world.leader_answers = "runs"
    world.gone()
    world.turn()
    assert (world.leader, world.sealed()) == ("db1", set())


def test_a_leader_that_a_member_reaches_is_not_gone(world: World) -> None:
    """Cut off from hosts with etcd only, it goes on by the word of the other members (failsafe mode)."""
    world.gone()
    world.reached = "runs"
    world.turn()
    assert world.leader == "db1"
    assert world.sealed() & set(MEMBERS) == set()
    assert any("db1 is not gone: it answers" in line for line in world.lines)
    world.agents_act()
    assert world.sealed() == set()


def test_a_stuck_leader_may_answer(world: World) -> None:
    stick(world.etcd)
    world.leader_answers = "runs"
    world.turn()
    assert world.leader is None


def test_a_lease_that_is_renewed_after_the_order_keeps_the_lead(world: World) -> None:
    world.gone()
    newest = world.newest

    def renewing(seconds: float) -> Seen:
        world.left = 19
        return newest(seconds)

    world.unit.newest = renewing
    world.turn()
    assert world.leader == "db1"
    assert any("its lease is renewed again" in line for line in world.lines)


@pytest.mark.parametrize("leader_answers", ["runs", "refuses"])
def test_a_patroni_that_is_started_again_is_not_gone(leader_answers: str, world: World) -> None:
    world.leader_answers = leader_answers
    world.gone()
    world.turn()
    assert (world.leader, world.sealed()) == ("db1", set())


def test_a_leader_that_says_no_timeline_any_more_has_the_one_it_had(world: World) -> None:
    """As Patroni does while its server starts, which on a device that hangs it does for ever."""
    world.turn()
    world.etcd.put(SERVICE + "members/db1", {"state": "starting"})
    stick(world.etcd)
    world.turn()
    assert world.leader is None


def test_a_host_with_etcd_whose_agent_publishes_nothing_is_not_waited_for(world: World) -> None:
    stick(world.etcd)
    world.silent = {"control2"}
    del world.etcd.keys[OWN + "takeover/agents/control2"]
    asked = []
    world.unit.newest = lambda seconds: (asked.append(seconds), world.newest(seconds))[1]
    world.turn()
    assert world.leader is None
    assert len(asked) < 5


def test_without_the_seal_of_one_member_it_keeps_its_lead(world: World) -> None:
    stick(world.etcd)
    world.silent = {"db3"}
    world.turn()
    assert world.leader == "db1"
    assert any("db3 did not seal it off" in line for line in world.lines)
    world.agents_act()
    assert world.sealed() == set()


def test_hosts_with_etcd_are_not_waited_for_long(world: World) -> None:
    stick(world.etcd)
    world.silent = {"control2", "control3"}
    world.turn()
    assert world.leader is None


def test_it_is_not_tried_again_within_a_ttl(world: World) -> None:
    stick(world.etcd)
    world.silent = {"db3"}
    world.turn()
    world.silent = set()
    assert world.turn() == ["the last attempt was less than a ttl of 20 s ago"]
    assert world.leader == "db1"
    world.etcd.end_all(20)
    # The leader's own lease is one of them.
    assert world.leader is None


def test_who_leads_since_a_moment_ago_keeps_its_lead(world: World, config: Configs) -> None:
    """An election within the last ttl: its outcome is given time to show."""
    world.etcd.put(SERVICE + "leader", "db1", world.etcd.lease(20))
    world.etcd.keys[SERVICE + "leader"]["create_revision"] = "999"
    stick(world.etcd)
    assert world.turn() == ["db1 has not been seen to lead for a ttl of 20 s yet"]
    assert world.leader == "db1"
    world.clock += 20
    world.turn()
    assert world.leader is None


def test_a_unit_that_is_started_again_knows_how_long_the_leader_has_led(
    world: World, config: Configs
) -> None:
    """All units killed at once would else leave a stuck leader for a ttl."""
    world.turn()
    world.etcd.put(OWN + "takeover/units/control2", world.unit.published([]), world.etcd.lease(5))
    world.unit = world.new_unit(config, follows=False)
    stick(world.etcd)
    world.turn()
    assert world.leader is None


def test_what_units_say_of_another_lead_counts_for_nothing(world: World, config: Configs) -> None:
    world.turn()
    world.etcd.put(OWN + "takeover/units/control2", world.unit.published([]) | {"created": 1}, "")
    world.unit = world.new_unit(config, follows=False)
    stick(world.etcd)
    assert world.turn() == ["db1 has not been seen to lead for a ttl of 20 s yet"]


@pytest.mark.parametrize(
    "meanwhile",
    {
        "the lead has another lease": lambda etcd: etcd.put(SERVICE + "leader", "db1", etcd.lease(20)),
        "another is synchronous": lambda etcd: etcd.put(SERVICE + "sync", {"sync_standby": "db2"}),
        "a maintenance begins": lambda etcd: etcd.put(OWN + "maintenance", {}),
        "Patroni is paused": lambda etcd: etcd.put(SERVICE + "config", {"pause": True}),
        "its device answers again": lambda etcd: stick(etcd, "db1", "fine"),
        "it is switched off": lambda etcd: etcd.put(OWN + "takeover/off", {}),
        "a confirmation ends": lambda etcd: etcd.keys.pop(OWN + "takeover/sealed/db2", None),
        "the order ends": lambda etcd: etcd.keys.pop(OWN + "takeover/order", None),
    }.items(),
    ids=lambda one: one[0],
)  # fmt: skip
def test_what_changes_after_the_order_keeps_the_lead(
    meanwhile: tuple[str, Callable[[Etcd], object]], world: World
) -> None:
    stick(world.etcd)
    newest = world.newest

    def changing(seconds: float) -> Seen:
        seen = newest(seconds)
        seen = world.etcd.seen()
        if all(OWN + f"takeover/sealed/{host}" in world.etcd.keys for host in OTHERS):
            meanwhile[1](world.etcd)
        return seen

    world.unit.newest = changing
    world.turn()
    assert world.leader == "db1"
    world.etcd.end_all(4)
    world.agents_act()
    assert world.sealed() == set()


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("call", range(1, 16))
def test_a_unit_that_dies_at_any_of_its_calls_leaves_no_seal_behind_and_no_half(
    call: int, carried_out: bool, world: World
) -> None:
    """The lead is taken and all are sealed, or it is kept and, once the order is over, none is."""
    stick(world.etcd)
    world.etcd.fails_at, world.etcd.carried_out = world.etcd.calls + call, carried_out
    try:
        world.turn()
    except EtcdError:
        world.agents_act()
    assert world.outcome() in ("taken", "kept")
