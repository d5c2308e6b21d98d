"""Whatever happens in whatever order: nothing stays held, and no statement waits longer than the limit."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from follower.holds import (
    Bouncer,
    Event,
    Holds,
    Key,
    Memory,
    Pause,
    Point,
    Probe,
    Resume,
    Seen,
    Stop,
    Tick,
    Writable,
)

LIMIT = 4.0
MEMBERS = ("db1", "db2")


class Pooler:
    """A pgBouncer that does what it is asked, and may be paused, restarted or away as events say."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.holds = Holds(LIMIT, memory)
        self.now = 50.0
        self.paused: bool | None = None
        self.pointed: str | None = None
        self.probed: str | None = None
        self.held_since: float | None = None
        self.longest = 0.0
        self.pauses = 0

    def take(self, event: Event, after: float) -> None:
        self.now += after
        if isinstance(event, Bouncer):
            self.paused, self.pointed = event.paused, event.member
        for action in self.holds.handle(event, self.now):
            assert self.paused is not None or isinstance(action, Probe), (
                "nothing is asked of one that is away"
            )
            match action:
                case Pause():
                    assert self.holds.memory.causes, "held without a cause"
                    self.paused, self.pauses = True, self.pauses + 1
                case Resume():
                    assert not self.holds.memory.causes, "resumed in spite of a cause"
                    self.paused = False
                case Point(member):
                    self.pointed = member
                case Probe(member):
                    self.probed = member
        self._measure()

    def _measure(self) -> None:
        held = bool(self.holds.memory.causes)
        if held and self.held_since is None:
            self.held_since = self.now
        if self.held_since is not None:
            self.longest = max(self.longest, self.now - self.held_since)
        if not held:
            self.held_since = None

    def rest(self) -> None:
        """Time passes, as the daemon lets it: it asks pgBouncer how it is, and wakes up at each end."""
        for _ in range(4):
            self.take(Bouncer(bool(self.paused), self.pointed), 0.0)
            if (end := self.holds.next_end()) is not None:
                self.take(Tick(), max(0.0, end - self.now))


def settled(pooler: Pooler) -> None:
    """Nothing is held, pools lead to the last known leader, and another look changes nothing."""
    pooler.rest()
    assert pooler.paused is False
    assert pooler.holds.memory.causes == {}
    leader = pooler.holds.memory.leader
    assert leader is None or pooler.holds.stopping or pooler.pointed == leader
    assert pooler.holds.handle(Bouncer(False, pooler.pointed), pooler.now) == []
    assert pooler.holds.handle(Tick(), pooler.now + 1000) == []


def hold(created: int, seconds: float, owner: str = "db1") -> Key:
    return Key(owner, "test", created, created, seconds)


ALPHABET: tuple[Event, ...] = (
    Seen(None),
    Seen("db1"),
    Seen("db2"),
    Seen("db1", (hold(7, 1.0),)),
    Seen(None, (hold(8, 60.0),)),
    Writable("db1"),
    Writable("db2"),
    Bouncer(None),
    Bouncer(False, "db1"),
    Bouncer(True, None),
    Tick(),
    Stop(),
)


@pytest.mark.parametrize("after", [0.0, 0.3, LIMIT])
def test_every_short_sequence_ends_with_nothing_held(after: float) -> None:
    for sequence in itertools.product(ALPHABET, repeat=3):
        pooler = Pooler()
        for event in (Bouncer(False, "db1"), *sequence):
            pooler.take(event, after)
        settled(pooler)


keys = st.builds(
    Key,
    owner=st.sampled_from(MEMBERS),
    reason=st.just("test"),
    created=st.integers(1, 6),
    written=st.integers(1, 9),
    seconds=st.sampled_from([-1.0, 0.0, 0.5, 3.0, 60.0, 1e300]),
)
distinct = st.lists(keys, max_size=3, unique_by=lambda key: key.owner).map(tuple)
events = st.one_of(
    st.builds(Seen, st.sampled_from([None, *MEMBERS]), distinct),
    st.builds(Writable, st.sampled_from(MEMBERS)),
    st.builds(Bouncer, st.sampled_from([None, False, True]), st.sampled_from([None, *MEMBERS])),
    st.just(Tick()),
)
steps = st.lists(st.tuples(events, st.sampled_from([0.0, 0.02, 0.7, 3.9, 4.0, 100.0])), max_size=40)


def played(sequence: Iterable[tuple[Event, float]], memory: Memory | None = None) -> Pooler:
    """The daemon's own steps lie between the events: it wakes up when something ends."""
    pooler = Pooler(memory)
    for event, after in sequence:
        end = pooler.holds.next_end()
        if end is not None and end <= pooler.now + after:
            pooler.take(Tick(), end - pooler.now)
        pooler.take(event, after)
    return pooler


@settings(max_examples=100, deadline=None)
@given(steps)
def test_nothing_stays_held_and_nothing_waits_longer_than_the_limit(
    sequence: list[tuple[Event, float]],
) -> None:
    pooler = played(sequence)
    settled(pooler)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(events, st.sampled_from([0.0, 0.02, 0.3])), max_size=60))
def test_no_hold_without_a_break_is_longer_than_the_limit(sequence: list[tuple[Event, float]]) -> None:
    pooler = played(sequence)
    pooler.rest()
    assert pooler.longest <= LIMIT + 1e-6


@settings(max_examples=60, deadline=None)
@given(steps, steps)
def test_a_killed_follower_leaves_nothing_held_either(
    before: list[tuple[Event, float]], afterwards: list[tuple[Event, float]]
) -> None:
    memory = Memory.loaded(played(before).holds.memory.dumped())
    settled(played([(Bouncer(True, "db1"), 0.1), *afterwards], memory))


@settings(max_examples=60, deadline=None)
@given(steps)
def test_a_stopped_follower_leaves_nothing_held_at_once(sequence: list[tuple[Event, float]]) -> None:
    pooler = played(sequence)
    pooler.take(Stop(), 0.0)
    pooler.take(Bouncer(bool(pooler.paused), pooler.pointed), 0.0)
    assert pooler.paused is False
    assert pooler.holds.memory.causes == {}


@settings(max_examples=60, deadline=None)
@given(steps)
def test_the_same_news_twice_holds_nothing_a_second_time(sequence: list[tuple[Event, float]]) -> None:
    pooler = played(sequence)
    last = next((event for event, _ in reversed(sequence) if isinstance(event, Seen)), Seen(None))
    pooler.take(last, 0.0)
    settled(pooler)
    pauses = pooler.pauses
    for _ in range(3):
        pooler.take(last, 1.0)
        settled(pooler)
    assert pooler.pauses == pauses


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([Seen("db1"), Tick(), Writable("db1"), Writable("db2"), Bouncer(None),
                                 Bouncer(False, "db1")]), max_size=30))  # fmt: skip
def test_while_one_member_leads_nothing_is_ever_held(sequence: list[Event]) -> None:
    pooler = played((event, 0.5) for event in sequence)
    assert pooler.pauses == 0
