"""What hosts have from an image that the kit did not make: Debian's own, on AWS.

No list of this folder has it. It is accepted as it is if all hosts of the image have it alike: then it
shows what a person changed on one of them, and not what was changed on all in the same way. On platform
local the image is the kit's, every part of it is in a list, and nothing is accepted unlisted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

import pytest

from infra.contract import Contract
from tests.hosts.snapshot import Snapshot

T = TypeVar("T", bound=Hashable)

#: One host is like itself: that says nothing.
LEAST = 2


class Image:
    """The image's part of what a host has, by comparison with the other hosts of the same architecture."""

    def __init__(self, contract: Contract, snapshots: dict[str, Snapshot]) -> None:
        self._known = contract.platform == "local"
        self._snapshots = snapshots
        #: What was accepted, by kind: the end of a run says how much.
        self.accepted: dict[str, set[Any]] = defaultdict(set)

    def _brought(self, host: str, read: Callable[[Snapshot], Iterable[T]]) -> set[T]:
        """What `host` and all others of its image have of `read`."""
        machine = _read(self._snapshots[host], _machine)
        alike = [snapshot for snapshot in self._snapshots.values() if _read(snapshot, _machine) == machine]
        sets = [
            _read(snapshot, read) for snapshot in (alike if len(alike) >= LEAST else self._snapshots.values())
        ]
        answered = [one for one in sets if one is not None]
        if len(answered) < LEAST:
            return set()
        return set.intersection(*answered)

    def completed(
        self,
        kind: str,
        host: str,
        wanted: Iterable[T],
        read: Callable[[Snapshot], Iterable[T]],
        may: Iterable[T] = (),
    ) -> set[T]:
        """`wanted`, and of what the host has that which `may` be there or came with its image.

        `kind` is what the end of a run calls such things.
        """
        if self._known:
            return set(wanted)
        found = set(read(self._snapshots[host]))
        brought = (self._brought(host, read) & found) - set(wanted) - set(may)
        self.accepted[kind] |= brought
        return set(wanted) | (found & set(may)) | brought


def _machine(snapshot: Snapshot) -> set[Any]:
    return {snapshot["identity"]["machine"]}


def _read(snapshot: Snapshot, read: Callable[[Snapshot], Iterable[T]]) -> set[T] | None:
    """None of a host that does not answer: that is a fault of its own, and of no other host."""
    try:
        return set(read(snapshot))
    except pytest.fail.Exception:
        return None
