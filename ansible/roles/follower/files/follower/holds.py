"""When this host's pools are held, and which member they lead to: events in, actions out.

No clock, no I/O: each event comes with the monotonic time at which it was received. What holds the pools:

    leader            the leader key went after it had been seen, or the pools lead to another member than it
                      names; ends when the named member is writable
    a hold by key     ends when its key goes, or at the time that it names

Each has an end of its own as well, at most `limit` seconds after the pools were first held, so that no
statement waits longer. What ended that way does not hold again for the same cause: not until a leader was
found writable, or until the key goes and is written once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Key:
    """A hold as etcd has it: the revisions that created and wrote it, and the seconds that it still lasts."""

    owner: str
    reason: str
    created: int
    written: int
    seconds: float


@dataclass(frozen=True)
class Seen:
    """What etcd said: who leads (None: there is no leader key), and all holds by key."""

    leader: str | None
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Writable:
    """The member takes writes and, where that is wanted, has a standby that confirms them."""

    member: str


@dataclass(frozen=True)
class Bouncer:
    """What pgBouncer said: whether its pools are paused, and which member they lead to.

    `paused` is None while it cannot be asked. `member` is None where the pools lead elsewhere or apart.
    """

    paused: bool | None
    member: str | None = None


@dataclass(frozen=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True)
class Stop:
    """The follower ends, and leaves nothing held."""


Event = Seen | Writable | Bouncer | Tick | Stop


@dataclass(frozen=True)
class Pause:
    """Hold new statements. `planned`: the leader still answers, so that logins under way may end first."""

    why: str
    planned: bool


@dataclass(frozen=True)
class Point:
    member: str


@dataclass(frozen=True)
class Resume:
    """Let statements through; they were held for `seconds`, where that is known."""

    why: str
    seconds: float | None


@dataclass(frozen=True)
class Probe:
    """Find out when the member is writable; None: no longer."""

    member: str | None


Action = Pause | Point | Resume | Probe


@dataclass
class Cause:
    """Why the pools are held. `created` and `written` are those of the key, 0 for the leader."""

    owner: str
    reason: str
    ends: float
    created: int = 0
    written: int = 0


@dataclass
class Memory:
    """What outlives the process, as the state file has it. Times are monotonic, of one boot."""

    leader: str | None = None
    gone: bool = False
    settled: bool = False
    since: float | None = None
    causes: dict[str, Cause] = field(default_factory=dict)
    spent: list[str] = field(default_factory=list)

    def dumped(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def loaded(cls, text: dict[str, Any]) -> Memory:
        """Raises `KeyError`, `TypeError` or `ValueError` for what `dumped` did not write."""
        return cls(
            None if text["leader"] is None else str(text["leader"]),
            bool(text["gone"]),
            bool(text["settled"]),
            None if text["since"] is None else _finite(text["since"]),
            {
                str(name): Cause(**cause | {"ends": _finite(cause["ends"])})
                for name, cause in text["causes"].items()
            },
            [str(name) for name in text["spent"]],
        )


#: Names of causes: `key <owner> <revision>`, `gone` and `to <member>`.
BY_KEY = "key "


class Holds:
    """`limit`: seconds that the pools are held without a break, at most. `say` is given each turn's line."""

    def __init__(
        self, limit: float, memory: Memory | None = None, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self.limit = limit
        self.memory = memory or Memory()
        self.say = say
        self.paused: bool | None = None
        self.pointed: str | None = None
        self.probing: str | None = None
        self.ended = ""
        self.stopping = False

    @property
    def owners(self) -> list[str]:
        """Whom the pools are held for; empty where they are not."""
        return sorted({cause.owner for cause in self.memory.causes.values()}) if self.paused else []

    def next_end(self) -> float | None:
        """When something ends by itself."""
        return min((cause.ends for cause in self.memory.causes.values()), default=None)

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take an event in; what is to be done, in this order."""
        match event:
            case Bouncer(paused, member):
                self.paused, self.pointed = paused, member
            case Seen(leader, keys) if not self.stopping:
                self._keys(keys, now)
                self._leader(leader, now)
            case Writable(member) if member == self.memory.leader and not self.memory.gone:
                self._settle(member)
            case Stop():
                self.stopping = True
                self._end(self.memory.causes, "the follower stops")
        self._misdirected(now)
        self._expire(now)
        return list(self._actions(now))

    def _keys(self, keys: Iterable[Key], now: float) -> None:
        memory = self.memory
        present = {f"{BY_KEY}{key.owner} {key.created}": key for key in keys}
        gone = [name for name, cause in memory.causes.items() if cause.created and name not in present]
        self._end(gone, "its key is gone")
        memory.spent = [name for name in memory.spent if name in present or not _by_key(name)]
        for name, key in present.items():
            cause = memory.causes.get(name)
            if name in memory.spent or (cause and cause.written == key.written):
                continue
            if key.seconds <= 0 and cause is None:
                memory.spent.append(name)
                self.say(f"hold of {key.owner} ignored: its end has passed ({key.reason})")
                continue
            reason = f"{key.reason} (hold of {key.owner})"
            self._begin(name, Cause(key.owner, reason, now + key.seconds, key.created, key.written), now)

    def _leader(self, leader: str | None, now: float) -> None:
        memory = self.memory
        if leader is None:
            if memory.leader is not None and not memory.gone:
                memory.gone, memory.settled = True, False
                self._begin(
                    "gone",
                    Cause("leader", f"leader key gone, it named {memory.leader}", now + self.limit),
                    now,
                )
            return
        if leader == memory.leader and not memory.gone:
            return
        before, memory.leader = memory.leader, leader
        memory.gone, memory.settled = False, False
        self.say(f"leader: {leader}" + (f", before: {before}" if before else ""))

    def _misdirected(self, now: float) -> None:
        """A leader is named, not known to be writable, and the pools lead elsewhere: hold until it is."""
        memory = self.memory
        if self.stopping or memory.leader is None or memory.gone or memory.settled or self.paused is None:
            return
        if self.pointed != memory.leader:
            self._begin(
                f"to {memory.leader}", Cause("leader", f"{memory.leader} leads", now + self.limit), now
            )

    def _settle(self, member: str) -> None:
        self.memory.settled = True
        self._end([name for name in self.memory.causes if not _by_key(name)], f"{member} is writable")
        self.memory.spent = [name for name in self.memory.spent if _by_key(name)]

    def _begin(self, name: str, cause: Cause, now: float) -> None:
        """Hold for a cause, or give it a new end; what is held already no longer than `limit` in all."""
        memory = self.memory
        if name in memory.spent or (name in memory.causes and not _by_key(name)):
            return
        if memory.since is None:
            memory.since = now
        cause.ends = min(cause.ends, memory.since + self.limit)
        memory.causes[name] = cause
        self.say(f"hold: {cause.reason}, for {max(0.0, cause.ends - now):.3f} s at most")

    def _end(self, names: Iterable[str], why: str) -> None:
        for name in list(names):
            cause = self.memory.causes.pop(name)
            self.ended = why
            self.say(f"hold ends: {cause.reason}: {why}")

    def _expire(self, now: float) -> None:
        memory = self.memory
        if not memory.causes:
            return
        # A state file may say anything; no hold outlives the limit for that.
        if memory.since is None or memory.since > now:
            memory.since = now
        over = memory.since + self.limit <= now
        late = [name for name, cause in memory.causes.items() if over or cause.ends <= now]
        memory.spent += late
        self._end(late, "its time is over")

    def _actions(self, now: float) -> Iterable[Action]:
        memory = self.memory
        wanted = bool(memory.causes)
        if wanted and self.paused is False:
            self.paused = True
            whys = sorted(cause.reason for cause in memory.causes.values())
            yield Pause("; ".join(whys), planned=not memory.gone)
        if memory.leader and not self.stopping and self.paused is not None and self.pointed != memory.leader:
            self.pointed = memory.leader
            yield Point(memory.leader)
        if not wanted and self.paused:
            self.paused = False
            held = now - memory.since if memory.since is not None else None
            yield Resume(self.ended or "nothing holds", held)
        if not wanted:
            memory.since, self.ended = None, ""
        probed = None if memory.gone or memory.settled or self.stopping else memory.leader
        if probed != self.probing:
            self.probing = probed
            yield Probe(probed)


def _by_key(name: str) -> bool:
    return name.startswith(BY_KEY)


def _finite(value: str | float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is no time")
    return number
