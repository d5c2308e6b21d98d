"""Pausing and resuming: each pool by its name, logins first, and statements that never end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from follower import bouncer, console
from follower.bouncer import Bouncer, State
from follower.console import ConsoleError
from tests.support.console import Pooler, listening


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bouncer, "GRACE", 0.05)
    monkeypatch.setattr(bouncer, "PATIENCE", 0.4)
    monkeypatch.setattr(bouncer, "LOGINS", 0.05)


@pytest.fixture
def pooler(tmp_path: Path) -> Iterator[Pooler]:
    with listening(tmp_path / "socket", photos="10.0.0.1", reads="10.0.0.2") as found:
        yield found


@pytest.fixture
def asked(pooler: Pooler) -> Iterator[Bouncer]:
    found = Bouncer(str(pooler.path), "flashtier-follower", ["photos", "reads"])
    yield found
    found.close()


def test_the_state_is_that_of_each_pool(pooler: Pooler, asked: Bouncer) -> None:
    pooler.paused["reads"] = True
    assert asked.state() == State(
        {"photos": False, "reads": True}, {"photos": "10.0.0.1", "reads": "10.0.0.2"}
    )


def test_a_pool_that_pgbouncer_does_not_have_is_an_error(pooler: Pooler, asked: Bouncer) -> None:
    del pooler.hosts["reads"]
    with pytest.raises(ConsoleError, match="no pool reads"):
        asked.state()


def test_every_pool_is_paused_by_its_name(pooler: Pooler, asked: Bouncer) -> None:
    """`PAUSE` without one could be given once, and would pause the console's own restart too."""
    done = asked.pause(planned=False)
    assert done.done
    assert done.ended == 0
    assert pooler.paused == {"photos": True, "reads": True}
    assert pooler.asked("PAUSE") == ['PAUSE "photos"', 'PAUSE "reads"']
    assert asked.pause(planned=False).done


def test_only_what_is_paused_is_resumed(pooler: Pooler, asked: Bouncer) -> None:
    pooler.paused["reads"] = True
    asked.resume()
    assert pooler.asked("RESUME") == ['RESUME "reads"']
    assert not any(pooler.paused.values())


def test_statements_towards_a_silent_leader_are_ended_and_those_that_wait_are_not(
    pooler: Pooler, asked: Bouncer
) -> None:
    pooler.busy, pooler.waiting = {1, 2, 3}, {4, 5}
    done = asked.pause(planned=False)
    assert done.done
    assert done.ended == 3
    assert sorted(pooler.asked("KILL")) == [f"KILL_CLIENT {number}" for number in (1, 2, 3)]


def test_statements_that_end_by_themselves_are_not_ended(pooler: Pooler, asked: Bouncer) -> None:
    assert asked.pause(planned=True).ended == 0
    assert pooler.asked("KILL") == []


def test_a_pause_that_cannot_be_had_is_given_up_and_holds_all_the_same(
    pooler: Pooler, asked: Bouncer
) -> None:
    pooler.busy, pooler.stubborn = {1}, True
    assert not asked.pause(planned=False).done
    assert pooler.paused == {"photos": True, "reads": True}


def test_a_planned_pause_waits_for_logins(
    pooler: Pooler, asked: Bouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bouncer, "LOGINS", 10)
    answers = iter([2, 1])
    monkeypatch.setattr(asked, "logins", lambda: next(answers, 0))
    asked.pause(planned=True)
    assert next(answers, None) is None
    assert pooler.asked("PAUSE")


def test_a_planned_pause_does_not_wait_for_logins_for_ever(pooler: Pooler, asked: Bouncer) -> None:
    pooler.logins = 1
    assert asked.logins() == 2
    assert asked.pause(planned=True).done


def test_a_pause_that_is_not_planned_does_not_ask_for_logins(pooler: Pooler, asked: Bouncer) -> None:
    pooler.logins = 1
    asked.pause(planned=False)
    assert pooler.asked("SHOW POOLS") == []


def test_a_restarted_pgbouncer_is_asked_over_a_new_session(pooler: Pooler, asked: Bouncer) -> None:
    asked.state()
    pooler.restart()
    assert asked.state().paused == {"photos": False, "reads": False}


def test_a_pgbouncer_that_says_nothing_is_an_error(
    pooler: Pooler, asked: Bouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.state()
    monkeypatch.setattr(console, "DEADLINE", 0.1)
    pooler.silent = True
    for attempt in (asked.state, asked.resume, lambda: asked.pause(planned=False)):
        with pytest.raises(ConsoleError):
            attempt()


def test_those_that_wait_for_a_member_that_is_gone_are_ended(pooler: Pooler, asked: Bouncer) -> None:
    pooler.waiting, pooler.connected = {1, 4, 5}, False
    assert asked.end_waiting(4.5) == 2
    assert pooler.waiting == {1}
    assert asked.end_waiting(0) == 1


def test_those_that_wait_behind_others_are_left_alone(pooler: Pooler, asked: Bouncer) -> None:
    """A pool whose connections are all in use, or that has free ones: the wait ends without help."""
    pooler.waiting = {7, 8}
    assert asked.end_waiting(0) == 0
    pooler.busy, pooler.connected = {1}, False
    assert asked.end_waiting(0) == 0
    assert pooler.waiting == {7, 8}
    assert pooler.asked("KILL") == []
