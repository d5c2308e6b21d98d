"""Filters of the role `etcd`: which snapshot is restored, and why none may be. They only compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: etcd_restore
short_description: Which snapshot of etcd is restored, and why none may be
description:
  - C(etcd_snapshot) gives host, path and size of the snapshot, all empty where there is none;
    C(etcd_unrestorable) gives a line for each reason to restore none; C(etcd_mark) the id of the
    cluster that a host's member is of.
options:
  _input:
    description: The answers of C(host_look) by host; of one that cannot be reached, what Ansible says.
    type: raw
    required: true
  folder:
    description: Where hosts keep the timer's snapshots.
    type: path
  named:
    description: Path of a snapshot; "" for the newest of the timer on any host.
    type: str
"""

EXAMPLES = r"""
chosen: "{{ looks | etcd_snapshot(etcd_snapshots, '') }}"
"""

RETURN = r"""
_value:
  description: Lines or a snapshot, as the filter's name says.
  type: raw
"""

#: What etcd writes first: two files of its log, 64 MiB each (3.5, wal.SegmentSizeBytes).
LOGS = 2 * 64 * 2**20

#: The answer of `host_look`, which documents it.
Look = Mapping[str, Any]
Looks = Mapping[str, Look | None]


def answering(looks: Looks) -> dict[str, Look]:
    return {name: look for name, look in looks.items() if look and "commands" in look}


def kept(look: Look) -> dict[str, int]:
    """Sizes of the timer's snapshots on one host, by name, which is the time in UTC."""
    pairs = (line.split() for line in look["commands"]["kept"]["stdout"].splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def snapshot(looks: Looks, folder: str, named: str) -> dict[str, Any]:
    """The named one, or the newest of all."""
    found = answering(looks)
    if named:
        for name, look in found.items():
            if look["paths"]["named"].get("type") == "file":
                return {"host": name, "path": named, "size": look["paths"]["named"]["size"]}
        return {"host": "", "path": "", "size": 0}
    newest = max(
        ((file, name, size) for name, look in found.items() for file, size in kept(look).items()),
        default=None,
    )
    if newest is None:
        return {"host": "", "path": "", "size": 0}
    return {"host": newest[1], "path": f"{folder}/{newest[0]}", "size": newest[2]}


def unrestorable(looks: Looks, hosts: list[str], folder: str, named: str) -> list[str]:
    """Why nothing may be restored, a line each."""
    found = answering(looks)
    if silent := [name for name in hosts if name not in found]:
        return [
            f"{', '.join(silent)}: cannot be reached. A snapshot is restored on all control hosts at once: "
            "one that comes back with older data would not know of it. Bring them back."
        ]
    chosen = snapshot(looks, folder, named)
    if not chosen["path"]:
        if named:
            return [
                f"snapshot = {named}: must be a file on a control host ({', '.join(hosts)}): "
                "-e snapshot=<path>, or leave it out for the newest"
            ]
        return [
            f"{folder}: no control host ({', '.join(hosts)}) has a snapshot there. "
            "Name one: -e snapshot=<path>"
        ]
    return [line for name, look in found.items() if (line := _lacks(name, look, chosen["size"]))]


def mark(found: Mapping[str, Any], host: str) -> str:
    """The cluster that the host's member is of, as the role writes it down (of `etcd_look`)."""
    return f"{int(found['members'][host]['cluster_id']):x}"


def _lacks(name: str, look: Look, size: int) -> str:
    if look["commands"]["on_its_volume"]["code"]:
        return f"{name}: the volume of etcd is not mounted. Run ansible/site.yml first."
    if not look["paths"]["program"]["exists"]:
        return f"{name}: has no etcdutl. Run ansible/site.yml first."
    free = int(look["commands"]["free"]["stdout"].split()[-1])
    needed = 2 * size + LOGS
    if free < needed:
        return (
            f"{name}: the volume of etcd has {free // 2**20} MiB free; what is restored needs "
            f"{needed // 2**20 + 1} next to what is there. Remove what does not belong there, or make the "
            "volume larger."
        )
    return ""


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {"etcd_snapshot": snapshot, "etcd_unrestorable": unrestorable, "etcd_mark": mark}
