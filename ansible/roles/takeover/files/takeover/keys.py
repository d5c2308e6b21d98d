"""What etcd says of the cluster and of a takeover. Keys and their values: docs/decisions/takeover.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from follower.etcd import decoded
from follower.ranges import Ranges, Store


@dataclass(frozen=True)
class Entry:
    """A key: its value, the revisions that made and wrote it, and its lease (0 without one)."""

    text: str
    created: int
    modified: int
    lease: int

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The value, where it is a JSON object; else nothing. Asked for at each turn, and read once."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Order:
    """That `leader` is to be sealed off. Persistent as `last`, once its lead was taken from it.

    `cause`: gone or stuck. `timeline`: the leader's. `cluster`: its system identifier. `at`: time of day, s.
    """

    number: str
    leader: str
    cause: str
    timeline: int
    cluster: str
    at: float

    def dumped(self, by: str) -> str:
        """`by`: the host that orders it, for people."""
        return json.dumps(
            {
                "number": self.number,
                "leader": self.leader,
                "cause": self.cause,
                "timeline": self.timeline,
                "cluster": self.cluster,
                "at": self.at,
                "by": by,
            },
            sort_keys=True,
        )

    @classmethod
    def read(cls, entry: Entry | None) -> Order | None:
        """None where there is none, or it is not one."""
        if entry is None:
            return None
        given = entry.fields
        try:
            return cls(
                str(given["number"]),
                str(given["leader"]),
                str(given["cause"]),
                int(given["timeline"]),
                str(given["cluster"]),
                float(given["at"]),
            )
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class Seen:
    """`service`: Patroni's keys below /service/<stack>/; `own`: the kit's below /flashtier/<stack>/."""

    service: Mapping[str, Entry]
    own: Mapping[str, Entry]

    @property
    def leader(self) -> Entry | None:
        return self.service.get("leader")

    @property
    def order(self) -> Order | None:
        return Order.read(self.own.get("takeover/order"))

    @property
    def last(self) -> Order | None:
        return Order.read(self.own.get("takeover/last"))

    @property
    def cluster(self) -> str:
        """The system identifier, or empty."""
        entry = self.service.get("initialize")
        return entry.text if entry else ""

    @property
    def settings(self) -> dict[str, Any]:
        """Of Patroni, for all members."""
        entry = self.service.get("config")
        return entry.fields if entry else {}

    @property
    def sync(self) -> dict[str, Any]:
        entry = self.service.get("sync")
        return entry.fields if entry else {}

    def timeline(self, member: str) -> int | None:
        """As its own Patroni says; None where that says nothing."""
        entry = self.service.get(f"members/{member}")
        found = entry.fields.get("timeline") if entry else None
        return found if isinstance(found, int) else None

    def below(self, prefix: str) -> dict[str, Entry]:
        """The kit's keys below `prefix`, by the rest of their names."""
        return {
            name.removeprefix(prefix): entry for name, entry in self.own.items() if name.startswith(prefix)
        }


class View:
    """The keys of a stack, as `follower.watcher` wants them."""

    def __init__(self, stack: str) -> None:
        self.service, self.own = f"/service/{stack}/", f"/flashtier/{stack}/"
        self.store = Store(Ranges(self.service, self.own))

    def seen(self) -> Seen:
        found = {name: _entry(kv) for name, kv in self.store.found.items()}
        return Seen(
            *(
                {name.removeprefix(prefix): entry for name, entry in found.items() if name.startswith(prefix)}
                for prefix in (self.service, self.own)
            )
        )


def _entry(kv: Mapping[str, Any]) -> Entry:
    return Entry(
        decoded(kv.get("value", "")),
        int(kv["create_revision"]),
        int(kv["mod_revision"]),
        int(kv.get("lease", 0)),
    )
