"""An entry of the module host_files: what is declared, what is there, and how it is made."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.host_paths import Refused, folder_of

#: Ends the names of files on their way; readers of folders such as sudo, logrotate and apt skip them.
ON_ITS_WAY = ".flashtier~"


@dataclass
class Entry:
    """One entry of the set, what is there now, and what has to change."""

    path: str
    kind: str
    content: bytes
    target: str
    owner: str
    group: str
    mode: int
    validate: str
    notify: list[str]
    unit: str
    applied_by: str
    changes: list[str] = field(default_factory=list)
    before: str = ""

    @property
    def after(self) -> str:
        """What a person is shown of the entry as it shall be."""
        return self.content.decode(errors="replace") if self.kind == "file" else describe(self)


def describe_change(entry: Entry) -> dict[str, str]:
    """The change as Ansible shows it with --diff."""
    if entry.before == entry.after:
        return {"prepared": f"{entry.path}: {', '.join(entry.changes)}\n"}
    return {
        "before_header": entry.path,
        "after_header": f"{entry.path} ({', '.join(entry.changes)})",
        "before": entry.before,
        "after": entry.after,
    }


def describe(entry: Entry) -> str:
    """An entry without content, in a line for people."""
    if entry.kind == "link":
        return f"link to {entry.target}\n"
    return "" if entry.kind == "absent" else f"{entry.kind}\n"


def parse(given: dict[str, Any], task: dict[str, Any]) -> Entry:
    """The entry that its arguments and those of the task describe."""
    ways = [key for key in ("content", "target", "state") if given[key] is not None]
    if len(ways) != 1:
        given_ways = " and ".join(ways) or "none"
        raise Refused(f"{given['path']}: give one of template, content, target and state, not {given_ways}")
    kind = {"content": "file", "target": "link"}.get(ways[0], given["state"])
    mode = given["mode"] or ("0755" if kind == "directory" else "0644")
    try:
        octal = int(mode, 8)
    except ValueError:
        raise Refused(
            f"{given['path']}: mode {mode} is not octal; write it in quotes, such as '0644'"
        ) from None
    if given["validate"] and "%s" not in given["validate"]:
        raise Refused(
            f"{given['path']}: validate needs %s where the file's path belongs: {given['validate']}"
        )
    return Entry(
        path=given["path"],
        kind=kind,
        content=(given["content"] or "").encode(),
        target=given["target"] or "",
        owner=given["owner"],
        group=given["group"],
        mode=octal,
        validate=given["validate"] or "",
        notify=task["notify"] if given["notify"] is None else given["notify"],
        unit=(task["unit"] if given["unit"] is None else given["unit"]) or "",
        applied_by=given["applied_by"] or task["applied_by"],
    )


def compare(entry: Entry) -> None:
    """Note what of the entry differs from what is there."""
    if entry.kind == "watched":
        return
    try:
        with folder_of(entry.path) as (folder, name):
            _compare(entry, folder, name)
    except (FileNotFoundError, NotADirectoryError):
        if entry.kind != "absent":
            entry.changes = [f"{entry.kind} is made"]


def _compare(entry: Entry, folder: int, name: str) -> None:
    """As `compare`; everything is read through the descriptor of the folder, and no link is followed."""
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if entry.kind == "absent":
        if stat.S_ISDIR(found.st_mode) and _names(name, folder):
            raise Refused(
                f"{entry.path} should be absent but is a folder with files in it; check them and remove it"
            )
        entry.before, entry.changes = "present\n", ["is removed"]
        return
    if stat.S_ISDIR(found.st_mode) != (entry.kind == "directory"):
        raise Refused(
            f"{entry.path} should be a {entry.kind}, and what is there is not; check it and remove it"
        )
    if entry.kind == "link":
        if not stat.S_ISLNK(found.st_mode):
            entry.before, entry.changes = "a file\n", ["link is made"]
        elif (target := os.readlink(name, dir_fd=folder)) != entry.target:
            entry.before, entry.changes = f"link to {target}\n", ["target"]
        return
    if entry.kind == "file":
        if not stat.S_ISREG(found.st_mode):
            entry.before, entry.changes = "not a regular file\n", ["file is made"]
            return
        with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb") as file:
            now = file.read()
        entry.before = now.decode(errors="replace")
        if now != entry.content:
            entry.changes.append("content")
    if entry.kind == "directory":
        entry.before = "directory\n"
    if owner_of(found) != (entry.owner, entry.group):
        entry.changes.append(f"owner {':'.join(owner_of(found))} to {entry.owner}:{entry.group}")
    if stat.S_IMODE(found.st_mode) != entry.mode:
        entry.changes.append(f"mode {stat.S_IMODE(found.st_mode):04o} to {entry.mode:04o}")


def _names(name: str, folder: int) -> list[str]:
    """What is in the folder `name`."""
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        return os.listdir(descriptor)
    finally:
        os.close(descriptor)


def owner_of(found: os.stat_result) -> tuple[str, str]:
    """Names of owner and group; numbers where they have none."""
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        owner = str(found.st_uid)
    try:
        return owner, grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        return owner, str(found.st_gid)


def ids(entry: Entry) -> tuple[int, int]:
    """Numbers of owner and group."""
    try:
        owner = pwd.getpwnam(entry.owner).pw_uid
    except KeyError:
        raise Refused(
            f"{entry.path}: the host has no account {entry.owner}; its package or role comes first"
        ) from None
    try:
        return owner, grp.getgrnam(entry.group).gr_gid
    except KeyError:
        raise Refused(
            f"{entry.path}: the host has no group {entry.group}; its package or role comes first"
        ) from None


def put(entry: Entry, owner: int, group: int) -> None:
    """Make the entry as declared; a file and a link appear whole, by a rename within their folder."""
    with folder_of(entry.path) as (folder, name):
        if entry.kind == "absent":
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            (os.rmdir if stat.S_ISDIR(found.st_mode) else os.unlink)(name, dir_fd=folder)
        elif entry.kind == "directory":
            _make_folder(entry, folder, name, owner, group)
        else:
            _replace(entry, folder, name, owner, group)


def _make_folder(entry: Entry, folder: int, name: str, owner: int, group: int) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=folder)
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        os.fchown(descriptor, owner, group)
        os.fchmod(descriptor, entry.mode)
    finally:
        os.close(descriptor)


def _replace(entry: Entry, folder: int, name: str, owner: int, group: int) -> None:
    staged = f".{name}.{os.getpid()}{ON_ITS_WAY}"
    try:
        if entry.kind == "link":
            os.symlink(entry.target, staged, dir_fd=folder)
        else:
            new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with open(os.open(staged, new, 0o600, dir_fd=folder), "wb") as file:
                file.write(entry.content)
                os.fchown(file.fileno(), owner, group)
                os.fchmod(file.fileno(), entry.mode)
                file.flush()
                os.fsync(file.fileno())
        os.replace(staged, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=folder)
        raise


def remove_remains(entries: list[Entry]) -> None:
    """Files on their way when an earlier run was killed."""
    for path in {os.path.dirname(entry.path): entry.path for entry in entries}.values():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), folder_of(path) as (folder, _):
            for name in _names(".", folder):
                if name.startswith(".") and name.endswith(ON_ITS_WAY):
                    os.unlink(name, dir_fd=folder)
