"""Files that others read at any moment: written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from infra.errors import FlashtierError


def write_whole(path: Path, text: str, mode: int) -> bool:
    """Put `text` at `path` with exactly `mode`; False if that is there already.

    A reader sees the old content or the new one. The directory is made if missing, for its owner only.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.read_text() == text and path.stat().st_mode & 0o7777 == mode:
            return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp opens with O_EXCL and 0600: nobody else can have the new content open.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def refuse_readable(path: Path, what: str) -> None:
    """Raise `FlashtierError` if anyone but the owner may read or write a file that must be secret."""
    mode = path.stat().st_mode & 0o7777
    if mode & 0o077:
        raise FlashtierError(
            f"{path}: {what} has mode {mode:04o}, so others than its owner may read it; allowed is 0600. "
            f"If nobody else can have read it, run `chmod 0600 {path}`"
        )
