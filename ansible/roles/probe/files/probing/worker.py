"""Does the same thing again and again, in a thread that it may hold for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from probing.outcome import Outcome


@dataclass(frozen=True)
class Turn:
    """`begun` and `ended` count turns: one is under way where they differ.

    `outcome` and `seconds` are of the last that ended, `errors` how many in a row ended with an error.
    """

    begun: int = 0
    ended: int = 0
    outcome: Outcome | None = None
    seconds: float = 0.0
    errors: int = 0


class Worker(threading.Thread):
    """The next turn begins a period after the one before began, and never while one is under way.

    Others read `turn`, which is replaced as a whole: no lock is held while a device is asked.
    """

    def __init__(self, name: str, task: Callable[[], Outcome], period: float) -> None:
        super().__init__(name=name, daemon=True)
        self.task = task
        self.period = period
        self.turn = Turn()

    def run(self) -> None:
        while True:
            began = self.once()
            time.sleep(max(0.0, began + self.period - time.monotonic()))

    def once(self) -> float:
        """One turn; when it began."""
        last, began = self.turn, time.monotonic()
        self.turn = Turn(last.begun + 1, last.ended, last.outcome, last.seconds, last.errors)
        outcome = self.task()
        self.turn = Turn(
            last.begun + 1,
            last.begun + 1,
            outcome,
            time.monotonic() - began,
            last.errors + 1 if outcome.kind == "error" else 0,
        )
        return began
