"""Files that others read at any moment: written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra.errors import FlashtierError


def write_whole(path: Path, text: str, mode: int) -> bool:
    """Put `text` at `path` with exactly `mode`; False if that is there already.

    A reader sees the old content or the new one. The directory is made if missing, for its owner only.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.read_text() == text and path.stat().st_mode & 0o7777 == mode:
            return False
    with _written_beside(path, text, mode) as fresh:
        fresh.replace(path)
    return True


def write_new(path: Path, text: str, mode: int) -> bool:
    """Like `write_whole`, but never in place of a file; False if there is one, made by whomever."""
    with _written_beside(path, text, mode) as fresh:
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            return False
    return True


@contextlib.contextmanager
def _written_beside(path: Path, text: str, mode: int) -> Iterator[Path]:
    """A file with that content in the directory of `path`, which is gone afterwards unless it was moved."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp opens with O_EXCL and 0600: no other process can have the new content open.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write does not say where
        raise
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def survives(path: Path, copy: Path) -> Iterator[None]:
    """Let a program that writes in place rewrite `path` inside the block: a copy stands in if it is cut off.

    Pulumi empties a stack's settings file before it writes it. If it is killed in between, or the disk is
    full, what a person has declared would be lost. The copy is removed when the block ends well.
    """
    bring_back(path, copy)
    if path.is_file():
        write_whole(copy, path.read_text(), 0o600)
    try:
        yield
    finally:
        bring_back(path, copy)


def bring_back(path: Path, copy: Path) -> None:
    """Put the copy that `survives` made in place of a file that was cut off."""
    if not copy.is_file():
        return
    if path.is_file() and not path.read_text().strip():
        write_whole(path, copy.read_text(), path.stat().st_mode & 0o7777)
    copy.unlink()


def refuse_readable(path: Path, what: str) -> None:
    """Raise `FlashtierError` if anyone but the owner may read or write a file that must be secret."""
    mode = path.stat().st_mode & 0o7777
    if mode & 0o077:
        raise FlashtierError(
            f"{path}: {what} has mode {mode:04o}, so others than its owner may read it; allowed is 0600. "
            f"If no one else can have read it, run `chmod 0600 {path}`"
        )
