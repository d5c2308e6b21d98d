"""Visits every state of the model of the takeover, and finds the shortest way to a step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.takeover_model import Rules, State, steps, swapped


@dataclass(frozen=True)
class Result:
    """`trace` is a shortest way to the step that was looked for, an entry a step; without one it is empty."""

    states: int
    steps: int
    trace: tuple[str, ...]


def search(rules: Rules, found: Callable[[State, State], bool]) -> Result:
    """All states under `rules`, or as many as it takes until a step from one to another is `found`.

    A state and the one with A and B swapped are one: nothing tells the two voters apart.
    """
    start = State()
    before: dict[State, State | None] = {start: None}
    waiting, count = deque([start]), 0
    while waiting:
        state = waiting.popleft()
        for _, after in steps(state, rules):
            count += 1
            if found(state, after):
                return Result(len(before), count, _named(rules, _way(before, state), after))
            after = min(after, swapped(after))
            if after not in before:
                before[after] = state
                waiting.append(after)
    return Result(len(before), count, ())


def _way(before: dict[State, State | None], state: State | None) -> list[State]:
    way: list[State] = []
    while state is not None:
        way.append(state)
        state = before[state]
    return way[::-1]


def _named(rules: Rules, way: list[State], last: State) -> tuple[str, ...]:
    """The names of the steps along `way` and to `last`, with each voter by one name throughout."""
    state, names = way[0], []
    for wanted in [*way[1:], last]:
        name, state = next(
            (name, after) for name, after in steps(state, rules) if wanted in (after, swapped(after))
        )
        names.append(name)
    return tuple(names)
