"""upstream/1371: a leader whose check hangs gives way, once its server can acknowledge nothing more.

Hosts do not get this patch. The tests that it brings run here where they need nothing but the wheel.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from conftest import imported_from, ours, published

from tools.wheelhouse.project import PROJECTS

PATCH = Path(__file__).parent.parent / "upstream" / "1371-give-way-when-stuck.patch"
#: Of the patch: what the wheel has, and the tests that stand alone.
PARTS = ("patroni/*", "tests/test_leader_check.py")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upstream")
    for name, text in published().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = ["git", "apply", *(f"--include={part}" for part in PARTS), str(PATCH)]
    subprocess.run(command, cwd=folder, env=environment, timeout=60, check=True)
    return folder


@pytest.fixture(scope="module")
def modules(tree: Path) -> dict[str, ModuleType]:
    return imported_from(tree, "patroni.leader_check")


@pytest.fixture
def patroni(modules: dict[str, ModuleType]) -> Iterator[Callable[[str], Any]]:
    """The modules by their names, for as long as the test takes."""
    assert ours() == {}
    sys.modules.update(modules)
    yield lambda name: modules[f"patroni.{name}"]
    for name in ours():
        del sys.modules[name]


def test_its_own_tests_pass(tree: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_leader_check.py"]
    ran = subprocess.run(command, cwd=tree, timeout=120, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.count("failed")) == (0, 0), ran.stdout


def test_hosts_do_not_get_it(trees: dict[bool, Path]) -> None:
    assert PATCH not in PROJECTS["patroni"].patches()
    assert not (trees[True] / "patroni" / "leader_check.py").exists()


class Server:
    """A postmaster with a child that acknowledges commits: it writes the time into `file` while it runs."""

    def __init__(self, file: Path) -> None:
        child = f"while :; do date +%s.%N > {file}; sleep 0.02; done"
        self.process = subprocess.Popen(
            ["sh", "-c", f"sh -c '{child}' & echo ready; wait"],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        self.file = file

    def acknowledges(self) -> bool:
        self.file.unlink(missing_ok=True)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            if self.file.exists():
                return True
            time.sleep(0.01)
        return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "acknowledged")
    yield server
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(10)


class Leader:
    """A leader with the key; what is asked of the other members is answered by `possible`."""

    def __init__(self, patroni: Callable[[str], Any], server: Server, check: Any, possible: bool) -> None:
        self.ha = patroni("ha")
        self.key = True
        self.server = server
        self.acknowledged_at_release: bool | None = None
        self.this = SimpleNamespace(
            leader_check=check,
            _gave_way=False,
            has_lock=lambda _: self.key,
            is_standby_cluster=lambda: False,
            sync_mode_is_active=lambda: True,
            is_failover_possible=lambda: possible,
            dcs=SimpleNamespace(loop_wait=2),
            watchdog=SimpleNamespace(disable=lambda: None),
            state_handler=SimpleNamespace(
                is_running=lambda: patroni("postgresql.postmaster").PostmasterProcess(server.process.pid),
                set_state=lambda _: None,
                set_role=lambda _: None,
                call_nowait=lambda _: None,
            ),
            _rewind=SimpleNamespace(trigger_check_diverged_lsn=lambda: None),
            release_leader_key_voluntarily=self.release,
        )

    def release(self) -> None:
        self.acknowledged_at_release = self.server.acknowledges()
        self.key = False

    def cycle(self) -> Any:
        return self.ha.Ha._handle_failing_leader_check(self.this)


def hanging(patroni: Callable[[str], Any]) -> Any:
    """A check that never answers, as it is on a device that does not."""
    check = {"command": "sleep 1000", "interval": 0.1, "timeout": 0.2, "failures": 2}
    return patroni("leader_check").LeaderCheck({"postgresql": {"leader_check": check}})


def until_failing(check: Any) -> float:
    """Seconds; the longest that the loop had to wait for an answer about the check."""
    longest, end = 0.0, time.monotonic() + 20
    while time.monotonic() < end:
        asked = time.monotonic()
        failing = check.is_failing
        longest = max(longest, time.monotonic() - asked)
        if failing:
            return longest
        time.sleep(0.02)
    raise AssertionError("the check hangs, and is not found to be failing")


def test_the_key_is_released_when_nothing_acknowledges(patroni: Callable[[str], Any], server: Server) -> None:
    check = hanging(patroni)
    leader = Leader(patroni, server, check, possible=True)
    assert leader.cycle() is None
    assert until_failing(check) < 0.2
    assert server.acknowledges()
    assert leader.cycle() == "released the leader key because the leader check is failing"
    assert (leader.key, leader.acknowledged_at_release) == (False, False)
    assert leader.cycle() == "not starting postgres because the leader check is failing"
    check.reload_config({"postgresql": {}})
    assert leader.cycle() is None


def test_the_last_copy_stays_the_leader(patroni: Callable[[str], Any], server: Server) -> None:
    check = hanging(patroni)
    leader = Leader(patroni, server, check, possible=False)
    until_failing(check)
    assert leader.cycle() is None
    assert leader.key
    assert server.acknowledges()
    check.reload_config({"postgresql": {}})
