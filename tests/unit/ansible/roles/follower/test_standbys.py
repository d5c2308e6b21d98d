"""Which standby stale reads go to: none that is too far behind, silent, or no standby any more."""

from __future__ import annotations

import pytest

from follower import standbys
from follower.standbys import ROUND, Notes, Standbys

BOUND = 5.0


class Cluster:
    """Members with a position each; those that are silent do not answer. Time passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.positions = {"db1": 100, "db2": 100, "db3": 100}
        self.leader: str | None = "db1"
        self.silent: set[str] = set()
        #: Members that were promoted, which etcd has not said yet.
        self.promoted: set[str] = set()
        self.closed: list[str] = []
        self.reported: list[str | None] = []
        monkeypatch.setattr(standbys.time, "monotonic", lambda: self.now)
        self.follower = Standbys(
            "web1", self.positions, BOUND, lambda: self.leader, self.connect, self.reported.append, print
        )

    def connect(self, member: str) -> Member:
        if member in self.silent:
            raise OSError("no answer in time")
        return Member(self, member)

    def rounds(self, number: int, written: int = 0, replayed_by: tuple[str, ...] = ("db2", "db3")) -> None:
        """As many rounds; before each the leader writes, and these standbys replay it."""
        for _ in range(number):
            self.now += standbys.PERIOD
            for name in ("db1", *replayed_by):
                self.positions[name] += written
            self.follower.round()


class Member:
    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def row(self, question: str) -> tuple[object, ...]:
        assert question == standbys.POSITION
        if self.name in self.cluster.silent:
            raise OSError("no answer in time")
        leads = self.name == self.cluster.leader or self.name in self.cluster.promoted
        return self.cluster.positions[self.name], not leads

    def close(self) -> None:
        self.cluster.closed.append(self.name)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def test_a_standby_that_keeps_up_is_chosen_once(cluster: Cluster) -> None:
    cluster.rounds(10, written=7)
    (chosen,) = cluster.reported
    assert chosen in ("db2", "db3")


def test_one_whose_replay_stands_still_is_left_before_the_bound(cluster: Cluster) -> None:
    """Also where the leader could not tell: it is the age of what was replayed that counts."""
    cluster.rounds(2)
    (first,) = cluster.reported
    other = {"db2": "db3", "db3": "db2"}[str(first)]
    stood_still = cluster.now
    while cluster.reported[-1] == first:
        cluster.rounds(1, written=1, replayed_by=(other,))
    assert cluster.reported == [first, other]
    assert BOUND - 2 * ROUND < cluster.now - stood_still <= BOUND - ROUND + standbys.PERIOD


def test_a_silent_standby_is_left_at_once_and_the_leader_is_read_without_one(cluster: Cluster) -> None:
    cluster.rounds(2)
    (first,) = cluster.reported
    cluster.silent = {str(first)}
    cluster.rounds(1)
    assert cluster.closed == [first]
    assert cluster.reported[-1] in {"db2", "db3"} - {first}
    cluster.silent = {"db2", "db3"}
    cluster.rounds(1)
    assert cluster.reported[-1] is None
    cluster.silent = set()
    cluster.rounds(1)
    assert cluster.reported[-1] == first


def test_without_a_leader_reads_go_on_for_as_long_as_the_bound_allows(cluster: Cluster) -> None:
    cluster.rounds(2)
    cluster.leader = None
    cluster.rounds(6)
    assert len(cluster.reported) == 1
    cluster.rounds(10)
    assert cluster.reported[-1] is None


def test_a_leader_that_is_cut_off_from_here_makes_standbys_old(cluster: Cluster) -> None:
    cluster.rounds(2)
    cluster.silent = {"db1"}
    cluster.rounds(20)
    assert cluster.reported[-1] is None


def test_a_standby_that_leads_now_is_no_standby(cluster: Cluster) -> None:
    cluster.rounds(2)
    (first,) = cluster.reported
    cluster.leader = str(first)
    cluster.rounds(1)
    assert cluster.reported[-1] not in (first, None)


def test_a_member_out_of_recovery_is_none_whatever_etcd_says(cluster: Cluster) -> None:
    """How old it is says nothing then: its positions are those of another timeline."""
    cluster.rounds(2)
    (first,) = cluster.reported
    cluster.promoted = {str(first)}
    cluster.rounds(1)
    assert cluster.reported[-1] not in (first, None)


def test_positions_of_another_leader_are_forgotten(cluster: Cluster) -> None:
    """A standby of the old one may be ahead of the new one in WAL that no other has."""
    cluster.rounds(2)
    cluster.leader, cluster.silent = "db3", {"db3"}
    cluster.rounds(1)
    assert cluster.reported[-1] is None


def test_an_age_is_that_of_the_newest_position_that_was_reached() -> None:
    notes = Notes(BOUND)
    for before, position in ((1.0, 10), (2.0, 20), (3.0, 30)):
        notes.take(before, position)
    assert [notes.age(replayed, 4.0) for replayed in (30, 29, 10)] == [1.0, 2.0, 3.0]
    assert notes.age(9, 4.0) == float("inf")
    notes.take(7.0, 40)
    assert notes.age(19, 7.0) == float("inf")
