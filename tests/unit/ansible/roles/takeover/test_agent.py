"""What a host seals off and lets back by itself, with and without an answer of etcd."""

from __future__ import annotations

import pytest

from follower.etcd import EtcdError
from tests.support.takeover_etcd import MEMBERS, OWN, SERVICE, Etcd, stick
from tests.support.takeover_world import World


def test_without_an_answer_of_etcd_what_was_confirmed_is_renewed(world: World) -> None:
    """A vote may rest on it."""
    stick(world.etcd)
    world.turn()
    for host in ("db2", "control1"):
        before = world.kernels[host].puts
        world.agents[host].act(world.etcd.seen(), old=True)
        assert world.kernels[host].puts > before


def test_without_an_answer_of_etcd_what_was_not_confirmed_ends_by_its_time(world: World) -> None:
    agent, kernel = world.agents["db3"], world.kernels["db3"]
    world.etcd.put(
        OWN + "takeover/order",
        '{"number": "n", "leader": "db1", "cause": "stuck", "timeline": 3, "cluster": "1", "at": 1.0}',
        world.etcd.lease(4),
    )
    world.etcd.fails_at = world.etcd.calls + 1
    with pytest.raises(EtcdError):
        agent.act(world.etcd.seen(), old=False)
    assert kernel.elements == [MEMBERS["db1"]]
    puts = kernel.puts
    agent.act(world.etcd.seen(), old=True)
    assert kernel.puts == puts


def test_a_new_process_renews_what_is_sealed_until_etcd_answers(world: World) -> None:
    agent, kernel = world.agents["db2"], world.kernels["db2"]
    kernel.elements = [MEMBERS["db1"]]
    agent.read()
    agent.keep()
    assert (kernel.puts, kernel.elements) == (1, [MEMBERS["db1"]])


def test_an_order_for_who_is_no_member_seals_no_one_off(world: World) -> None:
    world.etcd.put(
        OWN + "takeover/order",
        '{"number": "n", "leader": "web1", "cause": "stuck", "timeline": 4, "cluster": "1", "at": 1.0}',
    )
    world.agents_act()
    assert world.sealed() == set()


def test_a_new_process_ends_no_seal_while_no_one_leads(world: World) -> None:
    """The one before it may have sealed it off by itself."""
    world.kernels["db2"].elements = [MEMBERS["db1"]]
    del world.etcd.keys[SERVICE + "leader"]
    world.agents["db2"].read()
    world.agents_act()
    assert world.sealed() == {"db2"}


def test_what_was_sealed_before_the_process_began_ends_unless_it_is_wanted(world: World) -> None:
    world.kernels["db2"].elements = ["10.0.0.3"]
    world.agents["db2"].read()
    world.agents_act()
    assert world.sealed() == set()


def test_half_of_a_transaction_ends_no_seal(world: World) -> None:
    """The order is gone and `last` is there, and the event of the leader's key has not come yet."""
    stick(world.etcd)
    before = world.etcd.keys[SERVICE + "leader"]
    world.turn()
    half = Etcd(keys={**world.etcd.keys, SERVICE + "leader": before})
    assert world.agents["db2"].act(half.seen(), old=False) == ["db1"]
    assert world.kernels["db2"].elements == [MEMBERS["db1"]]


def test_members_let_it_back_once_they_are_on_the_next_timeline(world: World) -> None:
    stick(world.etcd)
    world.turn()
    world.etcd.put(SERVICE + "leader", "db2", world.etcd.lease(20))
    world.etcd.put(SERVICE + "members/db2", {"timeline": 4})
    world.clock += 3600
    world.agents_act()
    assert world.sealed() == {"db3"}
    world.etcd.put(SERVICE + "members/db3", {"timeline": 4})
    world.agents_act()
    assert world.sealed() == set()
