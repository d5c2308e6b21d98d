"""Which member goes on after etcd was restored: plugins/filter/patroni_positions.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.filters import filters, one

MADE = filters("patroni_positions")
MEMBERS = ["db1", "db2", "db3"]
#: A member led until 0/400, the next until 0/600.
SECOND, THIRD = "1\t0/400\tno recovery target\n", "1\t0/400\tno reason\n\n2\t0/600\tno reason\n"
GONE = {"unreachable": True, "msg": "EOF on stream; last 100 lines:\nssh: timed out", "changed": False}
NO_DATA = {"readable": False, "why": "/vol/flash is not a mount point"}


def at(record: str, timeline: int = 1, *, history: str | None = None, **more: Any) -> dict[str, Any]:
    texts = {1: "", 2: SECOND, 3: THIRD}
    known = {str(number): texts[number] for number in range(2, timeline + 1)}
    if history is not None:
        known[str(timeline)] = history
    found = {"readable": True, "why": "", "identifier": "7", "state": "shut down", "histories": known}
    return found | {"timeline": timeline, "record": record} | more


def problems(*found: dict[str, Any] | None, lost: tuple[str, ...] = ()) -> list[str]:
    lines: list[str] = MADE["patroni_unplaced"](dict(zip(MEMBERS, found, strict=True)), MEMBERS, list(lost))
    return lines


def furthest(*found: dict[str, Any] | None, lost: tuple[str, ...] = ()) -> str:
    positions = dict(zip(MEMBERS, found, strict=True))
    assert problems(*found, lost=lost) == []
    name: str = MADE["patroni_furthest"](positions, MEMBERS, list(lost))
    return name


@pytest.mark.parametrize(
    ("found", "first"),
    [
        ((at("0/300"), at("0/310"), at("0/308")), "db2"),
        # As numbers and not as text.
        ((at("0/9000000"), at("0/10000000"), at("0/A000000")), "db2"),
        ((at("1/0"), at("0/FFFFFFF8"), at("0/FFFFFFF8")), "db1"),
        # What the old leader wrote after another took over was acknowledged by nobody.
        ((at("0/900"), at("0/450", 2), at("0/440", 2)), "db2"),
        ((at("0/700", 2), at("0/300"), at("0/608", 3)), "db3"),
        ((at("0/300"), at("0/300"), at("0/300")), "db1"),
        ((at("0/2F0"), at("0/300"), at("0/300")), "db2"),
    ],
)
def test_the_furthest_is_of_the_newest_timeline_then_of_the_last_record(
    found: tuple[dict[str, Any], ...], first: str
) -> None:
    assert furthest(*found) == first


def test_a_member_that_cannot_be_read_is_named_with_its_way_out() -> None:
    one(problems(at("0/300"), GONE, at("0/300")), "db2", "(ssh: timed out)", "-e lost=db2")
    one(problems(at("0/300"), None, at("0/300")), "db2", "not in this run", "-e lost=db2")
    one(problems(NO_DATA, at("0/300"), at("0/300")), "db1", "not a mount point", "-e lost=db1")
    one(problems(at("0/300"), GONE, NO_DATA, lost=("db2",)), "db3", "-e lost=db2,db3")


def test_lost_members_do_not_count_whatever_they_hold() -> None:
    assert furthest(at("0/300"), GONE, at("0/310"), lost=("db2",)) == "db3"
    assert furthest(at("0/300"), at("0/900", 3), at("0/310"), lost=("db2",)) == "db3"
    assert furthest(at("0/300"), GONE, NO_DATA, lost=("db2", "db3")) == "db1"


def test_names_that_are_no_members_and_all_members_are_refused() -> None:
    same = at("0/300"), at("0/300"), at("0/300")
    one(problems(*same, lost=("db4",)), "lost = db4", "db1, db2, db3")
    one(problems(*same, lost=("db1", "db2", "db3")), "no member would be left")


def test_members_of_different_clusters_are_refused() -> None:
    one(problems(at("0/300"), at("0/300", identifier="8"), at("0/300")), "db1 (7)", "db2 (8)", "-e lost=")


def test_timelines_that_did_not_come_from_each_other_are_refused() -> None:
    """Two members took the lead, each without the other: timeline 2 is not the same for both."""
    other = "1\t0/380\tno recovery target\n"
    one(
        problems(at("0/450", 2), at("0/390", 2, history=other), at("0/300")),
        *("db2", "timeline 2", "db1", "-e lost=db2 or -e lost=db1"),
    )
    assert furthest(at("0/450", 2), at("0/390", 2, history=other), at("0/300"), lost=("db1",)) == "db2"
    skipped = "1\t0/700\tno reason\n"
    one(problems(at("0/450", 2), at("0/720", 3, history=skipped), at("0/300")), "db1", "db2", "timeline 3")


def test_a_copy_that_came_without_its_history_counts_by_its_timeline() -> None:
    assert problems(at("0/460", 2), at("0/450", 2, histories={}), at("0/300")) == []


def test_how_far_each_goes_is_one_line() -> None:
    positions = dict(zip(MEMBERS, (at("0/450", 2), GONE, NO_DATA), strict=True))
    assert MADE["patroni_standing"](positions, MEMBERS, ["db3"]) == (
        "db1 timeline 2 at 0/450, db2 unreadable, db3 lost"
    )
