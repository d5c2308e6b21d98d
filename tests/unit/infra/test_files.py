"""Files written whole or not at all, and modes that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.errors import FlashtierError
from infra.files import refuse_readable, survives, write_new, write_whole


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("wanted", [0o600, 0o644])
def test_content_and_mode_are_exact_whatever_the_umask(tmp_path: Path, wanted: int) -> None:
    path = tmp_path / "new" / "file"
    for umask in (0o000, 0o077):
        previous = os.umask(umask)
        try:
            path.unlink(missing_ok=True)
            assert write_whole(path, "content\n", wanted)
        finally:
            os.umask(previous)
        assert path.read_text() == "content\n"
        assert mode(path) == wanted


def test_a_new_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    write_whole(tmp_path / "ssh" / "key", "x", 0o600)
    assert mode(tmp_path / "ssh") == 0o700


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, "same", 0o644)
    before = path.stat().st_ino
    assert not write_whole(path, "same", 0o644)
    assert path.stat().st_ino == before
    assert write_whole(path, "same", 0o600)
    assert mode(path) == 0o600
    assert write_whole(path, "other", 0o600)
    assert path.read_text() == "other"


def test_a_failure_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, "old", 0o600)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new", 0o600)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_takes_no_other_place(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    assert write_new(path, "first", 0o600)
    assert not write_new(path, "second", 0o600)
    assert path.read_text() == "first"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def killed_inside(path: Path, copy: Path, left: str) -> None:
    """What is on the disk if the process ends while the program has only begun to write."""
    inside = survives(path, copy)
    inside.__enter__()
    path.write_text(left)
    # Neither __exit__ nor the generator's own end, which would run the `finally`.
    ABANDONED.append(inside)


ABANDONED: list[object] = []


def test_a_settings_file_that_a_kill_cut_off_comes_back(tmp_path: Path) -> None:
    path, copy = tmp_path / "settings", tmp_path / "state" / "copy"
    path.write_text("declared: by a person\n")
    path.chmod(0o644)
    killed_inside(path, copy, "")
    with survives(path, copy):
        assert path.read_text() == "declared: by a person\n"
        path.write_text("declared: by a person\nsecret: x\n")
    assert path.read_text() == "declared: by a person\nsecret: x\n"
    assert mode(path) == 0o644
    assert not copy.exists()


def test_what_was_written_whole_or_by_a_person_since_stays(tmp_path: Path) -> None:
    path, copy = tmp_path / "settings", tmp_path / "copy"
    path.write_text("old")
    killed_inside(path, copy, "edited since")
    with survives(path, copy):
        pass
    assert path.read_text() == "edited since"
    assert not copy.exists()


def test_a_full_disk_does_not_empty_the_settings(tmp_path: Path) -> None:
    path, copy = tmp_path / "settings", tmp_path / "copy"
    path.write_text("old")

    def fail() -> None:
        with survives(path, copy):
            path.write_text("")
            raise FlashtierError("No space left on device")

    with pytest.raises(FlashtierError, match="No space"):
        fail()
    assert path.read_text() == "old"


@pytest.mark.parametrize("bad", [0o644, 0o640, 0o602, 0o610])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, bad: int) -> None:
    path = tmp_path / "passphrase"
    path.write_text("secret value")
    path.chmod(bad)
    with pytest.raises(
        FlashtierError, match=rf"the passphrase has mode {bad:04o}.*chmod 0600 {path}"
    ) as caught:
        refuse_readable(path, "the passphrase")
    assert "secret value" not in str(caught.value)
    path.chmod(0o600)
    refuse_readable(path, "the passphrase")
