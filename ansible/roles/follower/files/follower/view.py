"""The keys that the follower goes by, as etcd last said: from a snapshot, and from the events after it.

Each key keeps the newest revision that was seen of it: a snapshot may be asked for before an event and
answered after it, and two watches need not be equally far.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from follower.etcd import EtcdError, after, decoded, encoded
from follower.holds import Key, Seen


@dataclass(frozen=True)
class Keys:
    """Where a stack's keys are."""

    leader: str
    holds: str

    @classmethod
    def of(cls, stack: str) -> Keys:
        return cls(f"/service/{stack}/leader", f"/flashtier/{stack}/holds/")

    def snapshot(self) -> dict[str, Any]:
        """Both of one revision. Linearizable: a member of etcd without a quorum does not answer it."""
        ranges = [{"request_range": self._leader()}, {"request_range": self._holds()}]
        return {"compare": [], "success": ranges, "failure": []}

    def watches(self, revision: int) -> list[dict[str, Any]]:
        return [
            {"create_request": {**place, "start_revision": str(revision + 1)}}
            for place in (self._leader(), self._holds())
        ]

    def _leader(self) -> dict[str, str]:
        return {"key": encoded(self.leader)}

    def _holds(self) -> dict[str, str]:
        return {"key": encoded(self.holds), "range_end": encoded(after(self.holds))}


class View:
    """`wall` is the time of day that holds name their ends in; `say` is given what cannot be read."""

    def __init__(self, keys: Keys, wall: Callable[[], float], say: Callable[[str], None]) -> None:
        self.keys = keys
        self.wall = wall
        self.say = say
        #: Of the last snapshot.
        self.revision = 0
        self.found: dict[str, dict[str, Any]] = {}
        #: Revisions of the events since.
        self.newer: dict[str, int] = {}

    def replace(self, answer: dict[str, Any], first: bool = False) -> Seen | None:
        """Take a snapshot's answer. None where it changes nothing; raises `EtcdError` where it is not whole.

        `first`: of a new watch, whatever was seen before.
        """
        try:
            revision = int(answer["header"]["revision"])
            leader, holds = (one["response_range"] for one in answer["responses"])
            found = {decoded(kv["key"]): kv for one in (leader, holds) for kv in one.get("kvs", [])}
        except (KeyError, TypeError, ValueError) as error:
            raise EtcdError(
                f"a snapshot without {type(error).__name__} {error}: {str(answer)[:80]}"
            ) from error
        self.newer = (
            {} if first else {name: newest for name, newest in self.newer.items() if newest > revision}
        )
        for name in self.newer:
            found.pop(name, None)
            if name in self.found:
                found[name] = self.found[name]
        changed = not self.revision or found != self.found
        self.revision, self.found = revision, found
        return self.seen() if changed else None

    def apply(self, answer: dict[str, Any]) -> Seen | None:
        """Take an answer of the watch. None where it changes nothing; raises `EtcdError` if it has ended."""
        if answer.get("canceled"):
            compacted = int(answer.get("compact_revision", 0))
            why = (
                f"revision {compacted} is compacted"
                if compacted
                else answer.get("cancel_reason", "no reason given")
            )
            raise EtcdError(f"the watch was ended: {why}")
        changed = False
        for event in answer.get("events", []):
            kv = event["kv"]
            name, revision = decoded(kv["key"]), int(kv["mod_revision"])
            if revision <= max(self.revision, self.newer.get(name, 0)):
                continue
            changed = True
            self.newer[name] = revision
            if event.get("type") == "DELETE":
                self.found.pop(name, None)
            else:
                self.found[name] = kv
        return self.seen() if changed else None

    def seen(self) -> Seen:
        leader = self.found.get(self.keys.leader)
        holds = sorted(name for name in self.found if name.startswith(self.keys.holds))
        keys = [self._key(name.removeprefix(self.keys.holds), self.found[name]) for name in holds]
        return Seen(decoded(leader["value"]) if leader else None, tuple(key for key in keys if key))

    def _key(self, owner: str, kv: dict[str, Any]) -> Key | None:
        """A hold; None where it does not say when it ends, for then it would have no end of its own."""
        text = decoded(kv.get("value", ""))
        try:
            value = json.loads(text)
            seconds = float(value["until"]) - self.wall()
            if not math.isfinite(seconds):
                raise ValueError("its end is no time")
            return Key(
                owner, str(value["reason"])[:80], int(kv["create_revision"]), int(kv["mod_revision"]), seconds
            )
        except (KeyError, TypeError, ValueError) as error:
            self.say(f"hold of {owner} ignored: {type(error).__name__} {error}: {text[:80]!r}")
            return None
