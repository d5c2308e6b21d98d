#!/usr/bin/env python3
"""What a Pulumi stack needs around an operation on this machine, for the Makefile's targets.

    tools/stack.py check STACK     refuse a stack that cannot be brought up, before anything is made of it
    tools/stack.py forward STACK   refuse a stack that a later release of the kit brought up
    tools/stack.py unlock STACK    remove the lock of a pulumi that was killed, never of one that runs
    tools/stack.py gone STACK      after `destroy` and `sweep`: remove the stack, what its settings file holds
                                   of it and its directories

Both can be run again at any point.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from infra.errors import FlashtierError
from infra.files import bring_back
from infra.paths import ROOT, check_stack, settings_copy, state_dir
from infra.release import refuse_later
from infra.stack.cli import StackMissing, file_backend, pulumi

try:
    from infra.stack.yaml_reader import read_yaml
except ModuleNotFoundError:  # `check` runs before tools/setup has made the tree's own Python
    read_yaml = None  # type: ignore[assignment]

RUNTIME = Path("/run/flashtier")
#: Seconds by which a lock may seem older than its owner: the kernel counts starts in hundredths of a second
#: from a boot time that it gives in whole seconds.
CLOCK_SLACK = 2.0
#: What `flashtier secrets` writes into a stack's settings file; Pulumi itself adds its salt.
OWN_KEYS = ("flashtier:secrets", "flashtier:caCertificate")
ENVIRONMENT = "flashtier:environment"


@dataclass(frozen=True)
class Lock:
    """A lock file of Pulumi's file backend: who holds it, and since when."""

    path: Path
    pid: int
    host: str
    user: str
    since: datetime

    def owner(self) -> str:
        return f"pid {self.pid} of {self.user}@{self.host}, since {self.since:%F %T} UTC"

    def is_held(self) -> bool:
        """Whether its owner may still be at work: on another machine that is unknown here, so yes."""
        if self.host != socket.gethostname():
            return True
        started = process_start(self.pid)
        # A process that started after the lock was made only has its owner's number.
        return started is not None and started.timestamp() <= self.since.timestamp() + CLOCK_SLACK


def process_start(pid: int) -> datetime | None:
    """When the process started; None if there is none of that number, or only a dead one."""
    try:
        # After the name, in brackets, which may hold anything: field 3 is the state, field 22 the start.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in "ZX":
        return None
    boot = next(
        int(line.split()[1])
        for line in Path("/proc/stat").read_text().splitlines()
        if line.startswith("btime")
    )
    return datetime.fromtimestamp(boot + int(fields[19]) / os.sysconf("SC_CLK_TCK"), UTC)


def locks(backend: Path, project: str, stack: str) -> Iterator[Lock]:
    """The locks on a stack in a file backend."""
    for path in sorted((backend / ".pulumi/locks/organization" / project / stack).glob("*.json")):
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            continue  # its owner has just given it back
        except json.JSONDecodeError:
            content = {}  # its owner was killed while writing it
        # Pulumi writes nanoseconds, Python reads at most microseconds.
        stamp = re.sub(r"(\.\d{6})\d*", r"\1", str(content.get("timestamp", "1970-01-01T00:00:00Z")))
        yield Lock(
            path=path,
            pid=int(content.get("pid", 0)),
            host=str(content.get("hostname", socket.gethostname())),
            user=str(content.get("username", "unknown")),
            since=datetime.fromisoformat(stamp),
        )


def project_name() -> str:
    assert read_yaml is not None  # noqa: S101 - only `check` runs without the tree's own Python
    return str(read_yaml(ROOT / "Pulumi.yaml")["name"])


