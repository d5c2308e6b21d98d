"""Filters of the role `storage` for NVMe drives: which they are, what they carry, how they become a device.

EBS volumes are known by model and serial. Drives in the host are all those of their model: their number must
be the declared one, and each is blank or carries what this volume put there. None is taken for being free.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from infra.topology.drives import array_uuid, partition_device, partition_uuid

DOCUMENTATION = r"""
name: storage_drives
short_description: What is wrong and what is left to do with the NVMe drives under a host's volumes
description:
  - C(drive_problems) gives a line for each volume whose drives are not the declared ones.
  - C(drive_commands) gives the commands that C(host_look) runs for drives of volumes that no device shows;
    C(drive_refusals), C(drive_partitions) and C(drive_arrays) what follows from their answers.
  - C(drive_untuned) gives devices whose I/O scheduler or read-ahead is not as declared.
options:
  _input:
    description: The volumes, as C(storage_volumes).
    type: list
    elements: dict
    required: true
  look:
    description: The answer of C(host_look) about the volumes.
    type: dict
  drives:
    description: The answer of C(host_look) about the drives.
    type: dict
  host:
    description: The host's name, for messages.
    type: str
  written:
    description: The answer of C(host_files), empty before it ran.
    type: dict
"""

EXAMPLES = r"""
storage_untuned: "{{ storage_volumes | drive_untuned(storage_look, {}) }}"
"""

RETURN = r"""
_value:
  description: Lines, commands, partitions, arrays or paths, as the filter's name says.
  type: raw
