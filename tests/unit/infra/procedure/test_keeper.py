"""The keeper: a host holds the lock for as long as the playbook's process lives, and hears how it ended."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT
from infra.procedure.keeper import RUNS, STOPPED, address
from tests.support.gateway import until

#: In place of ssh: it answers as a host would, and keeps what it is sent.
HOST = """\
import os, sys
name, says, log = sys.argv[-3:]
lines = os.fdopen(0, "rb", 0)
with open(log, "a", buffering=1) as out:
    out.write(f"{name} program {lines.readline().decode().strip()}\\n")
    if says == "fails":
        sys.exit("ssh: connect to host: No route to host")
    print(says, flush=True)
    for line in lines:
        if line.strip():
            out.write(f"{name} {line.decode()}")
        if name == "dies" and not line.strip():
            break
    out.write(f"{name} over\\n")
"""
TAKEN = '{"state": "taken"}'
REFUSED = '{"state": "refused", "holder": {"procedure": "rolling"}}'


class Playbook:
    """A process that stands for ansible-playbook, and a keeper for it."""

    def __init__(self, folder: Path) -> None:
        self.log, self.ssh = folder / "log", folder / "ssh"
        self.ssh.write_text(f"#!{sys.executable}\n{HOST}")
        self.ssh.chmod(0o755)
        # What a shell starts in the background ignores SIGINT, and so would this.
        self.process = subprocess.Popen(["env", "--default-signal=INT", "sleep", "60"])
        self.keepers: list[subprocess.Popen[bytes]] = []

    def keeper(self, **hosts: str) -> dict[str, Any]:
        """What the keeper says first. `hosts`: what each answers with."""
        pidfd = os.pidfd_open(self.process.pid)
        keeper = subprocess.Popen(
            [sys.executable, "-m", "infra.procedure.keeper"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[pidfd],
            start_new_session=True,
        )
        self.keepers.append(keeper)
        os.close(pidfd)
        given = {
            "pid": self.process.pid,
            "pidfd": pidfd,
            "connect": 1,
            "hosts": {name: [str(self.ssh), name, says, str(self.log)] for name, says in hosts.items()},
            "question": {"resumed": False},
        }
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        keeper.stdin.write(json.dumps(given).encode())
        keeper.stdin.close()
        assert select.select([keeper.stdout], [], [], 20)[0]
        found: dict[str, Any] = json.loads(keeper.stdout.readline())
        return found

    def lines(self) -> list[str]:
        text = self.log.read_text() if self.log.exists() else ""
        return [line for line in text.splitlines() if " program " not in line]

    def questions(self) -> list[str]:
        """What each host was asked, in order."""
        packed = re.findall(r"b64decode\('([^']+)'\)", self.log.read_text())
        return [zlib.decompress(b64decode(one)).decode().splitlines()[-1] for one in packed]

    def ends(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(10)

    def is_over(self) -> bool:
        return all(keeper.poll() is not None for keeper in self.keepers)


@pytest.fixture
def playbook(tmp_path: Path) -> Iterator[Playbook]:
    started = Playbook(tmp_path)
    yield started
    started.process.kill()
    started.process.wait(10)
    for keeper in started.keepers:
        keeper.wait(20)
        assert keeper.stdout is not None
        keeper.stdout.close()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_playbook_that_is_killed_frees_the_lock_at_once(playbook: Playbook, number: int) -> None:
    assert playbook.keeper(control1=TAKEN) == {"state": "taken", "host": "control1"}
    with within(1.5):
        playbook.ends(number)
        until(playbook.is_over, "the keeper's end")
    assert playbook.lines() == [f'control1 {{"outcome": "{STOPPED}"}}', "control1 over"]


def test_a_playbook_that_ends_says_how(playbook: Playbook) -> None:
    playbook.keeper(control1=TAKEN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.sendto(b"failed", address(playbook.process.pid))
    playbook.ends()
    until(playbook.is_over)
    assert playbook.lines() == ['control1 {"outcome": "failed"}', "control1 over"]


def test_the_lock_stays_while_the_playbook_runs(playbook: Playbook) -> None:
    playbook.keeper(control1=TAKEN)
    time.sleep(0.5)
    assert (playbook.is_over(), playbook.lines()) == (False, [])


def test_the_next_host_is_asked_where_one_does_not_answer(playbook: Playbook) -> None:
    found = playbook.keeper(control1="fails", control2='{"state": "unavailable", "why": "x"}', control3=TAKEN)
    assert found == {"state": "taken", "host": "control3"}


def test_it_says_why_no_host_gives_the_lock(playbook: Playbook) -> None:
    found = playbook.keeper(control1="fails", control2="nonsense")
    assert found == {
        "state": "unavailable",
        "why": "control1: ssh ended with 1: ssh: connect to host: No route to host; "
        "control2: it answers no JSON: b'nonsense\\n'",
    }
    until(playbook.is_over)


def test_a_keeper_that_is_refused_ends(playbook: Playbook) -> None:
    found = playbook.keeper(control1=REFUSED, control2=TAKEN)
    assert found == {"state": "refused", "holder": {"procedure": "rolling"}, "host": "control1"}
    until(playbook.is_over)
    assert playbook.lines() == ["control1 over"]


def test_another_host_goes_on_with_the_lock_where_one_is_lost(playbook: Playbook) -> None:
    assert playbook.keeper(dies=TAKEN, control2=TAKEN)["host"] == "dies"
    until(lambda: playbook.log.read_text().count(" program ") == 2, "the second contact")
    assert playbook.questions() == [
        "answer({'resumed': False})",
        "answer({'resumed': True, 'maintenance': None})",
    ]
    playbook.ends()
    until(playbook.is_over)
    assert playbook.lines() == ["dies over", f'control2 {{"outcome": "{STOPPED}"}}', "control2 over"]


def test_a_second_playbook_of_the_same_run_needs_no_second_keeper(playbook: Playbook) -> None:
    playbook.keeper(control1=TAKEN)
    assert playbook.keeper(control1=TAKEN) == {"state": "held already"}
    assert playbook.keepers[1].wait(10) == 0
    assert playbook.keepers[0].poll() is None


def test_what_the_host_runs_leaves_the_rest_of_its_input(tmp_path: Path) -> None:
    text = "import os; print(os.read(0, 9).decode())\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUNS],
        input=f"{text}and more",
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout.strip() == "and more"
