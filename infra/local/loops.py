"""Loop devices: bind a file, prove which file is bound, change the size online, detach.

The proof is the kernel's own record of the backing file (device and inode, `LOOP_GET_STATUS64`): a loop's
number and a path's text prove nothing. losetup does what it can; it cannot read the record, move a size limit
or take back a detach.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import FlashtierError
from infra.local.run import CommandFailed, run

# linux/loop.h
LOOP_SET_STATUS64 = 0x4C04
LOOP_GET_STATUS64 = 0x4C05
_INFO64 = 232
_SIZE_LIMIT_AT = 32
_FLAGS_AT = 52
_READ_ONLY, _AUTOCLEAR, _DIRECT_IO = 1, 4, 16


@dataclass(frozen=True)
class FileIdentity:
    """A file, wherever its name is: the device number of its file system and its inode."""

    device: int
    inode: int

    @classmethod
    def of(cls, path: Path, *, seconds: float = 5) -> FileIdentity:
        """Raises `CommandFailed` where the file is missing, or on a dead or hanging FUSE mount.

        In a process of its own: the check of a hanging mount could not be ended otherwise.
        """
        device, inode = run(["stat", "--format=%d %i", "--", str(path)], seconds=seconds).split()
        return cls(int(device), int(inode))


#: The backing of a loop device whose file cannot be asked for any more.
NO_FILE = FileIdentity(0, 0)


@dataclass(frozen=True)
class Loop:
    """A bound loop device. `size_limit`, `offset` and `sector` are bytes; a limit of 0 is the whole file.

    `read_only` is the file as it was bound, `block_read_only` the device (blockdev --setro). `detaching` is a
    device that goes when its last user lets go of it (losetup --detach on one that is mounted).
    """

    path: Path
    backing: FileIdentity
    size_limit: int
    offset: int = 0
    sector: int = 512
    direct_io: bool = True
    read_only: bool = False
    block_read_only: bool = False
    detaching: bool = False


def inspect(device: Path) -> Loop | None:
    """What is bound to the device, None where nothing is, or where it is not a loop device.

    Asks the backing file's file system: of a FUSE mount make sure first that it answers.
    """
    info = bytearray(_INFO64)
    try:
        with _open(device, os.O_RDONLY) as descriptor:
            fcntl.ioctl(descriptor, LOOP_GET_STATUS64, info)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT, errno.ENOTTY, errno.ENODEV):
            return None
        if error.errno == errno.ENOTCONN:  # bound, but the server of the FUSE mount has gone
            return Loop(device, NO_FILE, 0)
        raise
    file_device, inode, _, offset, limit = struct.unpack_from("=5Q", info)
    (flags,) = struct.unpack_from("=I", info, _FLAGS_AT)
    return Loop(
        device,
        FileIdentity(file_device, inode),
        size_limit=limit,
        offset=offset,
        sector=int(_attribute(device, "queue/logical_block_size")),
        direct_io=bool(flags & _DIRECT_IO),
        read_only=bool(flags & _READ_ONLY),
        block_read_only=_attribute(device, "ro") == "1",
        detaching=bool(flags & _AUTOCLEAR),
    )


def _attribute(device: Path, name: str) -> str:
    return (Path("/sys/block") / device.name / name).read_text().strip()


def bound() -> dict[Path, Path]:
    """Every bound loop device of the machine and the path the kernel has for its file, which may be gone."""
    devices = (Path("/dev") / entry.parts[3] for entry in Path("/sys/block").glob("loop*/loop"))
    return {device: path for device in devices if (path := backing_path(device)) is not None}


def backing_path(device: Path) -> Path | None:
    """The path of the file that is bound to the device, None where none is. Never waits for a file system."""
    text = backing_text(device)
    return Path(text.removesuffix(" (deleted)")) if text else None


def backing_text(device: Path) -> str:
    """As the kernel shows it, with its remark where the file was deleted; empty where nothing is bound."""
    try:
        return (Path("/sys/block") / device.name / "loop/backing_file").read_text().rstrip("\n")
    except OSError:
        return ""


def answers(path: Path) -> bool:
    """Whether a device, or the file behind one, can be read: what serves it is there and alive."""
    try:
        block = ["bs=4096", "count=1", "iflag=direct", "status=none"]
        run(["dd", f"if={path}", "of=/dev/null", *block], seconds=5)
    except CommandFailed:
        return False
    return True


def of_file(file: Path, identity: FileIdentity) -> list[Loop]:
    """The loop devices bound to a file. More than one would let two hosts write to one file."""
    # Only files of this name are checked: another program's FUSE mount might never answer.
    loops = (inspect(device) for device, path in bound().items() if path.name == file.name)
    return [loop for loop in loops if loop is not None and loop.backing == identity]


def bind(file: Path, *, size_limit: int = 0) -> Loop:
    """Bind the file with direct I/O and prove that it is the one; an existing binding stays as it is."""
    identity = FileIdentity.of(file)
    existing = of_file(file, identity)
    if len(existing) > 1:
        devices = ", ".join(str(loop.path) for loop in existing)
        raise FlashtierError(
            f"{file}: bound to several loop devices, {devices}; detach all but one with `losetup -d`"
        )
    if existing:
        return existing[0]
    options = ["--direct-io=on", "--sizelimit", str(size_limit), "--sector-size", str(sector_of(file))]
    device = Path(run(["losetup", "--find", "--show", *options, str(file)]).strip())
    loop = inspect(device)
    if loop is None or loop.backing != identity:
        raise FlashtierError(
            f"{device}: bound to another file than {file} right after it was bound; run it again"
        )
    return loop


def sector_of(file: Path) -> int:
    """Bytes of a sector of the disk below the file, 512 where there is none: with less direct I/O fails."""
    device = file.stat().st_dev
    link = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    for folder in (link, link.parent):  # a partition has its disk's
        size = folder / "queue/logical_block_size"
        if size.is_file():
            return int(size.read_text())
    return 512


def refresh_size(device: Path) -> None:
    """Make the device as large as its file has become, online."""
    run(["losetup", "--set-capacity", str(device)])


def set_size_limit(device: Path, limit: int) -> None:
    """Move the device's end, online; `limit` is bytes."""
    _set_status(device, lambda info: struct.pack_into("=Q", info, _SIZE_LIMIT_AT, limit))


