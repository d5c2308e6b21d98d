"""Filters of the role `storage`: what its volumes and a look at the host come to. They only compute."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, NotRequired, TypedDict

DOCUMENTATION = r"""
name: storage
short_description: What is wrong and what is left to do with a host's volumes
description:
  - C(mount_unit) names the mount unit of a path; C(mounted) gives the mounts that C(host_look) saw, by path.
  - C(storage_commands) gives the commands that C(host_look) runs for the volumes.
  - C(storage_problems) gives a line for each volume that may not be touched, C(storage_unknown) one for each
    device without signature that is not blank.
  - C(storage_new), C(storage_blank), C(storage_idle), C(storage_otherwise) and C(storage_small) give what is
    left to do, C(storage_files) the files that the role keeps.
options:
  _input:
    description: The volumes, as C(storage_volumes).
    type: list
    elements: dict
    required: true
  look:
    description: The answer of C(host_look).
    type: dict
  host:
    description: The host's name, for messages.
    type: str
  written:
    description: The answer of C(host_files), empty before it ran.
    type: dict
"""

EXAMPLES = r"""
storage_problems: "{{ storage_volumes | storage_problems(storage_look, inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: Lines, volumes, names of units or entries of files, as the filter's name says.
  type: list
  elements: raw
"""

UNITS = "/etc/systemd/system"
UDEV_RULES = "/etc/udev/rules.d/70-flashtier-storage.rules"
#: NAME makes it a tree: without it lsblk lists what is on a disk next to the disk.
DRIVE_COLUMNS = "NAME,PATH,TYPE,MODEL,SERIAL,SIZE,MAJ:MIN,SCHED,RA,PARTUUID"
#: Blocks. XFS cannot use less than this more (community.general.filesystem thinks so, too).
LEAST_GROWTH = 64
GEOMETRY = re.compile(r"^data\s*=\s*bsize=(\d+)\s+blocks=(\d+)", re.MULTILINE)

#: The answer of `host_look`, which documents it.
Look = Mapping[str, Any]


class Volume(TypedDict):
    """What is read of an element of `storage_volumes`."""

    name: str
    device: str
    uuid: str
    mount_point: str
    mount_options: list[str]
    #: What the NVMe drives under the device are, None where the platform has others.
    nvme: NotRequired[dict[str, Any] | None]


def mount_unit(path: str) -> str:
    """The name that systemd gives a mount: "/" becomes "-", "-" is escaped (systemd.unit(5))."""
    return path.removeprefix("/").replace("-", "\\x2d").replace("/", "-") + ".mount"


def mounted(look: Look) -> dict[str, dict[str, str]]:
    """What findmnt says of each mount, by its path. Of several mounts on one path the last is on top."""
    table = json.loads(look["commands"]["mounts"]["stdout"])["filesystems"]
    return {mount["target"]: mount for mount in table}


def check_unit(volume: Volume) -> str:
    """The unit that checks the volume's identity each time it is mounted."""
    return f"flashtier-volume-{volume['name']}.service"


def unit_file(volume: Volume) -> str:
    """Where the volume's mount unit is."""
    return f"{UNITS}/{mount_unit(volume['mount_point'])}"


def commands(volumes: Iterable[Volume]) -> dict[str, list[str]]:
    """What `host_look` runs."""
    asked = {"mounts": ["findmnt", "--json", "--list", "--output", "TARGET,FSTYPE,MAJ:MIN,OPTIONS"]}
    for volume in volumes:
        asked[f"signatures {volume['name']}"] = ["wipefs", "--no-act", "--json", volume["device"]]
        asked[f"size {volume['name']}"] = ["blockdev", "--getsize64", volume["device"]]
        asked[f"geometry {volume['name']}"] = ["xfs_info", volume["mount_point"]]
        if volume.get("nvme"):
            asked["drives"] = ["lsblk", "--json", "--bytes", "--output", DRIVE_COLUMNS]
    return asked


