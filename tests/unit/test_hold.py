"""tools/hold: one at a time, the holder is named, and the lock goes with it."""

from __future__ import annotations

import os
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
    os.kill(left, 9)


def test_the_exit_code_is_that_of_the_command(name: str) -> None:
    assert hold(name, "bash", "-c", "exit 7").returncode == 7
    assert hold(name, "true").returncode == 0


def test_a_second_one_is_refused_and_told_by_whom(name: str, holder: subprocess.Popen[str]) -> None:
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
    waiting = subprocess.Popen([HOLD, "--wait", "30", name, "true"], stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    assert f"pid {holder.pid}" in waiting.stdout.readline()
    since = time.monotonic()
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.close()
    assert waiting.wait(30) == 0
    assert time.monotonic() - since < 20


def test_waiting_has_an_end(name: str, holder: subprocess.Popen[str]) -> None:
    assert hold("--wait", "1", name, "true").returncode == BUSY
