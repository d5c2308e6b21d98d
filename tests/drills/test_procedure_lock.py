"""Two procedures at once: the second is refused by name, and the first one's end frees the lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT
from tests.drills.hosts import Inside
from tests.drills.living import INVENTORY
from tests.drills.runs import below, environment, until
from tests.drills.verifier import Verifier

#: Seconds in which a lock must be free whatever became of its holder.
FREE = 20
TAKEN = "site holds the lock of procedures"


def held(stack: str) -> Any:
    done = subprocess.run(
        [Path(sys.executable).with_name("flashtier"), "status", "-s", stack, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return json.loads(done.stdout)["procedures"]


def words(playbook: str) -> list[str]:
    return ["ansible-playbook", "-i", INVENTORY, f"ansible/{playbook}.yml"]


@contextmanager
def site(stack: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """site.yml, from the moment that it has the lock."""
    with log.open("w") as output:
        process = subprocess.Popen(
            words("site"),
            cwd=ROOT,
            env=environment(stack),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        until("the lock", lambda: TAKEN in log.read_text(), 120)
        yield process
    finally:
        process.kill()
        process.wait(30)


def audit(verifier: Verifier, pid: int) -> list[dict[str, Any]]:
    """Lines about a playbook's process, of all control hosts."""
    inside, lines = Inside(verifier.contract), []
    for host in verifier.contract.hosts:
        if "etcd" in host.components:
            said = inside.run(host.name, "journalctl -t flashtier-procedure -o cat --no-pager")
            lines += [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [line for line in lines if line["holder"].endswith(f" pid {pid}")]


def test_a_second_procedure_is_refused_and_names_the_first(
    verifier: Verifier, stack: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with site(stack, tmp_path / "first.log"):
        since = time.monotonic()
        done = subprocess.run(
            words("playbooks/switchover"),
            cwd=ROOT,
            env=environment(stack),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        took = time.monotonic() - since
    assert done.returncode != 0
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("[ERROR]")]
    assert f"switchover: {TAKEN}" in line
    assert os.uname().nodename in line
    figure(f"a second procedure refused after {took:.1f} s")


@pytest.mark.parametrize("whose", ["playbook", "playbook and all below it"])
def test_a_killed_procedure_frees_the_lock(
    verifier: Verifier, stack: str, tmp_path: Path, figure: Callable[[str], None], whose: str
) -> None:
    with site(stack, tmp_path / "first.log") as process:
        assert [one["name"] for one in held(stack)] == ["site"]
        for one in list(below(process.pid))[:: 1 if "all" in whose else 1000]:
            os.kill(one.pid, 9)
        since = time.monotonic()
        until("the lock's end", lambda: held(stack) == [], FREE)
        figure(f"{whose} killed: the lock was free after {time.monotonic() - since:.1f} s")
    lines = audit(verifier, process.pid)
    assert [line["event"] for line in lines] == ["begin", "end"]
    assert lines[-1]["outcome"] == "killed or interrupted"
