"""patches/3467: a standby leaves /sync when no commit can be on it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakes import Cluster

Load = Callable[[bool], Any]


def confirmed_by_one(cluster: Cluster) -> None:
    """A commit that db3 has and db2 has not, and that was acknowledged."""
    cluster.primary.walsenders["db2"].stalled = True
    assert cluster.primary.commit()


@pytest.mark.parametrize("patched", [False, True])
def test_a_commit_is_on_the_standby_that_was_lost(load: Load, patched: bool) -> None:
    cluster = Cluster(load(patched), "db2", "db3")
    assert (set(cluster.sync.voters), cluster.sync.quorum) == ({"db2", "db3"}, 1)
    confirmed_by_one(cluster)
    del cluster.primary.walsenders["db3"]
    cluster.cycle()
    assert cluster.primary.written == "ANY 1 (db2)"
    assert cluster.loses() is not patched
    # When the other has it, too, nothing is left to wait for.
    cluster.primary.walsenders["db2"].stalled = False
    assert cluster.primary.commit()
    cluster.cycle()
    assert (cluster.sync.voters, cluster.sync.quorum) == (["db2"], 0)
    assert not cluster.loses()


@pytest.mark.parametrize("patched", [False, True])
def test_a_walsender_that_has_not_reloaded_confirms_a_commit(load: Load, patched: bool) -> None:
    cluster = Cluster(load(patched), "db2", "db3")
    cluster.primary.reload_takes = 3.0
    cluster.tags["db3"] = {"nosync": True}
    cluster.cycle()
    assert cluster.primary.written == "ANY 1 (db2)"
    cluster.clock.now -= 2.0  # the reload has just begun
    confirmed_by_one(cluster)
    assert cluster.loses("db3") is not patched
    cluster.clock.sleep(3)
    cluster.primary.walsenders["db2"].stalled = False
    assert cluster.primary.commit()
    cluster.settle()
    assert (cluster.sync.voters, cluster.sync.quorum) == (["db2"], 0)


@pytest.mark.parametrize("patched", [False, True])
def test_patroni_is_restarted_in_between(load: Load, patched: bool) -> None:
    cluster = Cluster(load(patched), "db2", "db3")
    confirmed_by_one(cluster)
    del cluster.primary.walsenders["db3"]
    cluster.primary.reload("ANY 1 (db2)")
    cluster.primary.restart_patroni()
    cluster.settle()
    assert cluster.loses() is not patched


def test_where_all_have_all_a_standby_leaves_in_one_cycle(load: Load) -> None:
    cluster = Cluster(load(True), "db2", "db3")
    assert cluster.primary.commit()
    del cluster.primary.walsenders["db3"]
    cluster.cycle()
    assert (cluster.sync.voters, cluster.sync.quorum) == (["db2"], 0)
    cluster.primary.connect("db3")
    cluster.settle()
    assert (set(cluster.sync.voters), cluster.sync.quorum) == ({"db2", "db3"}, 1)
    assert cluster.primary.written == "ANY 1 (db2,db3)"


@pytest.mark.parametrize("back", ["db2", "db3"])
def test_when_the_second_goes_meanwhile_either_of_them_ends_the_wait(load: Load, back: str) -> None:
    cluster = Cluster(load(True), "db2", "db3")
    confirmed_by_one(cluster)
    flushed = {name: w.flushed for name, w in cluster.primary.walsenders.items()}
    del cluster.primary.walsenders["db3"]
    cluster.cycle()
    del cluster.primary.walsenders["db2"]
    cluster.settle()
    assert not cluster.primary.commit()
    cluster.primary.connect(back, flushed[back])
    cluster.settle()
    assert cluster.primary.commit()
    cluster.settle()
    assert not cluster.loses()
    assert back in cluster.sync.voters


@pytest.mark.parametrize("patched", [False, True])
def test_a_standby_connects_to_a_postmaster_that_has_not_reloaded(load: Load, patched: bool) -> None:
    cluster = Cluster(load(patched), "db2", "db3")
    cluster.primary.postmaster_takes = 3.0
    cluster.tags["db3"] = {"nosync": True}
    del cluster.primary.walsenders["db3"]
    cluster.cycle()
    cluster.clock.now -= 2.0
    cluster.primary.connect("db3")
    confirmed_by_one(cluster)
    assert cluster.loses("db3") is not patched


@pytest.mark.parametrize("patched", [False, True])
def test_two_are_to_confirm_each_commit_from_now_on(load: Load, patched: bool) -> None:
    cluster = Cluster(load(patched), "db2", "db3")
    confirmed_by_one(cluster)
    cluster.configure(synchronous_node_count=2)
    cluster.cycle()
    assert cluster.primary.written == "ANY 2 (db2,db3)"
    assert cluster.loses("db3") is not patched


def test_a_standby_that_connects_is_taken_though_the_other_lacks_commits(load: Load) -> None:
    cluster = Cluster(load(True), "db2")
    cluster.primary.restart_patroni()
    cluster.primary.walsenders["db2"].stalled = True
    assert not cluster.primary.commit()
    cluster.tags["db3"] = {}
    cluster.primary.connect("db3")
    cluster.settle()
    assert cluster.primary.commit()
    assert not cluster.loses()


def test_another_standby_takes_the_place_of_one_that_leaves(load: Load) -> None:
    """The quorum stays the same, and neither of the two has what the third confirmed."""
    cluster = Cluster(load(True), "db2", "db3")
    behind = cluster.primary.position
    confirmed_by_one(cluster)
    del cluster.primary.walsenders["db3"]
    cluster.tags["db4"] = {}
    cluster.primary.connect("db4", behind).stalled = True
    cluster.cycle()
    assert not cluster.loses()


def test_a_commit_is_confirmed_while_patroni_reads_the_state(load: Load) -> None:
    cluster = Cluster(load(True), "db2", "db3")
    cluster.primary.reload_takes = 3.0
    cluster.tags["db3"] = {"nosync": True}
    cluster.cycle()
    cluster.clock.now -= 2.0

    def late() -> None:
        confirmed_by_one(cluster)
        cluster.clock.sleep(3)

    cluster.primary.meanwhile = late
    cluster.primary.reset_cluster_info_state()
    assert not cluster.primary.sync_handler.voters_may_leave(1)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("connected", [[], ["db3"]])
def test_a_leader_that_takes_over_is_not_held_up(load: Load, connected: list[str], restarted: bool) -> None:
    """Also when it was the leader before, and left in the middle of a change."""
    cluster = Cluster(load(True), "db2", "db3")
    confirmed_by_one(cluster)
    cluster.primary.sync_handler.set_synchronous_standby_names({"db2"}, 1)
    # As after a failover: /sync is another leader's, whom no one hears of any more.
    cluster.primary.primary = False
    cluster.sync = cluster.modules.dcs.SyncState(7, "db2", "db1,db3", 1)
    if restarted:
        cluster.primary.restart_patroni()
    cluster.primary.sync_handler.set_synchronous_standby_names({"db2", "db3"}, 1)
    cluster.primary.primary = True
    cluster.primary.walsenders.clear()
    for name in connected:
        cluster.primary.connect(name)
    cluster.cycle()
    assert cluster.sync.leader == "db1"
    cluster.settle()
    assert (cluster.sync.voters, cluster.sync.quorum) == (connected, 0)
    assert cluster.primary.commit() is bool(connected)
