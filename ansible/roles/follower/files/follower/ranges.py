"""Ranges of keys as etcd last said: from a snapshot, and from the events after it.

Each key keeps the newest revision that was seen of it: a snapshot may be asked for before an event and
answered after it, and two watches need not be equally far.
"""

from __future__ import annotations

from typing import Any

from follower.etcd import EtcdError, after, decoded, encoded


class Ranges:
    """Single keys, and all keys behind a prefix, which ends with a slash."""

    def __init__(self, *names: str) -> None:
        self.places = [
            {"key": encoded(name)} | ({"range_end": encoded(after(name))} if name.endswith("/") else {})
            for name in names
        ]

    def snapshot(self) -> dict[str, Any]:
        """All of one revision. Linearizable: a member of etcd without a quorum does not answer it."""
        return {"compare": [], "success": [{"request_range": place} for place in self.places], "failure": []}

    def watches(self, revision: int) -> list[dict[str, Any]]:
        return [{"create_request": {**place, "start_revision": str(revision + 1)}} for place in self.places]


class Store:
    """What is known of the ranges: `found` has each key as etcd gives it, by name."""

    def __init__(self, ranges: Ranges) -> None:
        self.ranges = ranges
        #: Of the last snapshot.
        self.revision = 0
        self.found: dict[str, dict[str, Any]] = {}
        #: Revisions of the events since.
        self.newer: dict[str, int] = {}

    def take(self, answer: dict[str, Any], first: bool = False) -> bool:
        """Take a snapshot's answer: whether it changes anything. Raises `EtcdError` where it is not whole.

        `first`: of a new watch, whatever was seen before.
        """
        try:
            revision = int(answer["header"]["revision"])
            ranges = [one["response_range"] for one in answer["responses"]]
            if len(ranges) != len(self.ranges.places):
                raise ValueError(f"for {len(ranges)} of {len(self.ranges.places)} ranges")
            found = {decoded(kv["key"]): kv for one in ranges for kv in one.get("kvs", [])}
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
        return changed

    def add(self, answer: dict[str, Any]) -> bool:
        """Take an answer of the watch: whether it changes anything. Raises `EtcdError` if it has ended."""
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
        return changed