def check(stack: str) -> None:
    """Raise `FlashtierError` where rights are missing, or the file that declares the stack.

    What is declared is the program's to judge.
    """
    if os.geteuid() != 0:
        raise FlashtierError(
            "needs root, for LXD, loop devices and the state in "
            f"{state_dir(stack).parent}; run: sudo make up STACK={stack}"
        )
    settings = Path(os.environ.get("FLASHTIER_CONFIG_FILE") or ROOT / f"Pulumi.{stack}.yaml")
    bring_back(settings, settings_copy(stack))
    if not settings.is_file():
        known = sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))
        raise FlashtierError(
            f"stack {stack}: there is no {settings}; take one of {', '.join(known)} (make up STACK=...), or "
            "declare it: Pulumi.local.yaml is one to begin with"
        )
    if read_yaml is None:
        return
    read = read_yaml(settings)
    config = read.get("config") if isinstance(read, dict) else None
    if not isinstance(config, dict) or not isinstance(config.get(ENVIRONMENT), dict):
        raise FlashtierError(
            f"{settings}: declares no environment; write {ENVIRONMENT} below config, as in Pulumi.local.yaml"
        )


def unlock(stack: str) -> None:
    """Remove the locks of killed processes; refuse if an owner may still run."""
    backend = file_backend()
    if backend is None:
        return
    found = list(locks(backend, project_name(), stack))
    if held := [lock for lock in found if lock.is_held()]:
        raise FlashtierError(
            f"stack {stack} is locked by {held[0].owner()}; wait for its end, or, if it is surely gone, run "
            f"`pulumi cancel -s {stack}`"
        )
    if found:
        owners = "; ".join(lock.owner() for lock in found)
        print(f"stack {stack} was left locked by a pulumi that no longer runs ({owners}): removing the lock")
        pulumi(stack, ["cancel", "--yes"])


def gone(stack: str) -> None:
    """Remove the stack, what its settings file holds of it, and its directories."""
    unlock(stack)
    with contextlib.suppress(StackMissing):
        pulumi(stack, ["stack", "rm", "--yes", "--force", "--preserve-config", "--remove-backups"])
    settings = ROOT / f"Pulumi.{stack}.yaml"
    if settings.is_file():
        # Salt and secrets belong to the stack that is gone; a new one makes new ones.
        kept = without_own_keys(settings.read_text())
        if not kept.strip():  # Pulumi made it for its salt: what the stack declares lies elsewhere
            settings.unlink()
        elif kept != settings.read_text():
            settings.write_text(kept)
    shutil.rmtree(state_dir(stack), ignore_errors=True)
    shutil.rmtree(RUNTIME / stack, ignore_errors=True)


def without_own_keys(text: str) -> str:
    """A stack's settings file without what the kit and Pulumi wrote into it; all else stays as it is."""
    lines: list[str] = []
    blank: list[str] = []  # inside a value or after it: the next line that is not blank decides
    dropping: int | None = None
    for line in text.splitlines(keepends=True):
        if not line.strip():
            blank.append(line)
            continue
        indent = len(line) - len(line.lstrip())
        if dropping is not None and indent > dropping:
            blank.clear()
            continue
        lines += blank
        blank.clear()
        dropping = None
        if line.strip().startswith(tuple(f"{key}:" for key in OWN_KEYS)) or line.startswith(
            "encryptionsalt:"
        ):
            dropping = indent
            continue
        lines.append(line)
    return "".join(lines + blank)


def forward(stack: str) -> None:
    """Raises `FlashtierError` for a stack that a later release brought up. A new one may be made."""
    try:
        found = json.loads(pulumi(stack, ["stack", "output", "--json"]))
    except StackMissing:
        return
    refuse_later(json.dumps(found.get("contract", {})))


def main(arguments: list[str]) -> int:
    match arguments:
        case ["check", stack]:
            action = check
        case ["forward", stack]:
            action = forward
        case ["unlock", stack]:
            action = unlock
        case ["gone", stack]:
            action = gone
        case _:
            print("usage: tools/stack.py check|forward|unlock|gone STACK", file=sys.stderr)
            return 2
    try:
        check_stack(stack)
        action(stack)
    except FlashtierError as error:
        print(f"tools/stack.py: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