def keep(device: Path) -> None:
    """Take back a detach that waits for the device's last user, online."""

    def without_autoclear(info: bytearray) -> None:
        (flags,) = struct.unpack_from("=I", info, _FLAGS_AT)
        struct.pack_into("=I", info, _FLAGS_AT, flags & ~_AUTOCLEAR)

    _set_status(device, without_autoclear)


def _set_status(device: Path, change: Callable[[bytearray], None], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    with _open(device, os.O_RDWR) as descriptor:
        while True:
            info = bytearray(_INFO64)
            fcntl.ioctl(descriptor, LOOP_GET_STATUS64, info)
            change(info)
            try:
                fcntl.ioctl(descriptor, LOOP_SET_STATUS64, info)
                return
            except OSError as error:
                # Pages were dirtied while the kernel drained the device: it asks for another try.
                if error.errno != errno.EAGAIN or time.monotonic() > deadline:
                    raise FlashtierError(
                        f"{device}: its size and flags cannot be changed now ({error.strerror}); run it again"
                    ) from error
                time.sleep(0.1)


def detach(device: Path, *, seconds: float = 15) -> None:
    """Detach the device and wait until the kernel has let the file go.

    A device that is still open is only marked to go later: the error names its holder, and the data stays.
    """
    backing = backing_path(device)
    if backing is None:
        return
    deadline = time.monotonic() + seconds
    while holder := mounted_by(device):
        if time.monotonic() > deadline:
            raise FlashtierError(f"{device}: still mounted by {holder}; unmount it there, then run it again")
        time.sleep(0.1)
    let_go(device)
    while backing_path(device) == backing:
        if time.monotonic() > deadline:
            raise FlashtierError(
                f"{device}: still open {seconds:g} seconds after it was detached; see `lsof {device}`"
            )
        time.sleep(0.05)


def let_go(device: Path) -> None:
    """Detach the device, now or when its last holder closes it. Alone only for one that no longer answers."""
    run(["losetup", "--detach", str(device)])


def orphan(link: Path) -> Path | None:
    """The device that the volume's link names, if the mount of its file is gone.

    A server that receives SIGTERM unmounts itself. The kernel then knows the file, which is named like the
    link, by its name alone.
    """
    try:
        device = link.readlink()
    except OSError:
        return None
    return device if backing_path(device) == Path("/") / link.name else None


def mounted_by(device: Path) -> str:
    """A process that has the device mounted, in whatever mount namespace it lives; empty where none has."""
    number = device.stat().st_rdev
    wanted = f" {os.major(number)}:{os.minor(number)} "
    seen: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            namespace = str((process / "ns/mnt").readlink())
            if namespace in seen:
                continue
            seen.add(namespace)
            if wanted in (process / "mountinfo").read_text():
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:  # ended meanwhile
            continue
    return ""


class _open:
    """`os.open` as a context."""

    def __init__(self, path: Path, flags: int) -> None:
        self._descriptor = os.open(path, flags | os.O_CLOEXEC)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
