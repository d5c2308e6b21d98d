"""How a bound loop device differs from the declared one, and what of that is repaired while it is mounted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import FlashtierError
from infra.local import loops
from infra.local.loops import Loop
from infra.local.run import run


@dataclass(frozen=True)
class Difference:
    """One property: what it is, what it must be, and the repair that works on a mounted device, if any."""

    what: str
    found: str
    wanted: str
    repair: Callable[[], object] | None = None

    def __str__(self) -> str:
        return f"{self.what} = {self.found}, must be {self.wanted}"


def differences(loop: Loop, file: Path, *, size_limit: int) -> list[Difference]:
    """Everything that `losetup` and `blockdev` may have changed; `file` is the backing file."""
    path = loop.path
    sector = loops.sector_of(file)
    found = []
    if loop.size_limit != size_limit:
        found.append(
            Difference(
                "size limit",
                str(loop.size_limit),
                str(size_limit),
                lambda: loops.set_size_limit(path, size_limit),
            )
        )
    if loop.detaching:
        found.append(Difference("autoclear", "1", "0", lambda: loops.keep(path)))
    if not loop.direct_io:
        found.append(
            Difference("direct I/O", "off", "on", lambda: run(["losetup", "--direct-io=on", str(path)]))
        )
    if loop.block_read_only and not loop.read_only:
        found.append(Difference("read-only", "1", "0", lambda: run(["blockdev", "--setrw", str(path)])))
    if loop.read_only:
        found.append(Difference("read-only", "1 (bound so)", "0"))
    if loop.offset:
        found.append(Difference("offset", str(loop.offset), "0"))
    if loop.sector != sector:
        found.append(Difference("sector size", str(loop.sector), str(sector)))
    return found


def repair(file: Path, loop: Loop, whose: str, *, size_limit: int) -> Loop:
    """The device as declared: repaired in place, else bound again where nothing has it mounted.

    Raises `FlashtierError` with what is left and the procedure where it is mounted; `whose` names the volume.
    """
    for difference in differences(loop, file, size_limit=size_limit):
        if difference.repair is not None:
            difference.repair()
    again = loops.inspect(loop.path)
    left = differences(again or loop, file, size_limit=size_limit)
    if again is not None and not left:
        return again
    if holder := loops.mounted_by(loop.path):
        raise FlashtierError(
            f"{whose}: {loop.path}: {_listed(left)}; this cannot be changed while {holder} has the device "
            "mounted: in the host stop what uses the volume and unmount it, then run pulumi up "
            "--refresh, which binds the device again"
        )
    loops.detach(loop.path)
    bound = loops.bind(file, size_limit=size_limit)
    if left := differences(bound, file, size_limit=size_limit):
        raise FlashtierError(
            f"{whose}: {bound.path}: {_listed(left)}, right after it was bound: the file system of {file} "
            "does not allow it; put FLASHTIER_STATE on a local ext4 or XFS"
        )
    return bound


def _listed(left: list[Difference]) -> str:
    return "; ".join(map(str, left))
