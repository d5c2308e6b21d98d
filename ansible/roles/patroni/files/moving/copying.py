"""Copies a directory to another volume with rsync, and compares the two by content."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from moving.errors import MoveError, run

#: --inplace: a second copy of a changed file would need its room twice. --whole-file: between two disks of
#: one host it reads less.
RSYNC = ("rsync", "--archive", "--hard-links", "--numeric-ids", "--delete", "--inplace", "--whole-file")
#: Files that went away while a running server was copied.
VANISHED = 24
#: A line of --info=progress2: bytes, with separators, and the share of all.
LINE = re.compile(r"([\d,]+)\s+(\d+)%")
#: Seconds without a byte after which the copy is given up: a hung disk.
SILENT = 600


def copy(source: Path, target: Path, *, by_content: bool, progress: Callable[[int, int], None]) -> None:
    """Make `target` hold what `source` does. `progress` is given bytes done and bytes of all.

    Not by content: what has the same size and time counts as the same, and what changes meanwhile is copied
    as it was at some moment. Raises `MoveError`.
    """
    target.mkdir(mode=0o700, exist_ok=True)
    argv = [
        *RSYNC,
        *(["--checksum"] if by_content else []),
        "--info=progress2",
        "--no-inc-recursive",
        f"{source}/",
        f"{target}/",
    ]
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    ) as started:
        try:
            said = _follow(started, progress)
        except BaseException:
            started.kill()
            raise
    code = started.returncode
    if code not in ((0,) if by_content else (0, VANISHED)):
        raise MoveError(f"copy of {source} to {target}: rsync ended with {code}: {said or 'no reason given'}")
    # One for all: a file of its own for each would take five seconds for a thousand.
    run(["sync", "--file-system", str(target)], 600)


def _follow(started: subprocess.Popen[bytes], progress: Callable[[int, int], None]) -> str:
    """The first line of its errors. A pipe that is full would stop it, so both are read."""
    if started.stdout is None or started.stderr is None:
        raise MoveError("rsync was started without pipes")
    output, errors = started.stdout.fileno(), started.stderr.fileno()
    streams, said, heard = {output, errors}, b"", time.monotonic()
    while streams:
        ready, _, _ = select.select(list(streams), [], [], 5)
        if not ready and time.monotonic() - heard > SILENT:
            raise MoveError(f"rsync: nothing copied for {SILENT} s; is a disk hung?")
        for stream in ready:
            heard = time.monotonic()
            text = os.read(stream, 65536)
            if not text:
                streams.discard(stream)
            elif stream == errors:
                said = (said + text)[:4096]
            elif found := LINE.findall(text.decode(errors="replace")):
                done, share = int(found[-1][0].replace(",", "")), int(found[-1][1])
                progress(done, done * 100 // share if share else 0)
    return said.decode(errors="replace").strip().partition("\n")[0]


def differences(source: Path, target: Path) -> list[str]:
    """What `target` lacks, has besides or has otherwise: content, owner, mode, time. Raises `MoveError`."""
    argv = [*RSYNC, "--checksum", "--dry-run", "--itemize-changes", f"{source}/", f"{target}/"]
    return [line for line in run(argv, 36000).splitlines() if line.strip()]


def size(folder: Path) -> int:
    """Bytes of its files. What goes away meanwhile counts as nothing."""
    total, waiting = 0, [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except FileNotFoundError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
    return total


def checksums(programs: Path, cluster: Path) -> None:
    """Raises `MoveError` where a block of a cluster's copy is not what its checksum says."""
    check = [str(programs / "pg_checksums"), "--check", f"--pgdata={cluster}"]
    run(["runuser", "--user=postgres", "--", *check], 36000)
