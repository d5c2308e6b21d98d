"""Which volume a path shows, and the swap to another. A run that ended at any step is gone on from."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from moving.errors import MoveError, run
from moving.plan import BEFORE, KEPT, Part, Plan, Side

#: Seconds in which what holds a file open lets go of it.
BUSY = 10
#: Seconds between two tries to unmount.
AGAIN = 0.1
WHAT = re.compile(r"^What=(.+)$", re.MULTILINE)


def shown(part: Part) -> Side | None:
    """The side that the part's mount unit names, which is what a boot mounts. None: another directory."""
    try:
        found = WHAT.search(part.unit_file.read_text())
    except FileNotFoundError:
        return None
    named = Path(found[1]) if found else None
    return part.origin if named == part.source else part.target if named == part.goal else None


def settle(part: Part) -> None:
    """Undo or finish a swap that was interrupted: what is not in use gets the name of what is not.

    Raises `MoveError` where the unit names neither side.
    """
    side = shown(part)
    if side is None:
        raise MoveError(
            f"{part.unit_file} names neither {part.source} nor {part.goal}: it was changed by hand; "
            "run ansible/site.yml, which says what is where"
        )
    if side is part.origin:
        if _holds_something(part.goal):
            _rename(part.goal, part.coming)
        elif not part.coming.exists() and _holds_something(part.earlier):
            # What an earlier move left is most of a copy.
            _rename(part.earlier, part.coming)
    elif _holds_something(part.source):
        _rename(part.source, part.before)


def swap(part: Part, markers: dict[Path, str]) -> None:
    """Show the copy at the part's path. `markers`: texts of markers by path, for what a member needs.

    The member is stopped, and the two directories are alike. Raises `MoveError`, with either of them shown.
    """
    unmount(part)
    if part.goal.exists():
        part.goal.rmdir()  # an empty one: settle() has renamed any other
    _rename(part.coming, part.goal)
    if part.purpose in KEPT:
        write(part.target.marker, markers[part.target.marker])
    write(part.unit_file, part.unit_text)
    run(["systemctl", "daemon-reload"], 60)
    _rename(part.source, part.before)
    mount(part)


def unmount(part: Part) -> None:
    """Raises `MoveError` where something keeps a file open."""
    run(["systemctl", "stop", part.unit], 60)
    end = time.monotonic() + BUSY
    while part.path.is_mount():
        if time.monotonic() > end:
            raise MoveError(f"{part.path} is still mounted after {BUSY} s: lsof {part.path} says who uses it")
        time.sleep(AGAIN)
        run(["systemctl", "stop", part.unit], 60)


def mount(part: Part) -> None:
    run(["systemctl", "start", part.unit], 60)
    if not part.path.is_mount():
        raise MoveError(f"{part.unit} was started and {part.path} is not a mount point; the journal says why")


def tidy(plan: Plan) -> None:
    """Remove the marker of each volume that carries neither data nor WAL any more.

    After `settle` only what is in use has the name of its purpose.
    """
    for marker in plan.markers:
        if not any(_holds_something(marker.parent / purpose) for purpose in KEPT):
            marker.unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """The whole file or none of it; the mode is that of what it replaces."""
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    unfinished = path.with_name(f"{path.name}.new")
    with unfinished.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.chmod(mode)
    unfinished.replace(path)
    _sync(path.parent)


def _rename(old: Path, new: Path) -> None:
    if new.exists():
        raise MoveError(
            f"{new} is there already: an old copy ({BEFORE}); remove it with finalize, then go on"
        )
    old.rename(new)
    _sync(new.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