def signatures(volume: Volume, look: Look) -> list[dict[str, Any]]:
    """What wipefs found on the device. Raises `ValueError` where it failed, of which `problems` tells."""
    read = json.loads(look["commands"][f"signatures {volume['name']}"]["stdout"])
    found: list[dict[str, Any]] = read["signatures"]
    return found


def new(volumes: Iterable[Volume], look: Look) -> list[str]:
    """Names of volumes that this host has never mounted: the first success leaves the unit's file.

    One whose loss a person accepts is as if it were new.
    """
    return [
        volume["name"]
        for volume in volumes
        if not look["paths"][unit_file(volume)]["exists"] or (volume.get("nvme") or {}).get("accept_blank")
    ]


def device_of(volume: Volume, look: Look) -> dict[str, Any]:
    """What the volume's device is, behind the link that udev may have made."""
    seen: dict[str, Any] = look["paths"][volume["device"]]
    end: dict[str, Any] = seen.get("leads_to", seen)
    return end


def unmade(volumes: Iterable[Volume], look: Look) -> list[Volume]:
    """Volumes of drives in the host that no device shows: the drives are new, or a stop erased them."""
    return [
        volume
        for volume in volumes
        if (volume.get("nvme") or {}).get("partition_bytes") and not device_of(volume, look)["exists"]
    ]


def blank(volumes: Iterable[Volume], look: Look) -> list[Volume]:
    """Volumes whose device bears no signature."""
    volumes = list(volumes)
    absent = unmade(volumes, look)
    return [volume for volume in volumes if volume not in absent and not signatures(volume, look)]


def problems(volumes: Iterable[Volume], look: Look, host: str) -> list[str]:
    """Why nothing may be changed, a line each; of each volume the first reason."""
    found = (problem(volume, look, host) for volume in volumes)
    return [line for line in found if line]


def problem(volume: Volume, look: Look, host: str) -> str | None:
    """Why the volume may not be touched; None where it may."""
    if unmade([volume], look):
        return None  # storage_drives.py tells
    device = device_of(volume, look)
    read = look["commands"][f"signatures {volume['name']}"]
    where = f"{host}: volume {volume['name']}: {volume['device']}"
    if device.get("type") != "block":
        what = "is not a block device" if device["exists"] else "does not exist"
        return f"{where} {what}; the volume is declared, so attach it: pulumi up --refresh"
    if read["code"] != 0:
        return (
            f"{where} cannot be read: {read['stderr']}. Nothing was changed. Look at the device on the host"
        )
    carried = signatures(volume, look)
    if not carried and not new([volume], look):
        return (
            f"{where} is blank, but this host mounted the file system {volume['uuid']} there before: its data"
            " is lost, or another device is attached. Nothing was changed. Attach the right one: pulumi up"
            f" --refresh. To start with an empty volume, a person removes {unit_file(volume)} on the host and"
            " runs the playbook again"
        )
    types = [signature["type"] for signature in carried]
    uuids = [signature.get("uuid") or "none" for signature in carried]
    if carried and (types, uuids) != (["xfs"], [volume["uuid"]]):
        return (
            f"{where} carries {' and '.join(types)} with UUID {' and '.join(uuids)}, declared is xfs with"
            f" UUID {volume['uuid']}. Nothing was changed. If another volume is attached here, put it right:"
            " pulumi up --refresh. If what it carries may go, a person wipes it:"
            f" wipefs --all {volume['device']}"
        )
    path = volume["mount_point"]
    mounts = mounted(look)
    if path in mounts and look["paths"][path].get("device") != device["rdev"]:
        return (
            f"{host}: another device ({mounts[path]['maj:min']}) than that of volume {volume['name']}"
            f" ({volume['device']}) is mounted on {path}. Nothing was changed. Stop what uses it, unmount it"
            " (systemctl stop) and run the playbook again"
        )
    return None