"""

Look = Mapping[str, Any]
Volume = Mapping[str, Any]
MIB = 1 << 20
#: Types of partition (GPT): Linux file system, Linux RAID.
LINUX, RAID = "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "A19D880F-05FC-4D3B-A006-743F0F84911E"


def with_drives(volumes: Iterable[Volume]) -> list[Volume]:
    """Volumes on NVMe drives."""
    return [volume for volume in volumes if volume.get("nvme")]


def in_the_host(volumes: Iterable[Volume]) -> list[Volume]:
    """Volumes on drives that a stop of the host erases."""
    return [volume for volume in with_drives(volumes) if volume["nvme"]["partition_bytes"]]


def devices(look: Look) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each block device of lsblk with the disk that it lies on; an array comes once for each of its disks."""

    def below(
        device: dict[str, Any], disk: dict[str, Any]
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        yield device, disk
        for child in device.get("children", []):
            yield from below(child, disk)

    for disk in json.loads(look["commands"]["drives"]["stdout"])["blockdevices"]:
        yield from below(disk, disk)


def text(value: object) -> str:
    return str(value or "").strip()


def disks(volume: Volume, look: Look) -> list[dict[str, Any]]:
    """The disks of the volume's model, and of its serials where they are known, in the order of serials."""
    nvme = volume["nvme"]
    found = [
        disk
        for device, disk in devices(look)
        if device is disk
        and text(disk["model"]) == nvme["model"]
        and (not nvme["serials"] or text(disk["serial"]) in nvme["serials"])
    ]
    return sorted(found, key=lambda disk: text(disk["serial"]))


def number(look: Look, path: str) -> str:
    """The number of a block device as lsblk writes it; empty where there is none."""
    seen = look["paths"][path]
    rdev = seen.get("leads_to", seen).get("rdev", 0)
    # As makedev(3) packs them.
    major = (rdev >> 8) & 0xFFF | (rdev >> 32) & ~0xFFF
    minor = rdev & 0xFF | (rdev >> 12) & ~0xFF
    return f"{major}:{minor}" if rdev else ""


def under(volume: Volume, look: Look) -> list[dict[str, Any]]:
    """The disks that the volume's device lies on; none where the device does not exist."""
    there = number(look, volume["device"])
    return [disk for device, disk in devices(look) if there and text(device["maj:min"]) == there]


def serials(found: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(text(disk["serial"]) for disk in found) or "none"


def problems(volumes: Iterable[Volume], look: Look, host: str) -> list[str]:
    """Why nothing may be changed, a line each."""
    found = (problem(volume, look, host) for volume in with_drives(volumes))
    return [line for line in found if line]


def problem(volume: Volume, look: Look, host: str) -> str | None:
    """What is wrong with the drives under a volume; None where nothing is."""
    nvme, where = volume["nvme"], f"{host}: volume {volume['name']}"
    wanted, now = disks(volume, look), under(volume, look)
    if len(wanted) != nvme["count"]:
        which = f" with serial {' or '.join(nvme['serials'])}" if nvme["serials"] else ""
        return (
            f"{where}: the host has {len(wanted)} drives of model {nvme['model']}{which} (serials:"
            f" {serials(wanted)}), declared are {nvme['count']}. Nothing was changed. Put the instance"
            " type or the"
            " attachment right: pulumi up --refresh"
        )
    if now and {disk["path"] for disk in now} != {disk["path"] for disk in wanted}:
        return (
            f"{where}: {volume['device']} lies on drives {serials(now)}, declared is model"
            f" {nvme['model']}: drives"
            f" {serials(wanted)}. Nothing was changed. Detach what does not belong here: pulumi up --refresh"
        )
    small = [disk for disk in wanted if int(disk["size"]) < (nvme["partition_bytes"] or 0) + 2 * MIB]
    if small:
        return (
            f"{where}: drive {serials(small)} has {small[0]['size']} bytes, declared is a partition of"
            f" {nvme['partition_bytes']}. Nothing was changed. Put the instance type right: pulumi up"
            " --refresh"
        )
    if (
        nvme.get("accept_blank")
        and now
        and ours(look["commands"][f"signatures {volume['name']}"], volume, "xfs")
    ):
        return (
            f"{where}: flashtier:acceptBlank = {host}-{volume['name']}: nothing is lost, the drives"
            " carry the volume;"
            " remove it: pulumi config rm flashtier:acceptBlank"
        )
    return None


def signatures(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What wipefs found; nothing where it could not look."""
    found: list[dict[str, Any]] = json.loads(answer["stdout"])["signatures"] if answer["stdout"] else []
    return found


def ours(answer: Mapping[str, Any], volume: Volume, kind: str) -> bool:
    """Whether a device carries the volume's own `kind` of content (`xfs`, `linux_raid_member`) alone."""
    digits = volume["uuid"].replace("-", "")
    found = signatures(answer)
    return len(found) == 1 and (found[0]["type"], text(found[0].get("uuid")).replace("-", "")) == (
        kind,
        digits,
    )


def commands(volumes: Iterable[Volume], look: Look) -> dict[str, list[str]]:
    """What `host_look` asks of the drives of `volumes`, which no device shows."""
    asked: dict[str, list[str]] = {}
    for volume in in_the_host(volumes):
        for index, disk in enumerate(disks(volume, look)):
            asked[f"disk {disk['path']}"] = ["wipefs", "--no-act", "--json", disk["path"]]
            asked[f"zeros {disk['path']}"] = ["cmp", f"--bytes={MIB}", disk["path"], "/dev/zero"]
            asked[f"part {disk['path']}"] = [
                "wipefs",
                "--no-act",
                "--json",
                partition_device(volume["uuid"], index),
            ]
    return asked


def states(volume: Volume, look: Look, drives: Look) -> list[tuple[dict[str, Any], str]]:
    """Each drive with what it is.

    That is `blank`, `partitioned` (by this volume), `member` (of its array), or what it carries.
    """
    found = []
    for index, disk in enumerate(disks(volume, look)):
        said = drives["commands"]
        whole, inner = said[f"disk {disk['path']}"], said[f"part {disk['path']}"]
        carried = {signature["type"] for signature in signatures(whole)}
        parts = [text(child["partuuid"]) for child in disk.get("children", [])]
        if whole["code"]:
            state = f"what cannot be read: {whole['stderr']}"
        elif not carried and not parts:
            zeros = said[f"zeros {disk['path']}"]["code"] == 0
            state = "blank" if zeros else "data without a signature"
        elif carried != {"gpt", "PMBR"} or parts != [partition_uuid(volume["uuid"], index)]:
            state = f"{', '.join(sorted(carried))} with partitions {', '.join(parts) or 'none'}"
        elif ours(inner, volume, "linux_raid_member"):
            state = "member"
        elif inner["code"] or signatures(inner):
            types = ", ".join(one["type"] for one in signatures(inner)) or "what cannot be read"
            state = f"{types} in its partition"
        else:
            state = "partitioned"
        found.append((disk, state))
    return found


def refusals(volumes: Iterable[Volume], look: Look, drives: Look, new: list[str], host: str) -> list[str]:
    """Why nothing may be made of the drives, a line a volume.

    `new` are volumes that this host has never mounted.
    """
    lines = []
    for volume in in_the_host(volumes):
        where = f"{host}: volume {volume['name']}"
        found = states(volume, look, drives)
        known = ("blank", "partitioned", "member")
        foreign = [(disk, state) for disk, state in found if state not in known]
        lost = [disk for disk, state in found if state != "member"]
        kept = [disk for disk, state in found if state == "member"]
        if foreign:
            disk, state = foreign[0]
            lines.append(
                f"{where}: drive {text(disk['serial'])} ({disk['path']}) carries {state}, which is not"
                " of this volume."
                " Nothing was changed. If it may go, a person blanks the drive: blkdiscard --force"
                f" {disk['path']}"
            )
        elif lost and volume["name"] not in new:
            lines.append(
                f"{where}: {len(lost)} of {len(found)} drives are blank ({serials(lost)}), but this host"
                " mounted the"
                f" file system {volume['uuid']} of them before: a stop erased them, or one has failed."
                " Its data is"
                " lost here. Nothing was changed. To start with an empty volume: pulumi config set"
                f" flashtier:acceptBlank {host}-{volume['name']}, pulumi up, and run the playbook again"
            )
        elif lost and kept and volume["nvme"].get("accept_blank"):
            lines.append(
                f"{where}: flashtier:acceptBlank = {host}-{volume['name']}, but drives {serials(kept)}"
                " still carry a"
                " part of it. Nothing was changed. A person blanks them: blkdiscard --force"
                f" {' '.join(disk['path'] for disk in kept)}"
            )
    return lines


def partitions(volumes: Iterable[Volume], look: Look, drives: Look) -> list[dict[str, str]]:
    """Partitions to make: of each the disk, and the script for sfdisk."""
    made = []
    for volume in in_the_host(volumes):
        kind = RAID if volume["nvme"]["count"] > 1 else LINUX
        for index, (disk, state) in enumerate(states(volume, look, drives)):
            if state == "blank":
                size = volume["nvme"]["partition_bytes"] // MIB
                name = f"uuid={partition_uuid(volume['uuid'], index)}, name={volume['name']}-{index}"
                line = f"start=1MiB, size={size}MiB, type={kind}, {name}"
                made.append({"disk": disk["path"], "script": f"label: gpt\n{line}\n"})
    return made


def arrays(volumes: Iterable[Volume], look: Look, drives: Look) -> list[list[str]]:
    """Commands of mdadm that make the arrays, or start those that are made."""
    wanted = []
    for volume in in_the_host(volumes):
        count = volume["nvme"]["count"]
        parts = [partition_device(volume["uuid"], index) for index in range(count)]
        name, identity = f"/dev/md/{volume['name']}", f"--uuid={array_uuid(volume['uuid'])}"
        if count == 1:
            continue
        if all(state == "member" for _, state in states(volume, look, drives)):
            wanted.append(["mdadm", "--assemble", name, identity, *parts])
        else:
            # --run: a create that was killed half way has left members of the same array.
            how = ["--run", "--level=0", "--metadata=1.2", "--homehost=any"]
            how.append(f"--name={volume['name']}")
            wanted.append(["mdadm", "--create", name, *how, identity, f"--raid-devices={count}", *parts])
    return wanted


def untuned(volumes: Iterable[Volume], look: Look, written: Mapping[str, Any], rules: str) -> list[str]:
    """Devices of the volumes whose scheduler or read-ahead is not as declared, all if the rules changed."""
    found: dict[str, None] = {}
    for volume in with_drives(volumes):
        nvme, there = volume["nvme"], number(look, volume["device"])
        of_it = {disk["path"]: disk for disk in disks(volume, look)}
        of_it |= {device["path"]: device for device, _ in devices(look) if text(device["maj:min"]) == there}
        for path, device in of_it.items():
            settled = (text(device["sched"]) or "none", int(device["ra"])) == (
                nvme["scheduler"],
                nvme["read_ahead_kib"],
            )
            if device["type"] != "part" and (not settled or rules in written.get("changes", {})):
                found[path] = None
    return list(found)


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "drive_problems": problems,
            "drive_commands": commands,
            "drive_refusals": refusals,
            "drive_partitions": partitions,
            "drive_arrays": arrays,
            "drive_untuned": untuned,
        }
