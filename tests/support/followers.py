"""The follower's state machine with a pgBouncer that does what it is asked, and what was done in words."""

from __future__ import annotations

from follower.holds import (
    Action,
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
    Writable,
)

LIMIT = 4.0


def key(owner: str = "db1", seconds: float = 2.0, created: int = 7, written: int | None = None) -> Key:
    return Key(owner, "switchover", created, written or created, seconds)


class Follower:
    """A state machine whose pgBouncer does what it is asked; what was done, in words."""

    def __init__(self, memory: Memory | None = None, member: str = "db1", paused: bool = False) -> None:
        self.lines: list[str] = []
        self.holds = Holds(LIMIT, memory, self.lines.append)
        self.done: list[str] = []
        self.now = 100.0
        self.take(Bouncer(paused, member))

    def take(self, event: Event, after: float = 0.0) -> list[str]:
        self.now += after
        words = [word(action) for action in self.holds.handle(event, self.now)]
        self.done += words
        return words


def word(action: Action) -> str:
    match action:
        case Pause(_, planned):
            return "pause, planned" if planned else "pause"
        case Point(member):
            return f"point to {member}"
        case Resume():
            return "resume"
        case Probe(member):
            return f"probe {member}" if member else "stop probing"


def serving() -> Follower:
    """db1 leads and takes writes."""
    follower = Follower()
    follower.take(Seen("db1"))
    follower.take(Writable("db1"))
    follower.done.clear()
    return follower
