"""A leader whose lease is about to end although its host lives."""

from __future__ import annotations

import json

import pytest

from takeover.expiring import LATER, LEFT, Expiring
from tests.support.takeover_etcd import OWN, SERVICE, Etcd


class Watch(Expiring):
    """With what the test says of lease and leader; `asked` counts the questions for the lease."""

    def __init__(self, host: str = "db2") -> None:
        self.seconds, self.alive, self.now, self.asked = 19, False, 100.0, 0
        super().__init__(host, self._left, lambda name: self.alive, lambda: self.now)

    def _left(self, lease: int) -> int:
        self.asked += 1
        return self.seconds

    def at(self, etcd: Etcd, seconds: int, alive: bool = False) -> str | None:
        """Whom it seals off when the lease has so many left."""
        self.seconds, self.alive, self.now = seconds, alive, self.now + 10
        found = self.order(etcd.seen())
        return found.leader if found else None


def test_a_lease_that_is_renewed_is_asked_for_seldom(etcd: Etcd) -> None:
    watch = Watch()
    for _ in range(10):
        assert watch.order(etcd.seen()) is None
        watch.now += LATER / 10
    assert watch.asked == 1


def test_it_is_sealed_off_before_its_lease_ends_and_let_back_when_it_is_renewed(etcd: Etcd) -> None:
    watch = Watch()
    assert watch.at(etcd, LEFT + 1) is None
    assert watch.at(etcd, LEFT) == "db1"
    assert watch.at(etcd, 19) is None


def test_one_that_answers_is_not_sealed_off(etcd: Etcd) -> None:
    """It is cut off from etcd alone, and goes on by the word of all others."""
    assert Watch().at(etcd, 1, alive=True) is None


def test_no_member_seals_itself_off(etcd: Etcd) -> None:
    assert Watch("db1").at(etcd, 1) is None


def test_it_stays_sealed_until_this_member_is_on_a_newer_timeline(etcd: Etcd) -> None:
    watch = Watch()
    assert watch.at(etcd, 1) == "db1"
    del etcd.keys[SERVICE + "leader"]
    assert watch.at(etcd, -1) == "db1"
    etcd.put(SERVICE + "leader", "db3", etcd.lease(20))
    assert watch.at(etcd, 19) == "db1"
    etcd.put(SERVICE + "members/db2", {"timeline": 4})
    assert watch.at(etcd, 19) is None


@pytest.mark.parametrize("why", ["pause", "off"])
def test_where_no_other_would_lead_it_is_not_sealed_off(why: str, etcd: Etcd) -> None:
    watch = Watch()
    assert watch.at(etcd, 1) == "db1"
    settings = json.loads(etcd.value(SERVICE + "config") or "")
    changes = {"pause": (SERVICE + "config", settings | {"pause": True}), "off": (OWN + "takeover/off", {})}
    etcd.put(*changes[why])
    assert watch.at(etcd, 1) is None
