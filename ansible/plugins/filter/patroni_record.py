"""The stack's record of its cluster against what media and etcd know of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def record_problem(
    recorded: str, plan: Mapping[str, Any], known: str, held: Iterable[str], stack: str
) -> str:
    """Why nothing may be made or begun, in one line; empty where the record agrees, or there is none.

    `known`: by etcd. `held`: identifiers of the clusters on members' media.
    """
    if not recorded:
        return ""
    forget = f"flashtier forget-cluster -s {stack} {recorded}"
    found = {one for one in (known, *held) if one}
    if plan["create"]:
        return (
            f"stack {stack} has cluster {recorded} on record, and no medium and no etcd knows one: its data"
            " is elsewhere, or lost. Nothing was changed. Bring the volumes back"
            " (docs/tasks/cluster-lost.md); there is no backup to restore yet. To begin with an empty cluster"
            f" on purpose: {forget}"
        )
    if others := sorted(found - {recorded}):
        return (
            f"stack {stack} has cluster {recorded} on record, and members or etcd hold {', '.join(others)}."
            " Nothing was changed. Find out whose volumes these are (docs/tasks/cluster-lost.md); to go on"
            f" with what they hold: {forget}"
        )
    return ""


class FilterModule:
    """Ansible's way to find it."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"patroni_record_problem": record_problem}
