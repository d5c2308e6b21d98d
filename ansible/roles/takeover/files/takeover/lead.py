"""Who leads: for how long, when the lease was last renewed, and whether the leader itself answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from takeover.keys import Entry


class Lead:
    """`left`: whole seconds that a lease still has, of etcd; it raises `EtcdError`.

    `answers`: as `answers.answers`.
    """

    #: Seconds between two questions for a lease: while it is renewed, and once it is late.
    PERIOD, LATE = 0.5, 0.2
    #: Seconds that an answer about the leader itself is good for.
    GOOD = 1.5

    def __init__(
        self,
        left: Callable[[int], int],
        answers: Callable[[str], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ask_left = left
        self.ask_answers = answers
        self.clock = clock
        self.held: tuple[str, int] | None = None
        self.since = clock()
        self.left: int | None = None
        self.next = 0.0
        self.asking: threading.Thread | None = None
        self.silent_at = float("-inf")
        #: Its timeline as last known: a server that starts or is stuck does not say it.
        self.timeline: int | None = None

    def follow(self, leader: Entry | None, known: float = 0.0) -> None:
        """Who leads by etcd now. `known`: for how many seconds others have seen the same one lead."""
        held = (leader.text, leader.created) if leader else None
        if held != self.held:
            self.held, self.since, self.left = held, self.clock() - known, None
            self.timeline = None
            self.next, self.silent_at = 0.0, float("-inf")

    @property
    def seconds(self) -> float:
        """For how long it has been the same one, as far as this process knows."""
        return self.clock() - self.since

    def read(self, leader: Entry, late: bool) -> int | None:
        """What the lease still has, asked for when it is due. Raises `EtcdError`."""
        if self.clock() >= self.next:
            self.left = self.ask_left(leader.lease)
            self.next = self.clock() + (self.LATE if late else self.PERIOD)
        return self.left

    def ask(self, address: str) -> None:
        """Begin to ask the leader itself, in a thread: nothing waits for it."""
        if self.asking is not None and self.asking.is_alive():
            return
        begun, held = self.clock(), self.held

        def asking() -> None:
            answered = self.ask_answers(address)
            if held == self.held:
                self.silent_at = float("-inf") if answered else begun

        self.asking = threading.Thread(target=asking, name="ask the leader", daemon=True)
        self.asking.start()

    @property
    def silent(self) -> bool:
        """Whether it was asked just now, and did not answer."""
        return self.clock() - self.silent_at < self.GOOD
