"""Filters of the role `patroni`: which member goes on after etcd was restored. They only compute.

With etcd its old keys are gone, so no one votes: what the members' media hold decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: patroni_positions
short_description: Which member's medium goes furthest, and why none may be started
description:
  - C(patroni_unplaced) gives a line for each reason to start no member; C(patroni_furthest) the member
    that is furthest ahead; C(patroni_standing) how far each goes, for people.
options:
  _input:
    description: >-
      The answers of C(patroni_position) by member; of one that cannot be reached, what Ansible says.
    type: raw
    required: true
  members:
    description: Names of all members.
    type: list
    elements: str
  lost:
    description: Names of those whose loss is accepted.
    type: list
    elements: str
"""

EXAMPLES = r"""
furthest: "{{ positions | patroni_furthest(contract.database.members, ['db2']) }}"
"""

RETURN = r"""
_value:
  description: Lines or a name, as the filter's name says.
  type: raw
"""

#: The answer of `patroni_position`, which documents it.
Position = Mapping[str, Any]
Positions = Mapping[str, Position | None]


def number(lsn: str) -> int:
    """A position in WAL as bytes."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def lineage(found: Position) -> list[tuple[int, int]]:
    """The timelines before the member's own, each with the position at which it was left, oldest first."""
    text = (found.get("histories") or {}).get(str(found["timeline"]), "")
    words = (line.split() for line in text.splitlines())
    return [(int(one[0]), number(one[1])) for one in words if len(one) > 1 and one[0].isdigit()]


def place(found: Position) -> tuple[int, int]:
    """Timelines first: a member that took the lead had all that was acknowledged before, whatever the one
    before it wrote after that."""
    return found["timeline"], number(found["record"])


def follows(found: Position, ahead: Position) -> bool:
    """Whether the member's timeline is that of the one ahead, or one that it came from."""
    own, other = lineage(found), lineage(ahead)
    after = [*[timeline for timeline, _ in other], ahead["timeline"]]
    if not own:  # the first timeline, or a copy that came without the file
        return found["timeline"] in after
    return other[: len(own)] == own and after[len(own)] == found["timeline"]


def asked(positions: Positions, members: list[str], lost: list[str]) -> dict[str, Position]:
    """Answers of those that count."""
    return {
        name: found
        for name in members
        if name not in lost and (found := positions.get(name)) and found.get("readable")
    }


def unplaced(positions: Positions, members: list[str], lost: list[str]) -> list[str]:
    """Why no member may be started, a line each."""
    if unknown := [name for name in lost if name not in members]:
        return [f"lost = {', '.join(unknown)}: must be of {', '.join(members)}: -e lost=<name>[,<name>]"]
    if set(members) <= set(lost):
        return [f"lost = {', '.join(lost)}: no member would be left to start. Name those only that are lost."]
    found = asked(positions, members, lost)
    if silent := [name for name in members if name not in (*lost, *found)]:
        return [
            f"{name}: its medium cannot be read: {_why(positions.get(name))}. It may be the one "
            "furthest ahead. Bring it back; if what only it holds may be lost: "
            f"-e lost={','.join([*lost, name])}"
            for name in silent
        ]
    if len({one["identifier"] for one in found.values()}) > 1:
        which = ", ".join(f"{name} ({one['identifier']})" for name, one in found.items())
        return [
            f"members hold different clusters: {which}. Find the volume that is not the declared one, or "
            "name the member that may be lost: -e lost=<name>"
        ]
    first = furthest(positions, members, lost)
    return [
        f"{name} is on timeline {one['timeline']}, which is none that {first} (timeline "
        f"{found[first]['timeline']}) came from: each may hold acknowledged writes that the other "
        f"lacks. Decide whose may be lost: -e lost={name} or -e lost={first}"
        for name, one in found.items()
        if not follows(one, found[first])
    ]


def _why(found: Position | None) -> str:
    if not found or found.get("unreachable"):
        said = str((found or {}).get("msg") or "it is not in this run").strip().splitlines()
        return f"its host does not answer ({said[-1]})"
    return str(found.get("why") or found.get("msg") or "no answer")


def furthest(positions: Positions, members: list[str], lost: list[str]) -> str:
    """The member to start first, "" without any. Of equal ones the first in the list of members."""
    found = asked(positions, members, lost)
    return max(found, key=lambda name: place(found[name]), default="")


def standing(positions: Positions, members: list[str], lost: list[str]) -> str:
    """How far each member goes, in one line."""
    found = asked(positions, members, lost)
    return ", ".join(
        f"{name} timeline {found[name]['timeline']} at {found[name]['record']}"
        if name in found
        else f"{name} {'lost' if name in lost else 'unreadable'}"
        for name in members
    )


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {"patroni_unplaced": unplaced, "patroni_furthest": furthest, "patroni_standing": standing}
