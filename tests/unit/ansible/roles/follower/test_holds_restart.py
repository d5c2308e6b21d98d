"""What the next process makes of a killed one's state file: a hold ends when it would have."""

from __future__ import annotations

import json

import pytest

from follower.holds import Bouncer, Holds, Memory, Seen, Tick
from tests.support.followers import LIMIT, Follower, key, serving, word


def restarted(follower: Follower, after: float, paused: bool = True) -> Follower:
    """The next process, after its predecessor was killed: it knows what the state file says."""
    text = json.loads(json.dumps(follower.holds.memory.dumped()))
    fresh = Follower.__new__(Follower)
    fresh.lines, fresh.done, fresh.now = [], [], follower.now + after
    fresh.holds = Holds(LIMIT, Memory.loaded(text), fresh.lines.append)
    fresh.done = [word(action) for action in fresh.holds.handle(Bouncer(paused, "db1"), fresh.now)]
    return fresh


def test_a_hold_outlives_a_killed_follower_and_ends_when_it_would_have() -> None:
    follower = serving()
    follower.take(Seen(None))
    fresh = restarted(follower, after=1)
    assert fresh.done == []
    assert fresh.take(Seen(None), after=1) == []
    assert fresh.take(Tick(), after=LIMIT - 2) == ["resume"]


def test_a_hold_that_should_have_ended_meanwhile_ends_at_once() -> None:
    follower = serving()
    follower.take(Seen(None))
    assert restarted(follower, after=LIMIT).done == ["resume"]


def test_what_has_held_once_does_not_hold_again_for_the_next_process() -> None:
    follower = serving()
    follower.take(Seen("db1", (key(seconds=1),)))
    follower.take(Tick(), after=1)
    fresh = restarted(follower, after=0.1, paused=False)
    assert fresh.take(Seen("db1", (key(seconds=0.5),))) == []


def test_a_follower_that_knows_nothing_resumes_what_it_finds_paused() -> None:
    assert Follower(paused=True).done == ["resume"]


@pytest.mark.parametrize("ends", [1e300, 101.0])
@pytest.mark.parametrize("since", [None, 1e300, 100.0])
def test_a_state_file_cannot_ask_for_a_longer_hold(ends: float, since: float | None) -> None:
    text = {
        "leader": "db1", "gone": True, "settled": False, "since": since, "spent": [],
        "causes": {"gone": {"owner": "leader", "reason": "", "ends": ends, "created": 0, "written": 0}},
    }  # fmt: skip
    follower = Follower(Memory.loaded(text), paused=True)
    assert follower.done == []
    assert follower.take(Tick(), after=LIMIT) == ["resume"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"causes": []},
        {"since": "soon"},
        {"since": float("nan")},
        {"spent": None},
        {"causes": {"gone": {"ends": 1}}},
    ],
)
def test_a_state_file_of_something_else_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        Memory.loaded(Memory().dumped() | wrong)
