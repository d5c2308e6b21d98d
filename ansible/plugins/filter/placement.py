"""Filters of the role `placement`: what its placements and a host's mounts come to. They only compute."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, TypedDict

DOCUMENTATION = r"""
name: placement
short_description: What is wrong and what is left to do with the placements of a host's data
description:
  - C(placement_now) gives the placements as they are in effect, C(placement_apart) a line for each that is
    declared otherwise, C(placement_unit_files) the files that C(host_look) reads for that.
  - C(placement_problems) gives a line for each placement that may not be touched, C(placement_elsewhere) one
    for each whose data lies on another volume.
  - C(placement_files) gives the files that the role keeps, C(placement_idle) the mount units that are left to
    start.
options:
  _input:
    description: The placements, as C(placement_placements); of C(placement_idle) their mount units.
    type: list
    elements: dict
    required: true
  volumes:
    description: The host's volumes, as C(placement_volumes).
    type: list
    elements: dict
  mounts:
    description: What is mounted, by path, as the filter C(mounted) gives it.
    type: dict
  host:
    description: The host's name, for messages.
    type: str
"""

EXAMPLES = r"""
placement_idle: "{{ placement_units | placement_idle(placement_look, placement_written | default({})) }}"
"""

RETURN = r"""
_value:
  description: Lines, entries of files or names of units, as the filter's name says.
  type: list
  elements: raw
"""

UNITS = "/etc/systemd/system"
Mounts = Mapping[str, Mapping[str, str]]


class Placement(TypedDict):
    """What is read of an element of `placement_placements`."""

    purpose: str
    volume: str
    path: str
    source: str
    owner: str
    group: str
    mode: str


class Volume(TypedDict):
    """What is read of an element of `placement_volumes`, and of a host's volumes in the contract."""

    name: str
    mount_point: str


def advice(purpose: str) -> str:
    """What a person does about data that is not where it is declared."""
    return (
        "Nothing was changed. Moving data is an operation of its own: declare the volume that carries it now"
        f" as placement of {purpose}, or move it first"
    )


def unit_files(placements: Iterable[Placement], units: Iterable[str]) -> dict[str, str]:
    """Of each purpose, under a name of its own, the file of its mount unit: `contents` of `host_look`."""
    return {_of(placement): f"{UNITS}/{unit}" for placement, unit in zip(placements, units, strict=True)}


def _of(placement: Placement) -> str:
    return f"unit of {placement['purpose']}"


def now(
    placements: Iterable[Placement], volumes: list[Volume], look: Mapping[str, Any] | None
) -> list[Placement]:
    """The placements as they are in effect: by what is mounted, else by the unit, else as declared.

    `look` has the table of mounts and `unit_files`; None where the host was not asked.
    """
    table = {} if look is None else _mounts(look)
    return [_now(placement, volumes, look, table) for placement in placements]


def _now(
    placement: Placement, volumes: list[Volume], look: Mapping[str, Any] | None, table: Mounts
) -> Placement:
    purpose, shown = placement["purpose"], table.get(placement["path"])
    unit = "" if look is None else look["contents"].get(_of(placement)) or ""
    for volume in volumes:
        root = volume["mount_point"]
        is_shown = (
            shown is not None
            and root in table
            and (shown["maj:min"], shown["fsroot"]) == (table[root]["maj:min"], f"/{purpose}")
        )
        if is_shown or (shown is None and f"\nWhat={root}/{purpose}\n" in unit):
            return placement | {"volume": volume["name"], "source": f"{root}/{purpose}"}
    return placement


def _mounts(look: Mapping[str, Any]) -> Mounts:
    found: list[dict[str, str]] = json.loads(look["commands"]["mounts"]["stdout"])["filesystems"]
    return {mount["target"]: mount for mount in found}


