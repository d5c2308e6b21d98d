"""The durable write: which volume it goes to, and what its errors say of the device."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from probing import block
from probing.block import SIZE, Block
from probing.config import Volume

#: tmpfs of some machines refuses direct writes; what is tested here needs none.
PLAIN = block.HOW & ~os.O_DIRECT


class Lab:
    """Two volumes and PGDATA, whose file systems' numbers are what the test says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.numbers: dict[Path, int] = {}
        self.root, self.data = folder, folder / "data"
        self.volumes = tuple(
            self._volume(name, number) for number, name in enumerate(("flash", "network"), 2)
        )
        self.data.mkdir()
        self.numbers |= {self.root: 1, self.data: 2}
        stat = Path.stat

        def numbered(path: Path, **options: Any) -> Any:
            found = stat(path, **options)
            return os.stat_result([*found[:2], self.numbers.get(path, 1), *found[3:]])

        monkeypatch.setattr(Path, "stat", numbered)
        monkeypatch.setattr(block, "HOW", PLAIN)

    def _volume(self, name: str, number: int) -> Volume:
        mount_point = self.root / name
        (mount_point / "own").mkdir(parents=True)
        self.numbers[mount_point] = number
        return Volume(name, mount_point, mount_point / "own", 2.5)

    def block(self, other: Block | None = None) -> Block:
        return Block(self.data, self.volumes, other, self.root)

    def written(self, name: str) -> bytes:
        return (self.root / name / "own/block").read_bytes()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(tmp_path, monkeypatch)


def test_the_block_is_overwritten_in_place_and_differs_each_time(lab: Lab) -> None:
    probe = lab.block()
    assert probe().kind == "fine"
    first, number = lab.written("flash"), (lab.root / "flash/own/block").stat().st_ino
    assert probe().kind == "fine"
    assert lab.written("flash") != first
    assert (len(first), (lab.root / "flash/own/block").stat().st_ino) == (SIZE, number)


def test_a_write_goes_past_the_cache_and_is_back_when_the_medium_has_it() -> None:
    assert block.HOW & os.O_DIRECT
    assert block.HOW & os.O_DSYNC == os.O_DSYNC


def test_a_move_is_followed(lab: Lab) -> None:
    probe = lab.block()
    probe()
    lab.numbers[lab.data] = 3
    before = lab.written("flash")
    assert probe().kind == "fine"
    assert probe.volume is lab.volumes[1]
    assert lab.written("network")
    assert lab.written("flash") == before


def test_one_write_is_enough_for_two_parts_on_one_volume(lab: Lab) -> None:
    data = lab.block()
    wal = lab.block(data)
    assert (data().kind, wal().kind) == ("fine", "same")
    lab.numbers[lab.data] = 3
    assert wal().kind == "fine"


def test_nothing_is_left_open(lab: Lab) -> None:
    probe = lab.block()
    probe()
    assert not [
        one for one in Path("/proc/self/fd").iterdir() if one.exists() and lab.root in one.resolve().parents
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": 1}, "is on none of its volumes"),
        # Its volume is not mounted: both are the root disk.
        ({"data": 1, "flash": 1}, "is on none of its volumes"),
        ({"data": 9}, "is on none of its volumes"),
    ],
)
def test_data_on_no_volume_is_absent_and_nothing_is_written(
    lab: Lab, change: dict[str, int], says: str
) -> None:
    for name, number in change.items():
        lab.numbers[lab.root / name] = number
    outcome = lab.block()()
    assert outcome.kind == "absent"
    assert says in outcome.why
    assert not list(lab.root.rglob("block"))


def test_a_member_without_data_is_absent(lab: Lab) -> None:
    lab.data.rmdir()
    assert lab.block()().kind == "absent"


def test_a_folder_that_is_not_there_proves_nothing_about_the_device(lab: Lab) -> None:
    (lab.root / "flash/own").rmdir()
    outcome = lab.block()()
    assert outcome.kind == "unknown"
    assert outcome.why.endswith("is missing; run the role probe")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EIO, "error"),
        (errno.EROFS, "error"),
        (errno.ESHUTDOWN, "error"),
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.EACCES, "unknown"),
        (errno.EMFILE, "unknown"),
        (errno.ENOMEM, "unknown"),
    ],
)
@pytest.mark.parametrize("call", ["open", "pwrite"])
def test_an_error_is_the_devices_or_says_nothing_of_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: str
) -> None:
    def fails(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(block.os, call, fails)
    outcome = lab.block()()
    assert outcome.kind == kind
    assert os.strerror(number) in outcome.why
