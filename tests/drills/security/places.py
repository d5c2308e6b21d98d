"""Where a drill runs its programs: hosts (past their network, through LXD), namespaces, the controller."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.contract import Contract
from infra.local import names

SOCKETS = (Path(__file__).parent / "sockets.py").read_text()


def on_host(stack: str, host: str) -> list[str]:
    """The prefix of a command that runs on a host as root, with its standard input."""
    return ["lxc", "--project", names.project(stack), "exec", f"local:{host}", "--"]


def in_namespace(name: str) -> list[str]:
    return ["ip", "netns", "exec", name]


def host_places(contract: Contract) -> dict[str, list[str]]:
    return {host.name: on_host(contract.stack, host.name) for host in contract.hosts}


def run(
    place: Sequence[str],
    *command: str,
    text: bytes | None = None,
    seconds: float = 120,
    allowed: Sequence[int] = (0,),
) -> str:
    """Standard output of a command at a place. Its input may be secret: no traceback shows it."""
    __tracebackhide__ = True
    done = subprocess.run(
        [*place, *command],
        input=text if text is not None else b"",
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    said = done.stderr.decode(errors="replace").strip()
    assert done.returncode in allowed, (
        f"{' '.join([*place, *command])[:200]}: {done.returncode}: {said[-500:]}"
    )
    return done.stdout.decode(errors="replace")


def everywhere(places: Mapping[str, Sequence[str]], *command: str, seconds: float = 120) -> dict[str, str]:
    """The same command at all places at once."""
    with ThreadPoolExecutor(max_workers=len(places)) as pool:
        answers = pool.map(lambda place: run(place, *command, seconds=seconds), places.values())
        return dict(zip(places, answers, strict=True))


Target = tuple[str, str, int]


def attempt(places: Mapping[str, Sequence[str]], targets: Mapping[str, list[Target]]) -> dict[str, list[str]]:
    """The answers of each place's targets, all places at once."""

    def one(name: str) -> list[str]:
        python = sys.executable if not places[name] else "python3"
        asked = json.dumps(targets[name])
        answers: list[str] = json.loads(run(places[name], python, "-c", SOCKETS, "try", asked))
        return answers

    with ThreadPoolExecutor(max_workers=len(targets)) as pool:
        return dict(zip(targets, pool.map(one, targets), strict=True))


@contextmanager
def listening(
    place: Sequence[str], addresses: list[str], ports: Mapping[str, list[int]], seconds: int
) -> Iterator[None]:
    """A program listens on every port at a place, for `seconds` at most."""
    asked: dict[str, Any] = {"addresses": addresses, **ports, "seconds": seconds}
    python = sys.executable if not place else "python3"
    with subprocess.Popen(
        [*place, python, "-c", SOCKETS, "serve", json.dumps(asked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin
        assert server.stdout
        try:
            said = server.stdout.readline()
            assert "in_use" in said, f"{place}: does not listen"
            yield
            assert server.poll() is None, f"{place}: has stopped listening"
        finally:
            server.stdin.close()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
