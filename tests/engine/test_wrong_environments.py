"""Every wrong environment fails the real preview with one line: the key, the value and the fix."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engine.stacks import Engine, fresh, small

RANGE = "10.90.6.0/24"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    stack = fresh("engw", RANGE)
    route = ["unreachable", "10.90.3.128/25"]
    subprocess.run(["ip", "route", "replace", *route], check=True, timeout=10)
    yield stack
    subprocess.run(["ip", "route", "del", *route], check=True, timeout=10)
    shutil.rmtree(stack.base)


def _set(*path: str | int, value: Any) -> Callable[[Any], None]:
    def change(environment: Any) -> None:
        for key in path[:-1]:
            environment = environment[key]
        environment[path[-1]] = value

    return change


KEY = "flashtier:environment"
CORES = os.cpu_count() or 1
WRONG = {
    "unknown key": (
        _set("database", "memmbers", value=3),
        [f"{KEY}.database.memmbers = 3", "is not a key", "correct its spelling"],
    ),
    "placement on a missing volume": (
        _set("database", "placement", "wal", value="nvme"),
        [f"{KEY}.database.placement.wal", "'nvme'", "take one of flash, network"],
    ),
    "range too small": (
        _set("network", "cidr", value="10.90.2.0/28"),
        [f"{KEY}.network.cidr = '10.90.2.0/28'", "too small", "take a /24"],
    ),
    "range that the machine routes": (
        _set("network", "cidr", value="10.90.3.0/24"),
        [f"{KEY}.network.cidr = '10.90.3.0/24'", "overlaps the route 10.90.3.128/25", "take a range"],
    ),
    "duplicate names": (
        _set("database", "volumes", 1, "name", value="flash"),
        [f"{KEY}.database.volumes", "'flash' is given twice", "its own name"],
    ),
    "a size that cannot hold the data": (
        _set("database", "expected_data_gib", value=500),
        [f"{KEY}.database.expected_data_gib", "500 GiB do not fit", "make it at least"],
    ),
    "more disk than there is": (
        _set("database", "volumes", 0, "size_gib", value=60_000),
        [f"{KEY}", "size_gib", "GiB that the machine keeps", "make volumes smaller"],
    ),
    "more cores than there are": (
        _set("web", "size", "vcpus", value=CORES + 1),
        [f"{KEY}.web.size.vcpus = {CORES + 1}", f"this machine has {CORES} cores", f"take at most {CORES}"],
    ),
    "more memory than there is": (
        _set("web", "size", "memory_mib", value=1_000_000),
        [f"{KEY}", "size.memory_mib", "this machine has", "lower the sizes"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_preview_ends_with_one_line(engine: Engine, case: str) -> None:
    change, expected = WRONG[case]
    engine.environment = small(RANGE)
    change(engine.environment)
    engine.write()
    done = engine.run("preview")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    diagnostics = done.stdout.split("Diagnostics:")[1]
    lines = [line for line in diagnostics.splitlines() if KEY in line]
    assert len(lines) == 1, done.stdout
    for part in expected:
        assert part in lines[0]
    engine.environment = small(RANGE)
    assert engine.traces() == []


def test_all_faults_are_reported_at_once(engine: Engine) -> None:
    engine.environment = small(RANGE)
    engine.environment["edgee"] = 1
    engine.environment["database"]["members"] = 0
    engine.write()
    done = engine.run("preview")
    for key in (f"{KEY}.edgee = 1", f"{KEY}.database.members = 0"):
        assert key in done.stdout.split("Diagnostics:")[1]
