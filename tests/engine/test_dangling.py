"""Orphans are removed before a run, and nothing that is in use."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import loops, names, processes
from infra.local.dangling import clear
from infra.local.throttled import Throttled
from tests.engine.stacks import BASE

STACK = "engd"
SIZE = 64 << 20


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Directories of a stack that was never brought up. All of it is removed."""
    monkeypatch.setenv("FLASHTIER_STATE", str(BASE / STACK / "state"))
    for directory in (names.volume_directory(STACK), names.link_directory(STACK)):
        directory.mkdir(parents=True)
    yield STACK
    for device, backing in loops.bound().items():
        if backing.is_relative_to(BASE / STACK):
            loops.detach(device)
    for directory in (BASE / STACK, names.link_directory(STACK), names.runtime_directory(STACK)):
        shutil.rmtree(directory, ignore_errors=True)


def volume(stack: str, name: str) -> Path:
    file = names.volume_directory(stack) / f"db1-{name}.img"
    file.touch()
    os.truncate(file, SIZE)
    return file


def again(file: Path) -> Path:
    """Another loop device over the file."""
    done = subprocess.run(
        ["losetup", "--find", "--show", file], capture_output=True, text=True, timeout=10, check=True
    )
    return Path(done.stdout.strip())


def test_a_second_device_of_a_file_is_removed_and_the_linked_one_stays(stack: str) -> None:
    file = volume(stack, "flash")
    rival, linked = again(file), again(file)
    names.volume_link(stack, "db1", "flash").symlink_to(linked)
    (line,) = clear(stack)
    assert line == f"{rival} ({file}), which carries the same file as {linked}"
    assert loops.backing_path(rival) is None
    assert loops.backing_path(linked) == file
    assert list(clear(stack)) == []


def test_of_two_without_a_link_one_stays(stack: str) -> None:
    file = volume(stack, "flash")
    both = {again(file), again(file)}
    assert len(list(clear(stack))) == 1
    assert len([device for device in both if loops.backing_path(device)]) == 1


def test_a_device_of_a_deleted_file_is_removed(stack: str) -> None:
    gone, replaced = volume(stack, "flash"), volume(stack, "log")
    devices = {again(gone), again(replaced)}
    gone.unlink()
    replaced.unlink()
    volume(stack, "log")
    assert len(list(clear(stack))) == 2
    assert [device for device in devices if loops.backing_path(device)] == []


def test_what_is_mounted_stays(stack: str, tmp_path: Path) -> None:
    file = volume(stack, "flash")
    used = again(file)
    subprocess.run(["mkfs.ext4", "-q", used], check=True, timeout=30)
    subprocess.run(["mount", used, tmp_path], check=True, timeout=10)
    try:
        file.unlink()
        assert list(clear(stack)) == []
        assert loops.backing_path(used) is not None
    finally:
        subprocess.run(["umount", tmp_path], check=True, timeout=10)
        loops.detach(used)


def test_servers_of_a_missing_volume_are_ended(stack: str) -> None:
    file = volume(stack, "network")
    directory = names.runtime_directory(stack) / "throttled/db1-network"
    throttled = Throttled(directory, file)
    throttled.start()
    device = loops.bind(throttled.device_file, size_limit=SIZE).path
    names.volume_link(stack, "db1", "network").symlink_to(device)
    assert list(clear(stack)) == []
    file.unlink()
    assert list(clear(stack)) == [], "its link exists: the volume's file was lost, and a person must decide"
    names.volume_link(stack, "db1", "network").unlink()
    assert len(list(clear(stack))) == 1
    assert not processes.serving(directory)
    assert not directory.exists()
    assert loops.backing_path(device) is None


def test_an_unfinished_link_is_removed(stack: str) -> None:
    fresh = names.link_directory(stack) / ".db1-flash.new"
    fresh.symlink_to("/dev/loop0")
    assert list(clear(stack)) == [f"the unfinished link {fresh}"]
    assert not fresh.is_symlink()


def test_another_stack_is_left_alone(stack: str) -> None:
    file = volume(stack, "flash")
    devices = {again(file), again(file)}
    assert list(clear("engdx")) == []
    assert all(loops.backing_path(device) for device in devices)
