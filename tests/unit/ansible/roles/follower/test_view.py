"""What is known of the keys: snapshots and events in any order, refusals, and holds that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from follower.etcd import EtcdError, encoded
from follower.holds import Key, Seen
from follower.view import Keys, View
from tests.support.gateway import RECORDED

KEYS = Keys.of("lab")
NOW = 1000.0


def recorded(name: str) -> dict[str, Any]:
    """An answer, out of the envelope of a stream."""
    answer: dict[str, Any] = json.loads(RECORDED[name]["text"])
    return answer.get("result", answer)


class Seeing(View):
    """A view that says what a change makes of it."""

    def replace(self, answer: dict[str, Any], first: bool = False) -> Seen | None:
        return self.seen() if self.store.take(answer, first) else None

    def apply(self, answer: dict[str, Any]) -> Seen | None:
        return self.seen() if self.store.add(answer) else None


def view(say: Callable[[str], None] = lambda line: None) -> Seeing:
    return Seeing(KEYS, lambda: NOW, say)


def kv(name: str, value: str, revision: int, created: int | None = None) -> dict[str, str]:
    return {
        "key": encoded(name),
        "value": encoded(value),
        "mod_revision": str(revision),
        "create_revision": str(created or revision),
    }


def snapshot(revision: int, leader: dict[str, str] | None, *holds: dict[str, str]) -> dict[str, Any]:
    ranges: list[dict[str, Any]] = [
        {"kvs": [leader]} if leader else {},
        {"kvs": list(holds)} if holds else {},
    ]
    return {"header": {"revision": str(revision)}, "responses": [{"response_range": one} for one in ranges]}


def events(*changes: tuple[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "events": [{"kv": kv, **({"type": "DELETE"} if kind == "DELETE" else {})} for kind, kv in changes]
    }


def hold(until: float | str = NOW + 2, **more: object) -> str:
    return json.dumps({"owner": "db1", "reason": "switchover", "until": until, **more})


def test_a_snapshot_names_the_leader() -> None:
    assert view().replace(recorded("snapshot")) == Seen("db1")
    assert view().replace(recorded("snapshot without a leader")) == Seen(None)


def test_a_snapshot_that_says_nothing_new_is_no_news() -> None:
    one = view()
    one.replace(recorded("snapshot"))
    assert one.replace(recorded("snapshot")) is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"header": {}},
        {"header": {"revision": "1"}},
        {"header": {"revision": "1"}, "responses": [{}]},
        {"responses": []},
        {"header": {"revision": "9"}, "responses": [{"response_range": {}}]},
    ],
)
def test_an_answer_that_is_not_whole_says_nothing_of_the_leader(answer: dict[str, Any]) -> None:
    one = view()
    one.replace(recorded("snapshot"))
    with pytest.raises(EtcdError):
        one.replace(answer)
    assert one.seen() == Seen("db1")


def test_events_of_the_leader_key() -> None:
    one = view()
    one.replace(recorded("snapshot"))
    assert one.apply(recorded("watch made")) is None
    assert one.apply(recorded("leader deleted")) == Seen(None)
    assert one.apply(recorded("leader written")) == Seen("db1")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("watch denied", "permission denied"),
        ("watch with an unknown token", "invalid auth token"),
        ("watch of the compacted", "revision 80 is compacted"),
    ],
)
def test_a_watch_that_is_refused_says_nothing_of_the_leader(name: str, says: str) -> None:
    one = view()
    one.replace(recorded("snapshot"))
    with pytest.raises(EtcdError, match=says):
        one.apply(recorded(name))
    assert one.seen() == Seen("db1")


def test_holds_are_read_with_what_is_left_of_them() -> None:
    one = view()
    seen = one.replace(snapshot(9, None, kv(KEYS.holds + "db1", hold(), 7, created=5)))
    assert seen == Seen(None, (Key("db1", "switchover", 5, 7, 2.0),))
    assert one.apply(events(("DELETE", kv(KEYS.holds + "db1", "", 10)))) == Seen(None)


@pytest.mark.parametrize(
    "value",
    [
        "", "{}", "[]", "7", '"text"', "{", '{"until": 1002}', hold(until="later"),
        hold(float("nan")), hold(float("inf")),
    ],
)  # fmt: skip
def test_a_hold_without_an_end_holds_nothing(value: str) -> None:
    lines: list[str] = []
    one = view(lines.append)
    assert one.replace(snapshot(9, None, kv(KEYS.holds + "db1", value, 7))) == Seen(None)
    assert len(lines) == 1
    assert "hold of db1 ignored" in lines[0]


def test_an_event_that_a_snapshot_contains_already_changes_nothing() -> None:
    one = view()
    one.replace(snapshot(20, kv(KEYS.leader, "db2", 18)))
    assert one.apply(events(("DELETE", kv(KEYS.leader, "", 17)), ("PUT", kv(KEYS.leader, "db2", 18)))) is None
    assert one.seen() == Seen("db2")


def test_a_snapshot_from_before_an_event_does_not_undo_it() -> None:
    """It was asked for first and answered last."""
    one = view()
    one.replace(snapshot(20, kv(KEYS.leader, "db1", 18)))
    one.apply(events(("DELETE", kv(KEYS.leader, "", 22))))
    assert one.replace(snapshot(21, kv(KEYS.leader, "db1", 18))) is None
    assert one.seen() == Seen(None)
    one.apply(events(("PUT", kv(KEYS.leader, "db2", 24))))
    assert one.replace(snapshot(23, None)) is None
    assert one.seen() == Seen("db2")
    assert one.replace(snapshot(25, kv(KEYS.leader, "db3", 25))) == Seen("db3")


def test_two_watches_need_not_be_equally_far() -> None:
    one = view()
    one.replace(snapshot(20, kv(KEYS.leader, "db1", 18)))
    one.apply(events(("DELETE", kv(KEYS.leader, "", 30))))
    seen = one.apply(events(("PUT", kv(KEYS.holds + "db1", hold(), 29))))
    assert seen is not None
    assert [key.owner for key in seen.keys] == ["db1"]


def test_a_new_watch_begins_with_its_snapshot_even_if_that_is_older() -> None:
    """As after a restored etcd."""
    one = view()
    one.replace(snapshot(20, kv(KEYS.leader, "db1", 18)))
    one.apply(events(("PUT", kv(KEYS.leader, "db2", 30))))
    assert one.replace(snapshot(5, kv(KEYS.leader, "db3", 4)), first=True) == Seen("db3")
    assert one.apply(events(("PUT", kv(KEYS.leader, "db1", 6)))) == Seen("db1")


def test_the_watches_follow_the_snapshot_and_cover_both() -> None:
    first, second = (one["create_request"] for one in view().store.ranges.watches(84))
    assert first == {"key": encoded("/service/lab/leader"), "start_revision": "85"}
    assert second == {
        "key": encoded("/flashtier/lab/holds/"),
        "range_end": encoded("/flashtier/lab/holds0"),
        "start_revision": "85",
    }
