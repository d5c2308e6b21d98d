"""tools/hold: one at a time, the holder is named, the lock goes with it, and so does what it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.paths import ROOT

HOLD = str(ROOT / "tools/hold")
BUSY = 75

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="its locks are under /run, for root")


@pytest.fixture
def name() -> Iterator[str]:
    unique = f"unit-{uuid.uuid4().hex[:8]}"
    yield unique
    Path(f"/run/flashtier/{unique}.lock").unlink(missing_ok=True)


def hold(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HOLD, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def holder(name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the name until it is told to end, and has left a child behind that lives on."""
    process = subprocess.Popen(
        [HOLD, name, "bash", "-c", "sleep 60 & echo $!; read -r _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    left = int(process.stdout.readline())
    yield process
    process.kill()
    process.wait(10)
    if is_running(left):
        os.kill(left, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Not if it is a zombie. A process in the middle of an exec has no arguments, so these tell nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid: int) -> dict[str, int]:
    """A process's children: name -> process id."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == pid:
            found[name] = int(status.parent.name)
    return found


def test_the_exit_code_is_that_of_the_command(name: str) -> None:
    assert hold(name, "bash", "-c", "exit 7").returncode == 7
    assert hold(name, "true").returncode == 0


def test_a_second_one_is_refused_and_the_holder_is_named(name: str, holder: subprocess.Popen[str]) -> None:
    refused = hold(name, "true")
    assert refused.returncode == BUSY
    assert f"{name} is in use by pid {holder.pid} since" in refused.stderr


def test_another_name_is_free(name: str, holder: subprocess.Popen[str]) -> None:
    assert hold(f"{name}-other", "true").returncode == 0
    Path(f"/run/flashtier/{name}-other.lock").unlink()


def test_the_lock_goes_with_a_killed_holder_whatever_it_left_running(
    name: str, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait(10)
    assert hold(name, "true").returncode == 0


def test_one_that_waits_gets_it_at_the_end_of_the_other(name: str, holder: subprocess.Popen[str]) -> None:
    waiting = subprocess.Popen([HOLD, "--wait", "600", name, "true"], stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    assert f"pid {holder.pid}" in waiting.stdout.readline()
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.close()
    assert waiting.wait(60) == 0  # a tenth of what it would wait for


def test_waiting_has_an_end(name: str, holder: subprocess.Popen[str]) -> None:
    assert hold("--wait", "1", name, "true").returncode == BUSY


SPAWN = "sleep 61 & echo $!; env --unset=FLASHTIER_RUN setsid sleep 62 & echo $!; read -r _"


@pytest.fixture
def started(name: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """`make`, which holds the name; a process of its run, and one that is to outlive the run."""
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"all:\n\t@{HOLD} {name} bash -c '{SPAWN.replace('$', '$$')}'\n")
    make = subprocess.Popen(
        ["make", "--no-print-directory", "-f", str(makefile)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={key: value for key, value in os.environ.items() if key not in ("BASH_ENV", "FLASHTIER_RUN")},
    )
    assert make.stdout is not None
    member, daemon = int(make.stdout.readline()), int(make.stdout.readline())
    # Its number is told before it has left the session, and a group that is killed by then takes it along.
    until = time.monotonic() + 10
    while os.getsid(daemon) != daemon and time.monotonic() < until:
        time.sleep(0.01)
    yield make, member, daemon
    for pid in (make.pid, member, daemon):
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
    make.wait(10)


@pytest.mark.parametrize("victim", ["make", "hold", "group"])
def test_what_a_killed_run_has_started_ends_with_it(
    name: str, started: tuple[subprocess.Popen[str], int, int], victim: str
) -> None:
    make, member, daemon = started
    holder = children(make.pid)["hold"]
    if victim == "group":
        os.killpg(make.pid, signal.SIGKILL)
    else:
        os.kill(make.pid if victim == "make" else holder, signal.SIGKILL)
    # At once: the lock is the next one's only when nothing of the run is left.
    after = hold(name, "true")
    assert after.returncode == 0, after.stderr
    assert not is_running(member)
    assert not is_running(holder)
    assert is_running(daemon)


def test_without_its_watcher_the_next_run_ends_it_and_says_so(
    name: str, started: tuple[subprocess.Popen[str], int, int]
) -> None:
    make, member, daemon = started
    holder = children(make.pid)["hold"]
    killed = (children(holder)["watch"], holder)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    # On a busy machine a killed process holds its lock for a moment more.
    end = time.monotonic() + 10
    while any(map(is_running, killed)):
        assert time.monotonic() < end
        time.sleep(0.01)
    after = hold(name, "true")
    assert after.returncode == 0
    assert f"{name}: an earlier run was killed (pid {holder} since" in after.stderr
    assert "sleep" in after.stderr
    assert not is_running(member)
    assert is_running(daemon)


def test_a_run_that_ends_by_itself_leaves_what_it_started(name: str) -> None:
    done = hold(name, "bash", "-c", "sleep 63 >/dev/null 2>&1 & echo $!")
    left = int(done.stdout)
    assert is_running(left)
    os.kill(left, signal.SIGKILL)
    assert Path(f"/run/flashtier/{name}.lock").read_text() == ""