def apart(declared: Iterable[Placement], in_effect: Iterable[Placement], host: str) -> list[str]:
    """A line for each volume that something is to be moved to; the play that moves it is another."""
    wanted: dict[str, list[Placement]] = {}
    for placement, placed in zip(declared, in_effect, strict=True):
        if placement["volume"] != placed["volume"]:
            wanted.setdefault(placement["volume"], []).append(placed)
    lines = []
    for volume, moved in wanted.items():
        where = ", ".join(f"{one['purpose']} is on volume {one['volume']}" for one in moved)
        what = ",".join(one["purpose"] for one in moved)
        lines.append(
            f"{host}: {where}; declared is {volume}. Nothing is moved by this play: ansible-playbook"
            f" ansible/playbooks/move_data.yml -e what={what} -e to={volume}"
        )
    return lines


def problems(
    placements: Iterable[Placement], volumes: list[Volume], mounts: Mounts, host: str, check_mode: bool
) -> list[str]:
    """Why nothing may be changed, a line each.

    In check mode volumes may be unmounted: the role `storage` mounts them first when it is not a check.
    """
    found = [
        f"{host}: volume {volume['name']} is not mounted at {volume['mount_point']}; the role storage mounts"
        " it: run the playbook without leaving out its tag"
        for volume in volumes
        if volume["mount_point"] not in mounts and not check_mode
    ]
    roots = {volume["name"]: volume["mount_point"] for volume in volumes}
    for placement in placements:
        root, now = roots[placement["volume"]], mounts.get(placement["path"])
        if now is None or root not in mounts:
            continue
        declared = (mounts[root]["maj:min"], placement["source"].removeprefix(root))
        if (now["maj:min"], now["fsroot"]) != declared:
            found.append(
                f"{host}: {placement['path']} shows {now['fsroot']} of device {now['maj:min']}, declared is"
                f" {placement['source']} on volume {placement['volume']}. {advice(placement['purpose'])}"
            )
    return found


def elsewhere(
    placements: Iterable[Placement], volumes: list[Volume], filled: list[str], host: str
) -> list[str]:
    """Of each placement with an empty source, where its data may be instead; a line each.

    `filled` are directories on volumes that hold something, `placements` those that are not mounted.
    """
    found = []
    for placement in placements:
        purpose, source = placement["purpose"], placement["source"]
        same_kind = [f"{volume['mount_point']}/{purpose}" for volume in volumes]
        others = [path for path in same_kind if path in filled]
        if others and source not in filled:
            found.append(
                f"{host}: {purpose} is declared on {source}, which is empty, while {' and '.join(others)}"
                f" holds data of that kind. {advice(purpose)}"
            )
    return found


def files(placements: list[Placement], units: list[str]) -> list[dict[str, Any]]:
    """What `host_files` keeps: directories on the volumes, parents of the paths, a mount unit a placement."""
    folders = dict.fromkeys(str(PurePosixPath(placement["path"]).parent) for placement in placements)
    return [
        *(
            {
                "path": placement["source"],
                "state": "directory",
                "owner": placement["owner"],
                "group": placement["group"],
                "mode": placement["mode"],
            }
            for placement in placements
        ),
        *({"path": folder, "state": "directory"} for folder in folders),
        *(
            {
                "path": f"{UNITS}/{unit}",
                "template": "placement/placement.mount.j2",
                "variables": {"placement": placement},
            }
            for placement, unit in zip(placements, units, strict=True)
        ),
    ]


def idle(units: Iterable[str], look: Mapping[str, Any], written: Mapping[str, Any]) -> list[str]:
    """Mount units that are not mounted or not enabled, or whose file systemd has yet to read."""
    changes = written.get("changes", {})
    return [unit for unit in units if unit in look["idle"] or f"{UNITS}/{unit}" in changes]


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "placement_unit_files": unit_files,
            "placement_now": now,
            "placement_apart": apart,
            "placement_problems": problems,
            "placement_elsewhere": elsewhere,
            "placement_files": files,
            "placement_idle": idle,
        }
