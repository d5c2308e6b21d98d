"""What the follower goes by, out of etcd's keys: who leads, and who wants statements held."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from follower.etcd import decoded
from follower.holds import Key, Seen
from follower.ranges import Ranges, Store


@dataclass(frozen=True)
class Keys:
    """Where a stack's keys are."""

    leader: str
    holds: str

    @classmethod
    def of(cls, stack: str) -> Keys:
        return cls(f"/service/{stack}/leader", f"/flashtier/{stack}/holds/")


class View:
    """`wall` is the time of day that holds name their ends in; `say` is given what cannot be read."""

    def __init__(self, keys: Keys, wall: Callable[[], float], say: Callable[[str], None]) -> None:
        self.keys = keys
        self.store = Store(Ranges(keys.leader, keys.holds))
        self.wall = wall
        self.say = say

    def seen(self) -> Seen:
        found = self.store.found
        leader = found.get(self.keys.leader)
        holds = sorted(name for name in found if name.startswith(self.keys.holds))
        keys = [self._key(name.removeprefix(self.keys.holds), found[name]) for name in holds]
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
