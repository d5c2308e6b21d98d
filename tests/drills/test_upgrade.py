"""An environment of the last release goes on with this tree, and loses nothing that it acknowledged.

The last release is the newest tag before this commit; before there were any, the tree with one server without
a copy, which is converted to a cluster. Its own `make up` brings the stack up, in a checkout of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.paths import ROOT
from tests.drills.cluster import WHOLE, Cluster
from tests.drills.counting import Counting
from tests.drills.hosts import Inside
from tests.drills.living import command, contract_of

#: The last tree before releases.
FIRST = "e33be36b"
BASE = Path("/var/tmp/flashtier-upgrade")  # noqa: S108 - a fixed name, so that it is found again
ENVIRONMENT = "flashtier:environment"


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def last_release() -> str:
    """A tag, or the commit before the first one."""
    tags = git("tag", "--list", "v*", "--merged", "HEAD~1", "--sort=-v:refname").split()
    return tags[0] if tags else FIRST


@pytest.fixture
def before() -> Iterator[Path]:
    """A checkout of the last release."""
    shutil.rmtree(BASE, ignore_errors=True)
    git("worktree", "prune")
    git("worktree", "add", "--detach", str(BASE), last_release())
    yield BASE
    git("worktree", "remove", "--force", str(BASE))


def make(tree: Path, *arguments: str) -> str:
    """`make up` in a tree, with the tools and variables of that tree. Fails with the end of its output."""
    own = ("FLASHTIER_STATE", "FLASHTIER_CACHE")
    known = {
        name: value
        for name, value in os.environ.items()
        if name in own or not name.startswith(("FLASHTIER_", "PULUMI_", "ANSIBLE_", "VIRTUAL_ENV", "UV_"))
    }
    done = subprocess.run(
        ["make", "--no-print-directory", "up", *arguments],
        cwd=tree,
        env=known,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, f"make up {' '.join(arguments)} in {tree}:\n{done.stdout[-3000:]}"
    return done.stdout


def take_over(stack: str, tree: Path) -> None:
    """What a person merges: this tree's environment, with the secrets that the stack has."""
    name = f"Pulumi.{stack}.yaml"
    old: dict[str, Any] = yaml.safe_load((tree / name).read_text())
    new: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    new |= {key: value for key, value in old.items() if key != "config"}
    new["config"] |= {key: value for key, value in old["config"].items() if key != ENVIRONMENT}
    (ROOT / name).write_text(yaml.safe_dump(new))


def test_an_environment_of_the_last_release_goes_on(
    stack: str, before: Path, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    command(stack, "tools/down", stack)
    make(before, f"STACK={stack}")
    take_over(stack, before)
    contract = contract_of_any(stack)
    authority = tmp_path / "ca.crt"
    authority.write_text(contract["ca_certificate"])
    # All that it reads of the contract is where the edge answers.
    client = Counting(contract["url"], authority, rate=20)
    done: list[str] = []
    converting = threading.Thread(target=lambda: done.append(make(ROOT, f"CONVERT={stack}")), daemon=True)
    with client:
        client.wait(100, 60)
        begun = time.monotonic()
        converting.start()
        converting.join(1800)
        seconds = time.monotonic() - begun
        assert done, "make up with this tree failed"
        client.wait(100, 60)
    made = contract_of(stack)
    assert made is not None
    cluster = Cluster(made, Inside(made))
    cluster.wait_whole(WHOLE)
    figure(cluster.report(f"{last_release()} to this tree in {seconds:.0f} s", client, begun, 0))
    cluster.tidy()
    make(ROOT, f"STACK={stack}")


def contract_of_any(stack: str) -> dict[str, Any]:
    """The contract as an earlier release wrote it, which this tree need not be able to read."""
    text = command(stack, "pulumi", "stack", "output", "contract", "--json", "-s", stack)
    found: dict[str, Any] = yaml.safe_load(text)
    return found
