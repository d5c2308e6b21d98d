"""A `make up` that can be inspected and killed: its processes are found by their parents, never by name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.paths import ROOT, state_root

#: Seconds: a run from nothing on a busy machine, and the end of one whose parts were killed.
WHOLE, END = 1200, 120


@dataclass(frozen=True)
class Process:
    pid: int
    group: int
    arguments: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Its part in a run; empty for shells and helpers."""
        words = [Path(word).name for word in self.arguments[:3]]
        if words[0] == "make":
            return "make"
        if words[0] == "pulumi" and "up" in self.arguments:  # others only read an output
            return "pulumi"
        if "infra.local.provider" in self.arguments:
            return "provider"
        if "language_host.py" in words:
            return "language host"
        return next((kind for kind in ("ansible-playbook", "pytest", "flashtier") if kind in words[:2]), "")


def environment(stack: str) -> dict[str, str]:
    """The environment of a person's shell, without the variables of the run that this drill belongs to."""
    own = ("MAKE", "MFLAGS", "FLASHTIER_HELD", "FLASHTIER_RUN", "FLASHTIER_PHASES", "PYTEST", "BASH_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {**kept, "FLASHTIER_STACK": stack, "PYTHONUNBUFFERED": "1"}


class Run:
    """`make up` of a stack in a session of its own, with its output in a file."""

    def __init__(self, stack: str, name: str, *target: str, **variables: str) -> None:
        self.log = state_root() / "log" / "drills" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        with self.log.open("w") as output:
            self.make = subprocess.Popen(
                ["make", "--no-print-directory", *(target or ("up",)), f"STACK={stack}"],
                cwd=ROOT,
                env={**environment(stack), **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 25) -> str:
        return f"{self.log}:\n" + "\n".join(self.text().splitlines()[-lines:])

    def running(self) -> bool:
        return self.make.poll() is None

    def tree(self) -> list[Process]:
        """make and all below it."""
        return list(below(self.make.pid))

    def of_kind(self, kind: str) -> Process | None:
        return next((process for process in self.tree() if process.kind == kind), None)

    def wait(self, seconds: float = WHOLE) -> int:
        """Its exit code. Prints its running time every half minute."""
        deadline, said = time.monotonic() + seconds, time.monotonic()
        while self.running():
            assert time.monotonic() < deadline, f"make up did not end in {seconds:.0f} s; {self.tail()}"
            if time.monotonic() - said > 30:
                said = time.monotonic()
                print(f"   {self.seconds:.0f} s: {last_line(self.text())}", flush=True)
            time.sleep(0.1)
        return self.make.returncode

    def stop(self) -> None:
        """Kill it at once: for a drill that has failed."""
        for process in self.tree():
            send(process.pid, signal.SIGKILL)
        self.make.wait(30)


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:100] if lines else "nothing yet"


def below(top: int) -> Iterator[Process]:
    """The process and all its living descendants."""
    children: dict[int, list[int]] = {}
    groups: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        groups[pid] = int(fields[2])
    waiting = [top]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        except OSError:
            continue
        if words and pid in groups:
            yield Process(pid, groups[pid], tuple(words))


def send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def running(stack: str, name: str, *target: str, **variables: str) -> Iterator[Run]:
    """A run that does not outlive the block."""
    run = Run(stack, name, *target, **variables)
    try:
        yield run
    finally:
        if run.running():
            run.stop()


def complete(stack: str, name: str) -> Run:
    """A `make up` that must bring everything up and verify it."""
    with running(stack, name) as run:
        code = run.wait()
        assert code == 0, f"make up ended with {code}; {run.tail(40)}"
        assert "declared facts" in run.text(), f"make up verified nothing; {run.tail()}"
        return run


def down(stack: str) -> None:
    done = subprocess.run(
        [ROOT / "tools/down", stack],
        env=environment(stack),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0 or "there is no stack" in done.stderr, (
        done.stdout[-2000:] + done.stderr[-2000:]
    )


def nothing_left(stack: str) -> None:
    """Fail if the sweep, which needs no state, still finds anything."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.sweep", stack, "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"left of {stack}: {done.stdout}{done.stderr}"


def until(what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"{what}: not reached after {seconds:.0f} s"
        time.sleep(0.05)
