"""Find and end the kit's processes by what proves them: not by a bare name, not by a stale number."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from infra.errors import FlashtierError

#: The only programs the kit leaves running on the machine.
PROGRAMS = ("nbdkit", "nbdfuse")


def command_line(pid: int) -> list[str]:
    """The arguments of a living process; empty where it has ended, zombies included."""
    try:
        return [
            part
            for part in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if part
        ]
    except OSError:
        return []


def serving(directory: Path) -> dict[int, str]:
    """The kit's processes that work in `directory`: process id -> program.

    The directory is in their arguments, so neither a lost pid file nor a reused process id
    misleads.
    """
    inside = f"{directory}/"
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        arguments = command_line(int(entry.name))
        if (
            arguments
            and Path(arguments[0]).name in PROGRAMS
            and any(inside in part for part in arguments[1:])
        ):
            found[int(entry.name)] = Path(arguments[0]).name
    return found


def open_files(pid: int) -> set[str]:
    """What a process has open, as the kernel shows it: a deleted file's path ends with its remark."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            found.add(str(entry.readlink()))
    return found


def running(program: str, argument: str) -> list[int]:
    """Processes of a program that were given exactly this argument."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        arguments = command_line(int(entry.name))
        if arguments and Path(arguments[0]).name == program and argument in arguments[1:]:
            found.append(int(entry.name))
    return found


def end(pids: Sequence[int], *, seconds: float = 10) -> None:
    """Ask the processes to end, and make them end after half of `seconds`."""
    half, deadline = time.monotonic() + seconds / 2, time.monotonic() + seconds
    identities = {pid: command_line(pid) for pid in pids}
    _signal(identities, signal.SIGTERM)
    forced = False
    while identities := {pid: line for pid, line in identities.items() if line and command_line(pid) == line}:
        now = time.monotonic()
        if now > deadline:
            raise FlashtierError(f"processes {', '.join(map(str, identities))} did not end on SIGKILL")
        if now > half and not forced:
            forced = True
            _signal(identities, signal.SIGKILL)
        for pid in identities:
            _reap(pid)
        time.sleep(0.02)


def _signal(identities: dict[int, list[str]], number: signal.Signals) -> None:
    for pid, line in identities.items():
        if line and command_line(pid) == line:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _reap(pid: int) -> None:
    """Collect the process where it is this one's child; its parent does so otherwise."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
