"""Decisions of the role storage about NVMe drives: which they are, what is refused, what is made of them."""

from __future__ import annotations

import os
import uuid
from typing import Any

import pytest

from tests.support.filters import filters, one, said

DRIVES = filters("storage_drives")
STORAGE = filters("storage")
STORE, EBS = "Amazon EC2 NVMe Instance Storage", "Amazon Elastic Block Store"
IDENTITY = "11111111-2222-5333-8444-555555555555"
PART_BYTES = 900 << 20
PARTS = [str(uuid.uuid5(uuid.UUID(IDENTITY), f"drive-{index}")) for index in range(4)]
UNIT = "/etc/systemd/system/vol-flash.mount"


def volume(count: int = 2, **nvme: Any) -> dict[str, Any]:
    """A volume on `count` drives in the host."""
    array = f"/dev/disk/by-id/md-uuid-{DRIVES_ARRAY}"
    return {
        "name": "flash",
        "device": array if count > 1 else f"/dev/disk/by-partuuid/{PARTS[0]}",
        "uuid": IDENTITY,
        "mount_point": "/vol/flash",
        "mount_options": ["noatime"],
        "nvme": {
            "model": STORE,
            "serials": [],
            "count": count,
            "partition_bytes": PART_BYTES,
            "scheduler": "none",
            "read_ahead_kib": 128,
            "accept_blank": False,
            **nvme,
        },
    }


DRIVES_ARRAY = "11111111:22225333:84445555:55555555"
EBS_VOLUME: dict[str, Any] = volume(1, model=EBS, serials=["vol0abc"], partition_bytes=None) | {
    "name": "log",
    "device": "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0abc",
}


def disk(index: int, model: str = STORE, serial: str = "", **more: Any) -> dict[str, Any]:
    """A disk as lsblk tells of it; serials run against the names, as they may."""
    return {
        "path": f"/dev/nvme{index}n1",
        "type": "disk",
        "model": model,
        "serial": serial or f"AWS{9 - index}",
        "size": 1 << 30,
        "maj:min": f"259:{index}",
        "sched": "none",
        "ra": 128,
        "partuuid": None,
        **more,
    }


def made(index: int, which: int, array: bool = True) -> dict[str, Any]:
    """Drive `index` with the volume's partition `which`, and the array on it."""
    above = {"path": "/dev/md127", "type": "raid0", "maj:min": "9:127", "sched": None, "ra": 128}
    inner = {"path": f"/dev/nvme{index}n1p1", "type": "part", "maj:min": f"259:{10 + index}", "sched": "none"}
    inner |= {"ra": 128, "partuuid": PARTS[which], "children": [above] if array else []}
    return disk(index, children=[inner])


def look(
    volume: dict[str, Any], *disks: dict[str, Any], device: str = "", mounted: bool = False
) -> dict[str, Any]:
    """What host_look tells; `device` is the number of the volume's device, empty where there is none."""
    there: dict[str, Any] = {"exists": False}
    if device:
        number = os.makedev(*map(int, device.split(":")))
        there = {
            "exists": True,
            "type": "link",
            "leads_to": {"exists": True, "type": "block", "rdev": number},
        }
    xfs = {"signatures": [{"type": "xfs", "uuid": IDENTITY}]}
    return {
        "paths": {volume["device"]: there, UNIT: {"exists": mounted}, "/vol/flash": {"exists": False}},
        "commands": {
            "drives": said({"blockdevices": list(disks)}),
            f"signatures {volume['name']}": said(xfs) if device else said("", "no such file", 1),
            "mounts": said({"filesystems": []}),
        },
    }


def drives_look(volume: dict[str, Any], seen: dict[str, Any], **carried: Any) -> dict[str, Any]:
    """What host_look tells of the drives: blank, but for `carried` by the name of the drive."""
    asked = DRIVES["drive_commands"]([volume], seen)
    answers: dict[str, Any] = {}
    for key in asked:
        kind, _, path = key.partition(" ")
        disk, inner, zeros = carried.get(path.rpartition("/")[2], ([], None, 0))
        if kind == "disk":
            answers[key] = said({"signatures": [{"type": name} for name in disk]})
        elif kind == "zeros":
            answers[key] = said("", code=zeros)
        else:
            answers[key] = said("", "no such file", 1) if inner is None else said({"signatures": inner})
    return {"commands": answers}


