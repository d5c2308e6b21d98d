"""Paths walked by descriptors: no link of an unprivileged account decides what root reads or writes."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

#: As the kernel has it (MAXSYMLINKS): more links than these are a circle.
MOST_LINKS = 40
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Refused(Exception):
    """An entry cannot be made or read as declared; the text says why and what to do."""


def only_roots(descriptor: int) -> bool:
    """Whether only root (or whoever runs this) can put a link into the folder."""
    found = os.fstat(descriptor)
    by_group = found.st_mode & stat.S_IWGRP and found.st_gid != 0
    return found.st_uid in (0, os.geteuid()) and not by_group and not found.st_mode & stat.S_IWOTH


@contextlib.contextmanager
def folder_of(path: str) -> Iterator[tuple[int, str]]:
    """The descriptor of the folder that holds `path`, and the last name of the path; of / both are itself.

    Links on the way are followed where only root can have put them; otherwise raises `Refused`. Raises
    `FileNotFoundError` or `NotADirectoryError` where there is no such folder.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/") or ".." in parts:
        raise Refused(f"{path}: must be an absolute path without '..'")
    name, links = parts.pop() if parts else ".", 0
    opened = os.open("/", FOLDER)
    try:
        while parts:
            part = parts.pop(0)
            if part == "..":  # of a link's target
                opened = _replace(opened, os.open("..", FOLDER, dir_fd=opened))
                continue
            found = os.stat(part, dir_fd=opened, follow_symlinks=False)
            if not stat.S_ISLNK(found.st_mode):
                opened = _replace(opened, os.open(part, FOLDER, dir_fd=opened))
                continue
            links += 1
            if links > MOST_LINKS or not only_roots(opened):
                raise Refused(
                    f"{path}: {part} on the way is a link in a folder that others than root can write to;"
                    " check who put it there and remove it"
                )
            target = os.readlink(part, dir_fd=opened)
            if target.startswith("/"):
                opened = _replace(opened, os.open("/", FOLDER))
            parts = [one for one in target.split("/") if one not in ("", ".")] + parts
        yield opened, name
    finally:
        os.close(opened)


def _replace(old: int, new: int) -> int:
    os.close(old)
    return new


def read_bytes(path: str, most: int = -1) -> bytes:
    """What a regular file holds, up to `most` bytes. A link that only root can have put there is followed."""
    with folder_of(path) as (folder, name):
        follow = 0 if only_roots(folder) else os.O_NOFOLLOW
        # Without NONBLOCK opening a pipe would wait for its other end.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | follow, dir_fd=folder)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Refused(f"{path}: is not a regular file")
        return file.read(most)
