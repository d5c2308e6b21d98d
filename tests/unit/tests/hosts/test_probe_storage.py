"""What the probe of tests/hosts reads of drives, on a tree made after sysfs of a host on EC2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hosts.probe import storage

STORE, EBS = "Amazon EC2 NVMe Instance Storage", "Amazon Elastic Block Store"


class Sysfs:
    """Block devices below `root`/sys, by the numbers that /sys/dev/block has them under."""

    def __init__(self, root: Path) -> None:
        self._sys = root / "sys"
        (self._sys / "dev/block").mkdir(parents=True)

    def _device(self, path: str, number: str, **files: str) -> Path:
        folder = self._sys / "devices" / path
        for name, text in files.items():
            file = folder / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")
        (self._sys / "dev/block" / number).symlink_to(folder)
        return folder

    def nvme(self, index: int, model: str, serial: str, scheduler: str = "[none] mq-deadline") -> Path:
        at = f"pci0000:00/0000:00:1{index}.0/nvme/nvme{index}"
        disk = self._device(
            f"{at}/nvme{index}n1",
            f"259:{index}",
            queue__scheduler=scheduler,
            queue__read_ahead_kb="128",
        )
        (disk / "device").symlink_to(disk.parent)
        (disk / "slaves").mkdir()
        # The controller's names are padded, as the NVMe specification has them.
        (disk.parent / "model").write_text(f"{model:40}\n")
        (disk.parent / "serial").write_text(f"{serial:20}\n")
        return disk

    def partition(self, disk: Path, number: str, sectors: int) -> Path:
        name = f"{disk.relative_to(self._sys / 'devices')}/{disk.name}p1"
        return self._device(name, number, partition="1", size=str(sectors))

    def array(self, number: str, *members: Path, read_ahead: int) -> None:
        array = self._device("virtual/block/md127", number, queue__read_ahead_kb=str(read_ahead))
        (array / "slaves").mkdir()
        for member in members:
            (array / "slaves" / member.name).symlink_to(member)


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sysfs:
    made = Sysfs(tmp_path)

    def path(*parts: str) -> Path:
        first, *rest = parts
        return Path(f"{tmp_path}{first}" if first.startswith("/sys") else first, *rest)

    monkeypatch.setattr(storage, "Path", path)
    # A device is a file here that is named by its numbers.
    monkeypatch.setattr(storage, "numbers", lambda number: f"{number >> 8}:{number & 255}")
    return made


def asked(monkeypatch: pytest.MonkeyPatch, **devices: str) -> Any:
    """What `drives` says of devices by the names of their files, with the numbers that they have."""

    class Device(type(Path())):  # type: ignore[misc]
        def stat(self, **_: Any) -> Any:
            major, minor = map(int, devices[self.name].split(":"))
            return type("Status", (), {"st_rdev": major << 8 | minor})

    real = storage.Path
    monkeypatch.setattr(
        storage, "Path", lambda *parts: Device(*parts) if parts[0].startswith("/dev/") else real(*parts)
    )
    return storage.drives({"devices": [f"/dev/{name}" for name in devices]})


def test_an_array_over_drives_in_the_host(sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        sysfs.partition(sysfs.nvme(index, STORE, f"AWS{index}"), f"259:{10 + index}", 2048)
        for index in (1, 2)
    ]
    sysfs.array("9:127", *parts, read_ahead=2048)
    found = asked(monkeypatch, array="9:127")["/dev/array"]
    assert found["read_ahead_kib"] == 2048
    assert [drive["serial"] for drive in found["drives"]] == ["AWS1", "AWS2"]
    assert {drive["model"] for drive in found["drives"]} == {STORE}
    assert {drive["partition_bytes"] for drive in found["drives"]} == {1 << 20}
    assert {(drive["scheduler"], drive["read_ahead_kib"]) for drive in found["drives"]} == {("none", 128)}


def test_one_drive_with_a_partition_and_a_volume_of_ebs(
    sysfs: Sysfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysfs.partition(sysfs.nvme(1, STORE, "AWS1"), "259:11", 4096)
    sysfs.nvme(2, EBS, "vol0123", scheduler="none [mq-deadline]")
    found = asked(monkeypatch, part="259:11", ebs="259:2")
    [drive] = found["/dev/part"]["drives"]
    assert (drive["serial"], drive["partition_bytes"], found["/dev/part"]["read_ahead_kib"]) == (
        "AWS1",
        2 << 20,
        128,
    )
    [volume] = found["/dev/ebs"]["drives"]
    assert (volume["model"], volume["serial"]) == (EBS, "vol0123")
    assert (volume["scheduler"], volume["partition_bytes"]) == ("mq-deadline", None)