GPT = ["gpt", "gpt", "PMBR"]
MEMBER = [{"type": "linux_raid_member", "uuid": IDENTITY}]


def refused(
    volume: dict[str, Any], seen: dict[str, Any], answers: dict[str, Any], new: bool = True
) -> list[str]:
    lines: list[str] = DRIVES["drive_refusals"]([volume], seen, answers, ["flash"] if new else [], "db1")
    return lines


@pytest.mark.parametrize("count", [1, 2, 4])
def test_new_drives_are_partitioned_in_the_order_of_their_serials(count: int) -> None:
    wanted, disks = volume(count), [disk(index) for index in range(count)]
    seen = look(wanted, disk(7, EBS, "vol0root"), *disks)
    answers = drives_look(wanted, seen)
    assert STORAGE["storage_unmade"]([wanted], seen) == [wanted]
    assert STORAGE["storage_problems"]([wanted], seen, "db1") == []
    assert STORAGE["storage_blank"]([wanted], seen) == []
    assert DRIVES["drive_problems"]([wanted], seen, "db1") == []
    assert refused(wanted, seen, answers) == []
    made = DRIVES["drive_partitions"]([wanted], seen, answers)
    assert [one["disk"] for one in made] == [f"/dev/nvme{index}n1" for index in reversed(range(count))]
    for one_, identity in zip(made, PARTS, strict=False):
        assert f"uuid={identity}" in one_["script"]
        assert "size=900MiB" in one_["script"]
    arrays = DRIVES["drive_arrays"]([wanted], seen, answers)
    assert len(arrays) == (count > 1)
    for command in arrays:
        assert command[:3] == ["mdadm", "--create", "/dev/md/flash"]
        assert {f"--uuid={DRIVES_ARRAY}", "--level=0", f"--raid-devices={count}"} <= set(command)
        assert command[-count:] == [f"/dev/disk/by-partuuid/{part}" for part in PARTS[:count]]


@pytest.mark.parametrize(
    ("disks", "part"),
    [
        ([disk(0)], "has 1 drives"),
        ([disk(0), disk(1), disk(2)], "has 3 drives"),
        ([disk(0), disk(1, "Some Other Drive")], "has 1 drives"),
        ([disk(0), disk(1, EBS, "vol0free")], "has 1 drives"),
        ([disk(0), disk(1, size=PART_BYTES)], "declared is a partition of"),
    ],
)
def test_another_number_model_or_size_is_refused(disks: list[dict[str, Any]], part: str) -> None:
    wanted = volume()
    one(
        DRIVES["drive_problems"]([wanted], look(wanted, *disks), "db1"),
        "db1: volume flash",
        part,
        "pulumi up",
    )


@pytest.mark.parametrize(
    "carried",
    [
        (["ext4"], None, 1),
        ([], None, 1),
        (["dos"], None, 1),
        (GPT, None, 1),
        (["linux_raid_member"], None, 1),
    ],
)
def test_a_drive_with_anything_on_it_is_refused(carried: Any) -> None:
    wanted = volume()
    seen = look(wanted, disk(0), disk(1))
    said_ = refused(wanted, seen, drives_look(wanted, seen, nvme1n1=carried))
    one(said_, "db1: volume flash", "AWS8", "/dev/nvme1n1", "Nothing was changed", "blkdiscard")


def test_a_run_that_was_killed_half_way_goes_on() -> None:
    wanted = volume()
    seen = look(wanted, disk(0), made(1, 0, array=False))
    answers = drives_look(wanted, seen, nvme1n1=(GPT, [], 1))
    assert refused(wanted, seen, answers) == []
    assert [one["disk"] for one in DRIVES["drive_partitions"]([wanted], seen, answers)] == ["/dev/nvme0n1"]
    assert DRIVES["drive_arrays"]([wanted], seen, answers)[0][1] == "--create"


def test_an_array_that_is_there_is_started_and_not_made() -> None:
    wanted = volume()
    seen = look(wanted, made(0, 1, array=False), made(1, 0, array=False), mounted=True)
    answers = drives_look(wanted, seen, nvme0n1=(GPT, MEMBER, 1), nvme1n1=(GPT, MEMBER, 1))
    assert refused(wanted, seen, answers, new=False) == []
    assert DRIVES["drive_partitions"]([wanted], seen, answers) == []
    assert DRIVES["drive_arrays"]([wanted], seen, answers)[0][1] == "--assemble"


