"""Following etcd: which endpoint, when it is left, and that a failure is never news of a key."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from follower import etcd, watcher
from follower.etcd import Endpoint, Login
from follower.holds import Seen
from follower.view import Keys, View
from follower.watcher import Watcher
from tests.support.gateway import Gateway, serving, until

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
KEYS = Keys.of("lab")


class Reports:
    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.lines: list[str] = []

    @property
    def leaders(self) -> list[str | None]:
        return [seen.leader for seen in self.seen]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "DEADLINE", 0.3)
    monkeypatch.setattr(watcher, "PERIOD", 0.05)
    monkeypatch.setattr(watcher, "PAUSE", 0.02)


@contextmanager
def following(*gateways: Gateway) -> Iterator[Reports]:
    reports = Reports()
    endpoints = [Endpoint(gateway.url, Login("follower", "secret"), None) for gateway in gateways]
    view = View(KEYS, time.time, reports.lines.append)
    thread = Watcher(endpoints, view, reports.seen.append, reports.lines.append)
    thread.start()
    try:
        yield reports
    finally:
        thread.stop()
        thread.join(10)
        assert not thread.is_alive()


def test_events_are_reported_as_they_come() -> None:
    with serving() as gateway, following(gateway) as reports:
        until(lambda: reports.leaders == ["db1"], "the snapshot")
        assert gateway.watching.wait(10)
        # As etcd would answer from then on.
        gateway.answers["/v3/kv/txn"] = ["snapshot without a leader"]
        gateway.line("leader deleted")
        until(lambda: reports.leaders == ["db1", None], "the event")
        starts = [
            body[0]["create_request"]["start_revision"]
            for path, body, _ in gateway.asked
            if path == "/v3/watch"
        ]
        assert starts == ["85"]


def test_what_a_watch_misses_a_snapshot_tells() -> None:
    """A member of etcd that is cut off from the others keeps its watches, and says nothing."""
    with serving() as gateway, following(gateway) as reports:
        until(lambda: reports.leaders == ["db1"])
        gateway.answers["/v3/kv/txn"] = ["snapshot without a leader"]
        until(lambda: reports.leaders == ["db1", None], "the snapshot")


@pytest.mark.parametrize(
    "refusal", ["leader changed", "permission denied", "unknown token", "common name", "not found", "{}"]
)
def test_a_refused_snapshot_leaves_the_endpoint_and_says_nothing_of_the_leader(refusal: str) -> None:
    with serving() as first, serving() as second, following(first, second) as reports:
        assert first.watching.wait(10)
        first.answers["/v3/kv/txn"] = [refusal]
        assert second.watching.wait(10)
        assert reports.leaders == ["db1"]
        assert any("the last known leader stays" in line for line in reports.lines)


@pytest.mark.parametrize(
    "line", ["watch of the compacted", "watch denied", "watch with an unknown token", "nonsense"]
)
def test_an_ended_watch_begins_again_with_a_snapshot_and_says_nothing_of_the_leader(line: str) -> None:
    with serving() as first, serving() as second, following(first, second) as reports:
        assert first.watching.wait(10)
        first.line(line)
        assert second.watching.wait(10)
        assert reports.leaders == ["db1"]


def test_a_silent_endpoint_is_left_for_the_next() -> None:
    with serving() as first, serving() as second, following(first, second) as reports:
        assert first.watching.wait(10)
        first.silent.set()
        assert second.watching.wait(10)
        second.line("leader deleted")
        until(lambda: None in reports.leaders)


def test_without_any_endpoint_the_last_known_leader_stays() -> None:
    with serving() as gateway, following(gateway) as reports:
        assert gateway.watching.wait(10)
        gateway.answers |= {path: ["leader changed"] for path in ("/v3/kv/txn", "/v3/auth/authenticate")}
        gateway.lines.put(None)
        until(lambda: gateway.paths().count("/v3/kv/txn") > 8, "further attempts")
        assert reports.leaders == ["db1"]
        # Once a round of endpoints, not once a second for hours.
        failures = [line for line in reports.lines if "stays" in line]
        assert 1 <= len(failures) <= 3
        gateway.answers["/v3/auth/authenticate"] = ["login"]
        gateway.answers["/v3/kv/txn"] = ["snapshot without a leader"]
        until(lambda: reports.leaders == ["db1", None], "the snapshot after it")
