"""Files written whole or not at all, and modes that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.errors import FlashtierError
from infra.files import refuse_readable, write_whole


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