def unknown(results: Iterable[Mapping[str, Any]], host: str) -> list[str]:
    """A line for each device without signature that is not blank; `results` are those of `cmp` with zeros."""
    return [
        f"{host}: volume {read['item']['name']}: {read['item']['device']} has no signature and is not blank"
        f" ({read['stdout']}{read['stderr']}). Nothing was changed. If what it carries may go, a person"
        f" blanks it: blkdiscard --zeroout {read['item']['device']}"
        for read in results
        if read["rc"] != 0
    ]


def files(volumes: list[Volume], check: str) -> list[dict[str, Any]]:
    """What `host_files` keeps: the program `check`, folders of mount points, two units a volume."""
    folders = dict.fromkeys(str(PurePosixPath(volume["mount_point"]).parent) for volume in volumes)
    kept: list[dict[str, Any]] = [
        {"path": str(PurePosixPath(check).parent), "state": "directory"},
        {"path": check, "template": "storage/check-volume.j2", "mode": "0755", "validate": "sh -n %s"},
        *({"path": folder, "state": "directory"} for folder in folders),
    ]
    for volume in volumes:
        for path, template in ((f"{UNITS}/{check_unit(volume)}", "service"), (unit_file(volume), "mount")):
            kept.append(
                {"path": path, "template": f"storage/volume.{template}.j2", "variables": {"volume": volume}}
            )
    return [*kept, *drive_files(volumes)]


def drive_files(volumes: list[Volume]) -> list[dict[str, Any]]:
    """What `host_files` keeps for NVMe drives; nothing where there are none."""
    drives = [volume for volume in volumes if volume.get("nvme")]
    arrays = [volume for volume in drives if (volume["nvme"] or {})["count"] > 1]
    kept: list[dict[str, Any]] = []
    if drives:
        kept.append(
            {"path": UDEV_RULES, "template": "storage/udev.rules.j2", "variables": {"volumes": drives}}
        )
    if arrays:
        kept.append(
            {
                "path": "/etc/mdadm/mdadm.conf",
                "template": "storage/mdadm.conf.j2",
                "variables": {"volumes": arrays},
            }
        )
    return kept


def idle(volumes: Iterable[Volume], look: Look, written: Mapping[str, Any]) -> list[str]:
    """Mount units that are not mounted or not enabled, or whose files systemd has yet to read."""
    changes = written.get("changes", {})
    return [
        mount_unit(volume["mount_point"])
        for volume in volumes
        if mount_unit(volume["mount_point"]) in look["idle"]
        or look["units"][check_unit(volume)].get("reload") != "no"
        or f"{UNITS}/{check_unit(volume)}" in changes
        or unit_file(volume) in changes
    ]


def otherwise(volumes: Iterable[Volume], look: Look) -> list[str]:
    """Mount units of volumes that were mounted without an option that is declared."""
    mounts = mounted(look)
    return [
        mount_unit(volume["mount_point"])
        for volume in volumes
        if volume["mount_point"] in mounts
        and not set(volume["mount_options"]) <= set(mounts[volume["mount_point"]]["options"].split(","))
    ]


def small(volumes: Iterable[Volume], look: Look) -> list[Volume]:
    """Volumes whose file system is smaller than the device, or may be: who knows before it is mounted."""
    mounts = mounted(look)
    return [volume for volume in volumes if volume["mount_point"] not in mounts or is_small(volume, look)]


def is_small(volume: Volume, look: Look) -> bool:
    """Whether a mounted file system can grow on its device."""
    read = GEOMETRY.search(look["commands"][f"geometry {volume['name']}"]["stdout"])
    size = look["commands"][f"size {volume['name']}"]["stdout"]
    block, blocks = map(int, read.groups()) if read else (0, 0)
    return block * (blocks + LEAST_GROWTH) <= (int(size) if size.isdecimal() else 0)


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "mount_unit": mount_unit,
            "mounted": mounted,
            "storage_commands": commands,
            "storage_new": new,
            "storage_unmade": unmade,
            "storage_blank": blank,
            "storage_problems": problems,
            "storage_unknown": unknown,
            "storage_files": files,
            "storage_idle": idle,
            "storage_otherwise": otherwise,
            "storage_small": small,
        }
