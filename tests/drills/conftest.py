"""Drills break a whole environment on purpose and check that it recovers.

`make drills`, or `make drills DRILL=kills` for one. They use the stack in $FLASHTIER_STACK, `drill` where
none is named, bring it up themselves, and never touch the stack `local`. Each prints what it does and, at
the end, its figures.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting
from tests.drills.hosts import Inside
from tests.drills.living import bring_up
from tests.drills.verifier import Verifier

FIGURES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("drills")
    group.addoption("--rounds", type=int, default=int(os.environ.get("ROUNDS", "6")), help="number of kills")
    group.addoption(
        "--seed", type=int, default=int(os.environ.get("SEED", "0")), help="random seed; 0 draws one"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "machine: breaks what every environment of the machine uses")
    config.stash[FIGURES] = []
    config.option.seed = config.option.seed or random.SystemRandom().randrange(1, 1_000_000)
    # tools/env.sh sets `local` where no stack is named.
    if os.environ.get("FLASHTIER_STACK", "local") == "local":
        os.environ["FLASHTIER_STACK"] = "drill"


def pytest_report_header(config: pytest.Config) -> str:
    return f"drills on stack {os.environ['FLASHTIER_STACK']}, seed {config.option.seed}"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if lines := config.stash[FIGURES]:
        terminalreporter.section(f"figures, seed {config.option.seed}")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def _as_root() -> None:
    assert os.geteuid() == 0, "drills break LXD hosts, loop devices and mounts; run them as root"


@pytest.fixture(scope="session")
def stack() -> str:
    return os.environ["FLASHTIER_STACK"]


@pytest.fixture(scope="session")
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line now, and again at the end."""
    lines = request.config.stash[FIGURES]

    def say(line: str) -> None:
        print(f"\n-- {line}", flush=True)
        lines.append(line)

    return say


@pytest.fixture(scope="session")
def draw(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.config.option.seed)  # noqa: S311 - decides what breaks when, not a secret


@pytest.fixture(scope="session")
def verifier(stack: str, figure: Callable[[str], None]) -> Iterator[Verifier]:
    """The verification of the stack, which is brought up first unless it is as declared."""
    made = bring_up(stack, figure)
    yield made
    made.close()


@pytest.fixture
def cluster(verifier: Verifier) -> Iterator[Cluster]:
    """Three members or more, whole before and after a drill."""
    made = Cluster(verifier.contract, Inside(verifier.contract))
    if len(made.members) < 3:
        pytest.skip(f"{len(made.members)} members: a quorum needs three")
    made.wait_whole(WHOLE)
    yield made
    made.wait_whole(WHOLE)
    made.tidy()
    verifier.hosts.forget(*made.members)


@pytest.fixture
def client(verifier: Verifier, tmp_path: Path) -> Counting:
    """Uploads from outside, through the edge, once it is entered."""
    authority = tmp_path / "ca.crt"
    authority.write_text(verifier.contract.ca_certificate)
    return Counting(verifier.contract.url, authority)
