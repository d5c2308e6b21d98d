"""Finds the standby for reads that may be stale: one that is at most so far behind the leader, in time.

Each round notes the leader's position, with the time before it was asked for. A standby that has replayed a
noted position has every commit from before that time, so no clock of another host is used. A standby whose
replay stands still, and one cut off from the leader, grow old by themselves; `replay_lag` on the leader
would keep its last value.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

#: Seconds between rounds.
PERIOD = 0.5
#: Of the bound, what passes until the next round is over.
ROUND = 2 * PERIOD
POSITION = (
    "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"
    " - '0/0'::pg_lsn)::bigint, pg_is_in_recovery()"
)


class Asked(Protocol):
    """A connection to one member. Both are safe on one that is lost."""

    def row(self, question: str) -> tuple[object, ...]:
        """Raises `OSError` without an answer."""

    def close(self) -> None: ...


class Notes:
    """Where the leader was, and when at the latest: enough of it to judge standbys `bound` seconds back."""

    def __init__(self, bound: float) -> None:
        self.bound = bound
        self.taken: deque[tuple[float, int]] = deque()

    def take(self, before: float, position: int) -> None:
        self.taken.append((before, position))
        while self.taken[0][0] < before - self.bound:
            self.taken.popleft()

    def age(self, replayed: int, now: float) -> float:
        """Seconds that a standby there is behind at most; endless where no note says."""
        reached = [before for before, position in self.taken if position <= replayed]
        return now - max(reached) if reached else float("inf")


class Standbys(threading.Thread):
    """`leader` says who leads, as far as it is known. `report` gets each change: a member or None."""

    def __init__(
        self,
        host: str,
        members: Iterable[str],
        bound: float,
        leader: Callable[[], str | None],
        connect: Callable[[str], Asked],
        report: Callable[[str | None], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name="standbys", daemon=True)
        names = sorted(members)
        first = zlib.crc32(host.encode()) % len(names)
        #: So that hosts do not all choose the same one.
        self.members = names[first:] + names[:first]
        self.notes = Notes(bound)
        self.leader = leader
        self.connect = connect
        self.report = report
        self.say = say
        self.led = ""
        self.chosen: str | None = None
        self.kept: dict[str, Asked] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            self.round()
            self.stopped.wait(PERIOD)
        for connection in self.kept.values():
            connection.close()

    def stop(self) -> None:
        self.stopped.set()

    def round(self) -> None:
        found = self._found()
        if found != self.chosen:
            self.chosen = found
            self.report(found)

    def _found(self) -> str | None:
        leader = self.leader()
        if leader is None:
            # What was noted holds: a standby is as old as it says, and no commit is confirmed meanwhile.
            return self._judged([self.chosen] if self.chosen else [])
        if leader != self.led:
            # Another leader's positions say nothing of this one's.
            self.led = leader
            self.notes.taken.clear()
        before = time.monotonic()
        position = self._position(leader, in_recovery=False)
        if position is not None:
            self.notes.take(before, position)
        others = [name for name in self.members if name not in (leader, self.chosen)]
        chosen = [self.chosen] if self.chosen and self.chosen != leader else []
        return self._judged([*chosen, *others])

    def _judged(self, members: Iterable[str]) -> str | None:
        """The first that is not too far behind, and will not be before the next round is over."""
        for name in members:
            replayed = self._position(name, in_recovery=True)
            if replayed is not None:
                age = self.notes.age(replayed, time.monotonic())
                if age + ROUND <= self.notes.bound:
                    return name
        return None

    def _position(self, member: str, in_recovery: bool) -> int | None:
        """None without an answer, or where the member is not what it is taken for."""
        try:
            connection = self.kept.get(member) or self.connect(member)
            self.kept[member] = connection
            position, recovering = connection.row(POSITION)
        except OSError:
            if lost := self.kept.pop(member, None):
                lost.close()
            return None
        return int(str(position)) if position is not None and recovering == in_recovery else None