def test_blank_drives_of_a_volume_that_was_mounted_before_are_refused() -> None:
    wanted = volume()
    seen = look(wanted, disk(0), disk(1), mounted=True)
    assert STORAGE["storage_new"]([wanted], seen) == []
    lines = refused(wanted, seen, drives_look(wanted, seen), new=False)
    one(lines, "2 of 2 drives are blank", "a stop erased them", "flashtier:acceptBlank db1-flash")


def test_an_accepted_loss_is_made_again_once() -> None:
    wanted = volume(accept_blank=True)
    seen = look(wanted, disk(0), disk(1), mounted=True)
    assert STORAGE["storage_new"]([wanted], seen) == ["flash"]
    assert refused(wanted, seen, drives_look(wanted, seen)) == []
    still = look(wanted, made(0, 1), made(1, 0), device="9:127", mounted=True)
    one(
        DRIVES["drive_problems"]([wanted], still, "db1"), "nothing is lost", "config rm flashtier:acceptBlank"
    )


def test_an_accepted_loss_leaves_what_is_left_of_the_array_alone() -> None:
    wanted = volume(accept_blank=True)
    seen = look(wanted, disk(0), made(1, 0, array=False), mounted=True)
    answers = drives_look(wanted, seen, nvme1n1=(GPT, MEMBER, 1))
    one(refused(wanted, seen, answers), "drives AWS8 still carry a part of it", "blkdiscard")


def test_what_is_as_declared_leaves_nothing_to_do() -> None:
    wanted = volume()
    seen = look(wanted, made(0, 1), made(1, 0), device="9:127", mounted=True)
    assert DRIVES["drive_problems"]([wanted], seen, "db1") == []
    assert STORAGE["storage_unmade"]([wanted], seen) == []
    assert STORAGE["storage_problems"]([wanted], seen, "db1") == []
    assert DRIVES["drive_untuned"]([wanted], seen, {}, "/rules") == []


def test_a_device_on_another_drive_is_refused() -> None:
    wanted = volume()
    seen = look(wanted, made(0, 1), made(1, 0, array=False), device="9:127")
    one(DRIVES["drive_problems"]([wanted], seen, "db1"), "lies on drives AWS9", "AWS8, AWS9")


def test_an_ebs_volume_is_known_by_model_and_serial() -> None:
    attached = disk(3, EBS, "vol0abc")
    seen = look(EBS_VOLUME, disk(0), attached, disk(4, EBS, "vol0other"), device="259:3")
    assert DRIVES["drive_problems"]([EBS_VOLUME], seen, "db1") == []
    assert STORAGE["storage_unmade"]([EBS_VOLUME], look(EBS_VOLUME, attached)) == []
    elsewhere = look(EBS_VOLUME, attached, disk(4, EBS, "vol0other"), device="259:4")
    one(DRIVES["drive_problems"]([EBS_VOLUME], elsewhere, "db1"), "lies on drives vol0other", "vol0abc")
    gone = look(EBS_VOLUME, disk(4, EBS, "vol0other"))
    one(DRIVES["drive_problems"]([EBS_VOLUME], gone, "db1"), "has 0 drives", "with serial vol0abc")


def test_scheduler_and_read_ahead_that_differ_are_set_and_so_are_all_when_the_rules_change() -> None:
    wanted, slow = volume(), made(1, 0)
    slow["sched"] = "mq-deadline"
    slow["children"][0]["children"][0]["ra"] = 2048
    seen = look(wanted, made(0, 1), slow, device="9:127")
    assert DRIVES["drive_untuned"]([wanted], seen, {}, "/rules") == ["/dev/nvme1n1", "/dev/md127"]
    changed = {"changes": {"/rules": "content"}}
    everything = {"/dev/nvme0n1", "/dev/nvme1n1", "/dev/md127"}
    assert set(DRIVES["drive_untuned"]([wanted], seen, changed, "/rules")) == everything


def test_a_host_without_nvme_is_asked_nothing_more() -> None:
    plain = volume() | {"nvme": None}
    asked = STORAGE["storage_commands"]([plain])
    assert "drives" not in asked
    assert DRIVES["drive_problems"]([plain], {"commands": {}}, "db1") == []
    assert DRIVES["drive_untuned"]([plain], {"commands": {}}, {}, "/rules") == []
    columns = STORAGE["storage_commands"]([volume()])["drives"][-1]
    assert columns.startswith("NAME,"), "without it lsblk makes no tree"
