"""What is known of one part: pure, from a worker's turns and the judge's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from probing.worker import Turn

State = Literal["fine", "hung", "failing", "full", "absent", "unknown"]
STATES: tuple[State, ...] = get_args(State)
#: A part in one of these has a member give way; in one of those it is as it should be.
STUCK: frozenset[State] = frozenset({"hung", "failing"})
WELL: frozenset[State] = frozenset({"fine", "full"})


@dataclass(frozen=True)
class Reading:
    """`seconds`: of the last turn that ended, or for how long one is under way that is late.

    `volume` is empty for what is on none. `why`: one line where it is not fine.
    """

    state: State
    seconds: float
    volume: str = ""
    why: str = ""


class Part:
    """`lost`: turns that were late. `longest`: seconds of the longest turn, under way or ended."""

    def __init__(self, name: str, failures: int) -> None:
        self.name = name
        self.failures = failures
        self.lost = 0
        self.longest = 0.0
        self.state: State = "unknown"
        self.why = "nothing was asked yet"
        #: The turn that is under way, and when it was first seen.
        self.watched = (0, 0.0)
        self.late = 0
        self.taken = 0

    def read(self, turn: Turn, now: float, deadline: float, volume: str = "") -> Reading:
        """`now` by the judge's clock: what is under way is as old as the judge saw it get."""
        if turn.ended != self.taken:
            self.taken = turn.ended
            self.longest = max(self.longest, turn.seconds)
            self._take(turn)
        if turn.begun == turn.ended:
            return Reading(self.state, turn.seconds, volume, self.why)
        if self.watched[0] != turn.begun:
            self.watched = (turn.begun, now)
        age = now - self.watched[1]
        if age <= deadline:
            return Reading(self.state, turn.seconds, volume, self.why)
        self.longest = max(self.longest, age)
        if self.late != turn.begun:
            self.late = turn.begun
            self.lost += 1
        return Reading("hung", age, volume, f"{self._asked(volume)} is not answered in {deadline:g} s")

    def _take(self, turn: Turn) -> None:
        """A first error changes nothing: the device may have said no once."""
        if turn.outcome is None:
            return
        kind = turn.outcome.kind
        if kind == "error":
            if turn.errors >= self.failures:
                self.state, self.why = "failing", f"{turn.outcome.why}, {self.failures} times in a row"
        elif kind != "same":
            self.state, self.why = kind, turn.outcome.why

    def _asked(self, volume: str) -> str:
        """Where a file system hangs before the first write, its volume is not known yet."""
        return "a new connection" if self.name == "connection" else f"a write to {volume or 'its volume'}"
