"""Whom a host seals off: nothing but etcd's keys decides, so each case is a state of them."""

from __future__ import annotations

import json

import pytest

from takeover.keys import Order
from takeover.wish import MARGIN, Wish, wanted
from tests.support.takeover_etcd import CLUSTER, OWN, SERVICE, Etcd

NOW = 1000.0
ORDER = Order("abc", "db1", "gone", 3, CLUSTER, NOW)


def order(etcd: Etcd) -> None:
    etcd.put(OWN + "takeover/order", ORDER.dumped("control1"), etcd.lease(4))


def last(etcd: Etcd, leader: str | None = "db2", **more: object) -> None:
    """db1's lead was taken; `leader` leads now."""
    etcd.put(OWN + "takeover/last", json.loads(ORDER.dumped("control1")) | more)
    del etcd.keys[SERVICE + "leader"]
    if leader:
        etcd.put(SERVICE + "leader", leader, etcd.lease(20))


def on_timeline(etcd: Etcd, member: str, timeline: int) -> None:
    etcd.put(SERVICE + f"members/{member}", {"timeline": timeline})


def whom(etcd: Etcd, host: str, now: float = NOW) -> list[tuple[str, bool]]:
    return [(wish.order.leader, wish.stays) for wish in wanted(etcd.seen(), host, host.startswith("db"), now)]


def test_nobody_is_sealed_off_without_an_order(etcd: Etcd) -> None:
    assert whom(etcd, "db2") == []


@pytest.mark.parametrize("host", ["db2", "db3", "control1"])
def test_an_order_is_followed_and_does_not_stay(host: str, etcd: Etcd) -> None:
    order(etcd)
    assert whom(etcd, host) == [("db1", False)]


def test_no_member_seals_itself_off(etcd: Etcd) -> None:
    order(etcd)
    assert whom(etcd, "db1") == []
    last(etcd)
    assert whom(etcd, "db1") == []


def test_a_member_on_the_old_timeline_stays_sealed(etcd: Etcd) -> None:
    last(etcd)
    assert whom(etcd, "db3", NOW + 3600) == [("db1", True)]
    on_timeline(etcd, "db3", 4)
    assert whom(etcd, "db3") == []


def test_a_member_whose_patroni_says_nothing_may_be_on_the_old_timeline(etcd: Etcd) -> None:
    last(etcd)
    del etcd.keys[SERVICE + "members/db3"]
    assert whom(etcd, "db3", NOW + 3600) == [("db1", True)]


def test_one_that_is_back_on_a_newer_timeline_is_sealed_off_by_no_one(etcd: Etcd) -> None:
    """A third member is copied from it while its own Patroni is stopped."""
    last(etcd)
    on_timeline(etcd, "db1", 4)
    del etcd.keys[SERVICE + "members/db3"]
    assert whom(etcd, "db3") == []


def test_a_host_with_etcd_lets_it_back_once_another_leads(etcd: Etcd) -> None:
    last(etcd, None)
    assert whom(etcd, "control1") == [("db1", True)]
    etcd.put(SERVICE + "leader", "db2")
    assert whom(etcd, "control1") == []


def test_while_no_other_leads_etcd_is_closed_to_it_for_a_time_and_members_stay_sealed(etcd: Etcd) -> None:
    """A vote that was given may be used late, and from then on nothing may be acknowledged to it."""
    last(etcd, None)
    assert whom(etcd, "control1", NOW + 20 + MARGIN - 1) == [("db1", True)]
    assert whom(etcd, "control1", NOW + 20 + MARGIN) == []
    assert whom(etcd, "db2", NOW + 3600) == [("db1", True)]


def test_who_leads_again_is_not_sealed_off(etcd: Etcd) -> None:
    last(etcd, "db1")
    assert whom(etcd, "db2") == []


def test_a_takeover_of_another_cluster_says_nothing(etcd: Etcd) -> None:
    last(etcd, cluster="8")
    assert whom(etcd, "db3") == []


def test_a_second_takeover_does_not_end_the_seal_of_the_first(etcd: Etcd) -> None:
    last(etcd, "db2")
    second = Order("def", "db2", "stuck", 4, CLUSTER, NOW)
    etcd.put(OWN + "takeover/order", second.dumped("control1"), etcd.lease(4))
    assert whom(etcd, "db3") == [("db2", False), ("db1", True)]


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"number": "1", "leader": "db1"}'])
def test_what_is_no_order_is_none(text: str, etcd: Etcd) -> None:
    etcd.put(OWN + "takeover/order", text)
    etcd.put(OWN + "takeover/last", text)
    assert wanted(etcd.seen(), "db2", True, NOW) == ()


def test_a_wish_names_its_order(etcd: Etcd) -> None:
    order(etcd)
    assert wanted(etcd.seen(), "db2", True, NOW) == (Wish(ORDER, stays=False),)
