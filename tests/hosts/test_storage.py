"""Volumes and placements: identity on the medium, the declared mounts, and the data where it belongs.

A path or a device's name proves nothing. What counts: the UUID that the device carries, the number of the
device that is mounted, and the number of the device that a file lies on.
"""

from __future__ import annotations

from typing import Any

import pytest

from infra.contract import Contract, ContractHost, ContractVolume
from tests.hosts import database, exact
from tests.hosts.facts import Check
from tests.hosts.image import Image
from tests.hosts.promises import EBS, IN_THE_HOST
from tests.hosts.snapshot import Snapshot

#: A gp3-class device adds more than this to every read that no cache answers; a plain one does not (ms).
NETWORK_READ_MS = 1.0

_MIB = 1 << 20
#: What mdadm keeps of each drive for itself, at most: 128 MiB for later changes of shape, its superblock and
#: a bitmap, in whole MiB (super1.c, validate_geometry1). RAID 0 then rounds down to whole stripes.
ARRAY_OVERHEAD = 130 * _MIB

with_volumes = pytest.mark.where(lambda host: host.volumes)


@with_volumes
def test_devices(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    for volume in declared.volumes:
        key, device = f"host.{declared.name}.volume.{volume.name}", snapshot["devices"][volume.device]
        if "error" in device:
            check.fact(f"{key}.device", device["error"])
            continue
        check.fact(f"{key}.device", volume.device if device["block"] else "no block device")
        check.fact(f"{key}.uuid", device["uuid"], how=f"blkid {volume.device}")
        check.equal(f"{key}: file system", "xfs", device["type"], how=f"blkid {volume.device}")
        if volume.nvme and volume.nvme.partition_bytes:
            check_drives_size(key, volume, device["size_bytes"], check)
        else:
            check.fact(f"{key}.size_bytes", device["size_bytes"])
        if volume.nvme:
            check_model(key, volume, snapshot["drives"][volume.device], check)
            continue
        fastest = device["quickest_read_ms"]
        check.fact(
            f"{key}.volume_class",
            "network" if fastest > NETWORK_READ_MS else "flash",
            how=f"quickest uncached read takes {fastest:.2f} ms",
        )


def check_drives_size(key: str, volume: ContractVolume, size: int, check: Check) -> None:
    """Of drives in the host the contract declares partitions in bytes and the volume in whole GiB."""
    assert volume.nvme is not None
    assert volume.nvme.partition_bytes is not None
    count, part = volume.nvme.count, volume.nvme.partition_bytes
    least = count * part - (ARRAY_OVERHEAD * count if count > 1 else 0)
    check.true(f"{key}: {count} partitions of {part} bytes", least <= size <= count * part, found=size)
    # A partition is cut to whole MiB, the volume before that to whole GiB.
    whole = {(count * (part + cut)) >> 30 << 30 for cut in (0, _MIB)}
    fits = volume.size_bytes in whole and least <= size <= count * part
    check.fact(f"{key}.size_bytes", volume.size_bytes if fits else size, how="size of the device")


def check_model(key: str, volume: ContractVolume, found: Any, check: Check) -> None:
    """Drives in the host are a class of their own. Of EBS only AWS knows which: test_cloud.py asks it."""
    models = {drive["model"] for drive in found.get("drives", [])}
    if volume.volume_class == "instance-store" or models != {EBS}:
        shown = "instance-store" if models == {IN_THE_HOST} else sorted(map(str, models))
        check.fact(f"{key}.volume_class", shown, how="model of the drives")


@pytest.mark.where(lambda host: any(volume.nvme for volume in host.volumes))
def test_drives(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """Which NVMe drives lie under a volume, and how the kernel reads them."""
    for volume in declared.volumes:
        if volume.nvme is None:
            continue
        key, found = f"host.{declared.name}.volume.{volume.name}.nvme", snapshot["drives"][volume.device]
        under = found.get("drives", [])
        check.fact(f"{key}.count", len(under), how=f"what lies under {volume.device}")
        for field, wanted in (
            ("model", volume.nvme.model),
            ("scheduler", volume.nvme.scheduler),
            ("partition_bytes", volume.nvme.partition_bytes),
            ("read_ahead_kib", volume.nvme.read_ahead_kib),
        ):
            values = {drive[field] for drive in under}
            if field == "read_ahead_kib":
                values.add(found.get(field))
            shown = wanted if values == {wanted} else sorted(map(str, values))
            if wanted is None:  # a whole drive
                check.equal(f"{key}.{field}", None, shown)
            else:
                check.fact(f"{key}.{field}", shown)
        if volume.nvme.serials:
            check.fact(f"{key}.serials", sorted(drive["serial"] for drive in under))
        check.fact(f"{key}.accept_blank", False, how="an acceptance is for one loss: config rm")


@with_volumes
def test_volumes_are_mounted_as_declared(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    for volume in declared.volumes:
        key, mount = f"host.{declared.name}.volume.{volume.name}", snapshot["mounts"].get(volume.mount_point)
        check.fact(f"{key}.mount_point", volume.mount_point if mount else None, how="/proc/self/mountinfo")
        if mount is None:
            continue
        check.equal(f"{key}: mounted file system", "xfs", mount["type"])
        check.equal(
            f"{key}: mounted device", snapshot["devices"][volume.device].get("number"), mount["number"]
        )
        check.equal(f"{key}: mounted part", "/", mount["root"])
        check_options(key, volume.mount_options, mount["options"], check)
        check.equal(f"{key}: file system is writable", True, "rw" in mount["file_system_options"])


def check_options(key: str, declared: tuple[str, ...], mounted: list[str], check: Check) -> None:
    """`mounted` holds the declared options and `rw`, and no other."""
    check.fact(f"{key}.mount_options", [option for option in declared if option in mounted])
    check.equal(f"{key}: mounted with further options", [], sorted(set(mounted) - {*declared, "rw"}))


@pytest.mark.where(lambda host: host.placements)
def test_placements(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    volumes = {volume.name: volume for volume in declared.volumes}
    numbers = {name: snapshot["devices"][volume.device].get("number") for name, volume in volumes.items()}
    for placed in declared.placements:
        key, mount = f"host.{declared.name}.placement.{placed.purpose}", snapshot["mounts"].get(placed.path)
        check.fact(f"{key}.path", placed.path if mount else None, how="/proc/self/mountinfo")
        if mount is None:
            continue
        volume = volumes[placed.volume]
        on = [name for name, number in numbers.items() if number == mount["number"]]
        check.fact(f"{key}.volume", on[0] if on else None, how=f"device {mount['number']} at {placed.path}")
        check.fact(f"{key}.source", volume.mount_point + mount["root"], how=f"what is bound at {placed.path}")
        # By its name a role knows the data of one kind, on whichever volume it is.
        check.equal(f"{key}: folder bound at {placed.path}", placed.purpose, mount["root"].rpartition("/")[2])
        for option in volume.mount_options:
            check.true(f"{key}: mounted with {option}", option in mount["options"], found=mount["options"])
        path = snapshot["paths"][placed.path]
        check.equal(f"{key}: st_dev", numbers[placed.volume], path["number"])
        for field in ("owner", "group", "mode"):
            check.fact(f"{key}.{field}", path[field], how=f"stat {placed.path}")


@with_volumes
def test_an_unmounted_mount_point_takes_no_data(
    declared: ContractHost, snapshot: Snapshot, check: Check
) -> None:
    """Checked beneath what is mounted: no account may write there, root included, and nothing is in it."""
    for path, found in snapshot["beneath"].items():
        name = f"{declared.name}: {path} under its mount"
        check.equal(name, "0 root:root directory", found["stat"])
        check.true(f"{name} is immutable", "i" in found["attributes"], found=found["attributes"])
        # Empty folders of packages may be there: no program reaches them.
        check.equal(f"{name}: files", 0, found["files"])


@with_volumes
def test_volumes_hold_what_is_placed_on_them(
    declared: ContractHost, snapshot: Snapshot, check: Check
) -> None:
    """A folder that is not declared takes room. What a move left is a person's to remove."""
    purposes = {one.purpose: one.volume for one in declared.placements}
    for volume in declared.volumes:
        placed = sorted(
            [
                *(one.source.rpartition("/")[2] for one in declared.placements if one.volume == volume.name),
                *(
                    path.rpartition("/")[2]
                    for path in database.markers(declared)
                    if path.startswith(f"{volume.mount_point}/")
                ),
                *([".flashtier-probe"] if "probe" in declared.components else []),
            ]
        )
        found = snapshot["paths"][volume.mount_point]
        left = [f"{purpose}.before-move" for purpose, where in purposes.items() if where != volume.name]
        entries = found and [name for name in found["entries"] if name not in left]
        check.equal(f"{declared.name}: {volume.mount_point} holds", placed, entries)


def test_nothing_else_is_mounted(
    declared: ContractHost, snapshot: Snapshot, image: Image, check: Check
) -> None:
    """A mount over a path hides what is declared there, whatever the files beneath say."""
    found = exact.foreign_mounts(declared, list(snapshot["mounts"]))
    brought = image.completed("mounts", declared.name, (), lambda snapshot: other_places(declared, snapshot))
    check.equal(
        f"{declared.name}: mounts that are not declared", [], [at for at in found if at not in brought]
    )


def other_places(declared: ContractHost, snapshot: Snapshot) -> list[str]:
    return exact.foreign_mounts(declared, list(snapshot["mounts"]))


def test_no_volume_is_at_another_place(
    contract: Contract, snapshots: dict[str, Snapshot], check: Check
) -> None:
    """Each declared file system is mounted on its own host, and on no other."""
    declared = {
        volume.uuid: f"{host.name}:{volume.name}" for host in contract.hosts for volume in host.volumes
    }
    names = {(host.name, v.device): f"{host.name}:{v.name}" for host in contract.hosts for v in host.volumes}
    for name, snapshot in snapshots.items():
        for path, device in snapshot["devices"].items():
            at, carries = names[name, path], declared.get(device.get("uuid"), "no volume of this stack")
            check.equal(f"{name}: {path} carries the volume", at, carries)
