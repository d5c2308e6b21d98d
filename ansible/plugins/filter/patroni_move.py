"""Filters of the role `patroni`: what `move_data.yml` moves, where, and why not. They only compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: patroni_move
short_description: What is moved to which volume, on which members, and in which order
description:
  - C(patroni_move_refused) gives a line for each reason not to begin, C(patroni_move_parts) what is to be
    moved on one host, C(patroni_move_part) an element of it for the program there, C(patroni_move_order) the
    members in their order, C(patroni_move_outlook) and C(patroni_move_done) what is said of it.
options:
  _input:
    description: What was asked for, or the placements, as the filter's name says.
    type: raw
    required: true
"""

EXAMPLES = r"""
parts: "{{ patroni_placements | patroni_move_parts(patroni_placed, ['data', 'wal']) }}"
"""

RETURN = r"""
_value:
  description: Lines, entries or names, as the filter's name says.
  type: list
  elements: raw
"""

Placement = Mapping[str, Any]


def refused(
    what: list[str],
    to: str,
    *,
    placements: list[Placement],
    volumes: list[Mapping[str, Any]],
    members: list[str],
) -> list[str]:
    """Why what was asked for cannot be done, whatever the members are at; a line each."""
    declared = {one["purpose"]: one["volume"] for one in placements}
    names = [volume["name"] for volume in volumes]
    lines = []
    if unknown := [purpose for purpose in what if purpose not in declared]:
        lines.append(f"what = {','.join(unknown)}: must be of {', '.join(declared)}: -e what=data,wal")
    elif not what:
        lines.append(f"what: names what is moved, of {', '.join(declared)}: -e what=data,wal")
    if to not in names:
        lines.append(
            f"to = {to}: must be a volume of the database's hosts ({', '.join(names)}): -e to=<volume>"
        )
    elif other := [purpose for purpose in what if declared.get(purpose, to) != to]:
        where = ", ".join(f"{purpose} on {declared[purpose]}" for purpose in other)
        lines.append(
            f"to = {to}: declared is {where}. Change database.placement in Pulumi.<stack>.yaml, then"
            " pulumi up, then this"
        )
    if len(members) < 3:
        lines.append(
            f"{len(members)} of 3 members: one is moved at a time, and while it is out two others must serve."
            " Declare database.members: 3"
        )
    return lines


def parts(declared: list[Placement], placed: list[Placement], what: list[str]) -> list[dict[str, str]]:
    """Purpose, path, and the volumes from and to, of what is not where it is declared."""
    return [
        {"purpose": one["purpose"], "path": one["path"], "origin": now["volume"], "target": one["volume"]}
        for one, now in zip(declared, placed, strict=True)
        if one["purpose"] in what and one["volume"] != now["volume"]
    ]


def part(
    moved: Mapping[str, str], volumes: list[Mapping[str, Any]], marker_paths: list[str], unit: str, text: str
) -> dict[str, Any]:
    """A part as the program on the host reads it; `text` is that of its mount unit once it has moved."""
    markers = dict(zip((volume["name"] for volume in volumes), marker_paths, strict=True))
    sides = {
        volume["name"]: {
            "volume": volume["name"],
            "root": volume["mount_point"],
            "marker": markers[volume["name"]],
        }
        for volume in volumes
    }
    return {
        "purpose": moved["purpose"],
        "path": moved["path"],
        "unit": unit,
        "unit_file": f"/etc/systemd/system/{unit}",
        "unit_text": text,
        "origin": sides[moved["origin"]],
        "target": sides[moved["target"]],
    }


def order(parts_by_member: Mapping[str, list[Any]], leader: str) -> list[str]:
    """Members that something is left to move on; the one that leads last."""
    return sorted(
        (name for name, left in parts_by_member.items() if left), key=lambda name: (name == leader, name)
    )


def said_before(
    previews: Mapping[str, Mapping[str, Any]],
    members: list[str],
    leader: str,
    all_parts: Mapping[str, list[Any]],
) -> list[str]:
    """What a move will do, a line a member, and when clients are held."""
    if not members:
        return ["All is where it is declared: nothing to move"]
    lines = []
    for name in members:
        found = previews[name]
        sizes = found["bytes"]
        what = ", ".join(
            f"{one['purpose']} from {one['origin']} to {one['target']} ({_mib(sizes[one['purpose']])})"
            for one in all_parts[name]
        )
        lines.append(f"{name}: {what}; about {found['seconds']:.0f} s to copy at {_mib(found['rate'])}/s")
    if leader in members:
        lines.append(
            f"Before {leader}, which leads, another member takes the lead: clients are held for about a"
            " second"
        )
    else:
        lines.append("No one is held: the member that leads is moved already")
    return lines


def said_after(
    results: Mapping[str, Mapping[str, Any]], to: str, all_parts: Mapping[str, list[Any]]
) -> list[str]:
    """What was moved, how long each member was out, and what is left to do."""
    lines = []
    for name, result in results.items():
        figures, seconds = result["figures"], result["seconds"]
        lines.append(
            f"{name}: {_mib(figures['bytes'])} to {to} in {sum(seconds.values()):.0f} s,"
            f" {figures['out']:.0f} s of them without a server"
        )
    origins = sorted({part["origin"] for name in results for part in all_parts[name]})
    lines += [
        f"Old copies stay on {origin} until: ansible-playbook ansible/playbooks/move_data.yml"
        f" -e finalize={origin}"
        for origin in origins
    ]
    return [*lines, "Check it all: make verify"]


def _mib(size: float) -> str:
    return f"{size / (1 << 20):.0f} MiB"


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "patroni_move_refused": refused,
            "patroni_move_parts": parts,
            "patroni_move_part": part,
            "patroni_move_order": order,
            "patroni_move_outlook": said_before,
            "patroni_move_done": said_after,
        }
