"""What a move would copy, whether there is room for it, and how fast these disks are."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moving import copying
from moving.errors import MoveError
from moving.plan import Part, Plan

#: Bytes that are read or written to measure a disk, and of one read or write.
SAMPLE, BLOCK = 64 << 20, 1 << 20
#: Bytes that stay free besides, for what a file system needs and a checkpoint leaves.
SPARE = 64 << 20
#: Seconds between two readings of the position in the WAL.
APART = 1.0


def preview(plan: Plan, received: Callable[[], int]) -> dict[str, Any]:
    """Bytes of each part, the rate in bytes a second, the seconds, and why not (a line each)."""
    sizes = {part.purpose: copying.size(_of(part)) for part in plan.parts}
    rates = {part.purpose: rate(_of(part), part.target.root) for part in plan.parts if sizes[part.purpose]}
    seconds = sum(sizes[purpose] / found for purpose, found in rates.items())
    return {
        "member": plan.member,
        "bytes": sizes,
        "rate": round(min(rates.values(), default=0)),
        "seconds": round(seconds, 1),
        "refused": room(plan, list(plan.parts), received),
    }


def room(plan: Plan, parts: list[Part], received: Callable[[], int]) -> list[str]:
    """A line for each volume that has too little: what is copied, and what comes in meanwhile, count.

    Data grows by no more than the WAL that comes in.
    """
    wanted: dict[Path, int] = {}
    for part in parts:
        there = copying.size(part.coming) + copying.size(part.earlier)
        wanted[part.target.root] = wanted.get(part.target.root, 0) + max(0, copying.size(_of(part)) - there)
    if not wanted:
        return []
    grows = _growth(received)
    lines = []
    for root, size in wanted.items():
        found = os.statvfs(root)
        free = found.f_bavail * found.f_frsize
        # The slower of the kit's volumes takes about 100 MiB a second.
        needed = size + SPARE + int(grows * size / (100 << 20))
        if free < needed:
            lines.append(
                f"{plan.member}: {root} has {_mib(free)} MiB free and needs {_mib(needed)}; declare a larger"
                " volume, or remove old copies with finalize"
            )
    return lines


def rate(source: Path, target: Path) -> float:
    """Bytes a second, the lesser of reading `source` and writing next to `target`, past the page cache."""
    return min(_reads(source), _writes(target))


def _reads(folder: Path) -> float:
    files = sorted(
        (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()),
        key=_size,
        reverse=True,
    )
    done, begun, buffer = 0, time.monotonic(), mmap.mmap(-1, BLOCK)
    for path in files:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
        except FileNotFoundError:
            continue
        try:
            while done < SAMPLE and (count := os.readv(descriptor, [buffer])):
                done += count
        finally:
            os.close(descriptor)
        if done >= SAMPLE:
            break
    return done / max(time.monotonic() - begun, 1e-3)


def _writes(folder: Path) -> float:
    """A file of its own, which goes away. At most a quarter of what is free."""
    found = os.statvfs(folder)
    whole = min(SAMPLE, found.f_bavail * found.f_frsize // 4) // BLOCK * BLOCK
    path = folder / ".flashtier-rate"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_DIRECT, 0o600)
    try:
        begun, buffer = time.monotonic(), mmap.mmap(-1, BLOCK)
        for _ in range(whole // BLOCK):
            os.write(descriptor, buffer)
        os.fsync(descriptor)
        return max(whole, BLOCK) / max(time.monotonic() - begun, 1e-3)
    finally:
        os.close(descriptor)
        path.unlink()


def _of(part: Part) -> Path:
    """Where the part is now."""
    return part.source if part.source.exists() else part.path


def _growth(received: Callable[[], int]) -> float:
    """Bytes of WAL a second; 0 where the member does not say."""
    try:
        before = received()
        time.sleep(APART)
        return max(0, received() - before) / APART
    except MoveError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _mib(size: int) -> int:
    return size >> 20
