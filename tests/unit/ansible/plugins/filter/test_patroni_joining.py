"""Who may leave and come back, how, and who cannot follow any more: plugins/filter/patroni_joining.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.filters import filters, one, said
from tests.support.patroni_host import MADE, MARKERS, MEMBERS, blank, known_to_etcd, member_look, unmarked

FIRST, SECOND, THIRD = MEMBERS
JOINING = filters("patroni_joining")
QUORUM = "quorum_standby"


def seen(leader: str = FIRST, **states: str) -> list[dict[str, str]]:
    """What Patroni says of the members; all but the leader stream and count, unless `states` says how."""
    return [
        {"name": name, "role": "leader" if name == leader else QUORUM, "state": "streaming"}
        | ({"state": states[name]} if name in states else {})
        for name in MEMBERS
    ]


def leaving(
    member: str = THIRD,
    *,
    leader: str = FIRST,
    confirmed: str = "",
    least: int = 1,
    members: list[dict[str, str]] | None = None,
) -> list[str]:
    found: list[str] = JOINING["patroni_leaving_refused"](
        member, members or seen(leader), leader=leader, counts_as=QUORUM, least=least, confirmed=confirmed
    )
    return found


def test_the_one_that_leads_does_not_leave() -> None:
    one(leaving(FIRST, confirmed=FIRST), f"{FIRST} leads", "switchover.yml")


def test_the_last_that_counts_does_not_leave_whatever_is_confirmed() -> None:
    members = seen(**{SECOND: "in archive recovery"})
    one(leaving(confirmed=THIRD, members=members), f"{THIRD}: without it no standby counts", "writes need 1")
    # Streaming is not counting.
    members = [entry | ({"role": "replica"} if entry["name"] == SECOND else {}) for entry in seen()]
    one(leaving(confirmed=THIRD, members=members), "no standby counts")


@pytest.mark.parametrize("confirmed", ["", SECOND, "yes"])
def test_where_one_more_loss_stops_writes_the_name_is_wanted(confirmed: str) -> None:
    one(
        leaving(confirmed=confirmed),
        f"confirm = {confirmed or '(none)'}: must be {THIRD}",
        f"{SECOND} alone counts",
        f"-e confirm={THIRD}",
    )
    assert leaving(confirmed=THIRD) == []


def test_with_one_to_spare_no_confirmation_is_wanted() -> None:
    assert leaving(members=[*seen(), {"name": "db4", "role": QUORUM, "state": "streaming"}]) == []


def test_one_that_is_down_may_leave() -> None:
    assert leaving(confirmed=THIRD, members=seen(**{THIRD: "stopped"})) == []


def test_without_synchronous_standbys_the_leader_alone_is_said() -> None:
    members = [entry | ({"state": "stopped"} if entry["name"] == SECOND else {}) for entry in seen()]
    one(leaving(least=0, members=members), f"{FIRST} is alone")


def plan(looks: dict[str, Any], dcs: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = MADE["patroni_plan"](
        looks, dcs, members=MEMBERS, first=FIRST, markers=MARKERS, convert=False
    )
    return found


def removed(**more: Any) -> dict[str, Any]:
    dcs = known_to_etcd(*MEMBERS)
    dcs["copies"][THIRD] |= {"removed": True} | more
    return dcs


@pytest.mark.parametrize(
    "look", [member_look(THIRD), blank(THIRD), member_look(THIRD, markers=unmarked(THIRD))]
)
def test_a_removed_member_stays_down_with_whatever_it_has(look: dict[str, Any]) -> None:
    looks = {FIRST: member_look(), SECOND: member_look(SECOND), THIRD: look}
    found = plan(looks, removed())
    assert (found["run"], found["copies"], found["problems"]) == ([FIRST, SECOND], [], [])
    assert list(found["down"]) == [THIRD]
    assert f"add_member.yml -e member={THIRD}" in found["down"][THIRD]


def test_one_that_comes_back_is_a_member_like_the_others() -> None:
    looks = {name: member_look(name) for name in MEMBERS}
    dcs = removed(returning=True)
    assert plan(looks, JOINING["patroni_unmarked"](dcs, THIRD))["run"] == MEMBERS
    # What etcd answered stays as it is.
    assert dcs["copies"][THIRD]["removed"] is True


def returning(look: dict[str, Any], dcs: dict[str, Any], *, follows: bool = False) -> list[str]:
    looks = {FIRST: member_look(), SECOND: member_look(SECOND), THIRD: look}
    made = plan(looks, JOINING["patroni_unmarked"](dcs, THIRD))
    record = dcs["copies"].get(THIRD, {})
    found: list[str] = JOINING["patroni_returning_refused"](THIRD, made, record, follows=follows)
    return found


def test_what_was_removed_comes_back_whatever_it_has() -> None:
    for look in (member_look(THIRD), blank(THIRD), member_look(THIRD, markers=unmarked(THIRD))):
        assert returning(look, removed()) == []
    dcs = known_to_etcd(*MEMBERS)
    dcs["copies"][THIRD]["returning"] = True
    assert returning(blank(THIRD), dcs) == []


def test_a_copy_that_was_lost_otherwise_is_not_made_here() -> None:
    dcs = known_to_etcd(*MEMBERS)
    one(returning(blank(THIRD), dcs), "stays down", "replace_member.yml")
    dcs["copies"][THIRD]["lost"] = True
    one(returning(member_look(THIRD), dcs), "named as lost", "replace_member.yml")


def test_another_cluster_on_its_volume_is_a_refusal() -> None:
    look = member_look(THIRD, cluster="7400000000000000009")
    one(returning(look, removed()), "holds cluster 7400000000000000009", "Nothing was changed")


def test_what_an_interrupted_copy_left_is_gone_on_from() -> None:
    """Its record goes before the copy and comes back after it."""
    assert returning(blank(THIRD), known_to_etcd(FIRST, SECOND)) == []
    assert returning(member_look(THIRD, markers=unmarked(THIRD)), known_to_etcd(FIRST, SECOND)) == []


def place(name: str, *, follows: bool, reached: str | None = None, streams: bool = False) -> dict[str, Any]:
    """What a host answers; the oldest file of WAL on each is the eighth."""
    answer = {"follows": follows, "reached": reached, "streams": streams, "oldest": "0000000000000008"}
    look = member_look(name)
    look["commands"]["state"] = said(json.dumps({"place": answer}))
    return look


def way(position: dict[str, Any], *, run: bool = True) -> dict[str, str]:
    looks = {
        FIRST: place(FIRST, follows=False),
        SECOND: place(SECOND, follows=True, streams=True),
        THIRD: None,
    }
    made = plan({FIRST: member_look(), SECOND: member_look(SECOND)}, known_to_etcd(*MEMBERS))
    made["run"] = [FIRST, SECOND, *([THIRD] if run else [])]
    found: dict[str, str] = JOINING["patroni_return"](THIRD, made, position, looks)
    return found


@pytest.mark.parametrize(
    ("record", "decided"),
    [("0/8000028", "own"), ("0/9000000", "own"), ("1/0", "own"), ("0/7FFFFFF", "copy"), ("0/28", "copy")],
)
def test_its_own_data_serves_if_the_leader_has_the_file_that_it_is_in(record: str, decided: str) -> None:
    found = way({"readable": True, "record": record})
    assert found["way"] == decided
    assert f"is at {record}" in found["why"]


def test_without_a_readable_whole_copy_it_gets_one() -> None:
    assert way({"readable": True, "record": "0/9000000"}, run=False)["way"] == "copy"
    found = way({"readable": False, "why": "flash is not mounted"})
    assert (found["way"], "flash is not mounted" in found["why"]) == ("copy", True)


def test_a_standby_whose_wal_is_gone_is_named_with_what_copies_it() -> None:
    looks = {
        FIRST: place(FIRST, follows=False),
        SECOND: place(SECOND, follows=True, reached="0/7000000"),
        THIRD: place(THIRD, follows=True, reached="0/7000000", streams=True),
    }
    found = JOINING["patroni_fallen"](looks)
    assert list(found) == [SECOND]
    assert f"replace_member.yml -e member={SECOND}" in found[SECOND]
    looks[SECOND] = place(SECOND, follows=True, reached="0/8000000")
    assert JOINING["patroni_fallen"](looks) == {}


def test_without_a_leader_or_an_answer_nothing_is_said() -> None:
    looks = {SECOND: place(SECOND, follows=True, reached="0/28"), FIRST: blank(FIRST), THIRD: None}
    assert JOINING["patroni_fallen"](looks) == {}


@given(st.integers(min_value=0, max_value=(1 << 63) - 1))
def test_files_are_numbered_in_the_order_of_positions(at: int) -> None:
    """Names are compared as text, so they have one width."""
    here, later = (
        JOINING["patroni_fallen"].__globals__["segment"](f"{n >> 32:X}/{n & 0xFFFFFFFF:X}")
        for n in (at, at + (16 << 20))
    )
    assert len(here) == len(later) == 16
    assert here < later
