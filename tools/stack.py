#!/usr/bin/env python3
"""What a Pulumi stack needs around an operation on this machine, for the Makefile's targets.

    tools/stack.py ready STACK    make the backend, its passphrase and the stack where they are missing, and
                                  take away the lock of a pulumi that was killed (never of one that lives)
    tools/stack.py gone STACK     after `destroy` and `sweep`: remove the stack, what its configuration holds
                                  of it and its files

Both can be run again at any point. They read PULUMI_BACKEND_URL and PULUMI_CONFIG_PASSPHRASE_FILE, which
tools/env.sh sets.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from infra.errors import FlashtierError
from infra.paths import ROOT, passphrase_file, state_dir, state_root

#: Seconds for one call of the CLI here; none of them deploys anything, most take one.
DEADLINE = 120
#: Names a stack cannot have: their directories under the state directory are taken.
TAKEN = frozenset({"log", "pulumi"})
#: Seconds by which a lock may seem older than its owner: the kernel counts starts in hundredths of a second
#: from a boot time that it gives in whole seconds.
CLOCK_SLACK = 2.0
#: What `flashtier secrets` writes into a stack's configuration.
OWN_KEYS = ("flashtier:secrets", "flashtier:caCertificate")


@dataclass(frozen=True)
class Lock:
    """A lock file of Pulumi's file backend: who took it, and when."""

    path: Path
    pid: int
    host: str
    user: str
    taken: datetime

    def owner(self) -> str:
        return f"pid {self.pid} of {self.user}@{self.host}, since {self.taken:%F %T} UTC"

    def is_held(self) -> bool:
        """Whether its owner may still be at work: on another machine nobody here can tell, so yes."""
        if self.host != socket.gethostname():
            return True
        started = process_start(self.pid)
        # A process that started after the lock was taken has only been given its owner's number.
        return started is not None and started.timestamp() <= self.taken.timestamp() + CLOCK_SLACK


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
            taken=datetime.fromisoformat(stamp),
        )


def pulumi(*arguments: str) -> str:
    """Run the CLI in the tree; its standard output."""
    command = ["pulumi", "--non-interactive", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    except FileNotFoundError as error:
        raise FlashtierError("pulumi is not on PATH; run `make setup`, then `. tools/env.sh`") from error
    except subprocess.TimeoutExpired as error:
        raise FlashtierError(f"`{' '.join(command)}` did not end within {DEADLINE} s") from error
    if done.returncode:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise FlashtierError(f"`{' '.join(command)}` ended with {done.returncode}: {said}")
    return done.stdout


def known_stacks() -> set[str]:
    return {str(entry["name"]) for entry in json.loads(pulumi("stack", "ls", "--json"))}


def file_backend() -> Path | None:
    """The backend's directory, None where the state is kept elsewhere."""
    url = os.environ.get("PULUMI_BACKEND_URL", "")
    return Path(url.removeprefix("file://")) if url.startswith("file:///") else None


def project_name() -> str:
    import yaml

    return str(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["name"])


def ensure_passphrase() -> None:
    """Make the passphrase of the stacks' secrets, unless there are stacks that need one which is lost."""
    if "PULUMI_CONFIG_PASSPHRASE" in os.environ or passphrase_file().exists():
        return
    backend = file_backend()
    if backend is not None and any((backend / ".pulumi/stacks").glob("*/*.json")):
        raise FlashtierError(
            f"{passphrase_file()} is missing and the stacks in {backend} have secrets made with it; "
            f"put it back from a copy, or, to give these stacks up for good, move {backend} away"
        )
    passphrase_file().parent.mkdir(parents=True, exist_ok=True)
    new = passphrase_file().with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    new.rename(passphrase_file())
    print(f"made {passphrase_file()}: it opens the stacks' secrets, keep a copy in a safe place")


def release_locks(stack: str) -> None:
    """Take away the locks of killed processes; refuse if one of them may live."""
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
        print(
            f"stack {stack} was left locked by a pulumi that no longer lives ({owners}): taking the lock away"
        )
        pulumi("cancel", "--yes", "-s", stack)


def ready(stack: str) -> None:
    if stack in TAKEN:
        raise FlashtierError(
            f"stack {stack}: the name is taken by {state_root() / stack}; choose another one"
        )
    if not (ROOT / f"Pulumi.{stack}.yaml").is_file():
        declared = ", ".join(sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml")))
        raise FlashtierError(
            f"stack {stack}: there is no Pulumi.{stack}.yaml; the declared stacks are {declared}"
        )
    if (backend := file_backend()) is not None:
        backend.mkdir(parents=True, exist_ok=True, mode=0o700)
    ensure_passphrase()
    release_locks(stack)
    pulumi("stack", "select", "--create", stack)


def gone(stack: str) -> None:
    if stack in known_stacks():
        release_locks(stack)
        for key in OWN_KEYS:
            pulumi("config", "rm", key, "-s", stack)
        pulumi("stack", "rm", stack, "--yes", "--force", "--preserve-config", "--remove-backups")
    settings = ROOT / f"Pulumi.{stack}.yaml"
    if settings.is_file():
        # The salt goes with its stack. Where the state was lost, secrets are still in the file: they go too.
        kept = without_own_keys(settings.read_text())
        if kept != settings.read_text():
            settings.write_text(kept)
    if stack not in TAKEN:
        shutil.rmtree(state_dir(stack), ignore_errors=True)
        shutil.rmtree(Path("/run/flashtier") / stack, ignore_errors=True)


def without_own_keys(text: str) -> str:
    """A stack's settings file without what the kit and Pulumi wrote into it; all else stays as it is."""
    lines: list[str] = []
    blank: list[str] = []  # inside a value or after it: the next line that is not blank tells
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


def main(arguments: list[str]) -> int:
    match arguments:
        case ["ready", stack]:
            action = ready
        case ["gone", stack]:
            action = gone
        case _:
            print("usage: tools/stack.py ready|gone STACK", file=sys.stderr)
            return 2
    try:
        action(stack)
    except FlashtierError as error:
        print(f"tools/stack.py: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
