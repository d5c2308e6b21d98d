"""SSH to the hosts of a contract, as its access says: the same for Ansible and `flashtier status`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.aws.cli import MOST_TUNNELS, open_tunnel
from infra.contract import Contract, ContractHost

#: Seconds that a killed ssh has to close what it wrote to.
_CLOSES = 0.5


def options(contract: Contract, host: ContractHost, known_hosts: Path) -> dict[str, str]:
    """ssh's options by name. `known_hosts` holds the hosts' own keys; no other key is accepted."""
    found = {
        "UserKnownHostsFile": str(known_hosts),
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
    }
    if contract.access.proxy is not None:
        found["ProxyCommand"] = open_tunnel(contract.access.proxy, host)
    return found


def command(
    contract: Contract, host: ContractHost, known_hosts: Path, words: Sequence[str], seconds: float
) -> list[str]:
    """The command line that runs `words` on the host. `seconds`: for the connection, at least 1."""
    given = options(contract, host, known_hosts) | {
        "BatchMode": "yes",
        "ControlMaster": "no",
        "ControlPath": "none",
        "ConnectTimeout": str(max(1, int(seconds))),
        "LogLevel": "ERROR",
    }
    access = contract.access
    return [
        "ssh",
        "-T",
        *("-i", access.private_key_file),
        *(word for name, value in given.items() for word in ("-o", f"{name}={value}")),
        f"{access.user}@{host.address}",
        *words,
    ]


def ask(contract: Contract, known_hosts: Path, programs: Mapping[str, str], until: float) -> dict[str, Any]:
    """Run a Python program as root on each host named in `programs`, all at once; its JSON answer by name.

    A program goes over standard input, so no host lists it among its processes. `until`: `time.monotonic()`
    at which an answer comes too late. A host that gives none has {"error": why}.
    """

    def one(name: str) -> object:
        left = until - time.monotonic()
        if left <= 0:
            return {"error": "there was no time left to ask it"}
        words = ("sudo", "-n", "timeout", f"{left:.1f}", "python3", "-")
        return _run(command(contract, contract.host(name), known_hosts, words, left), programs[name], left)

    # The endpoint on AWS refuses more.
    at_once = len(programs) if contract.access.proxy is None else min(len(programs), MOST_TUNNELS // 2)
    with ThreadPoolExecutor(max_workers=max(1, at_once)) as pool:
        return dict(zip(programs, pool.map(one, programs), strict=True))


def _run(command: Sequence[str], text: str, seconds: float) -> object:
    """A session of its own: with ssh ends what carries it, which would keep the pipes open."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        try:
            output, said = started.communicate(text, timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.communicate(timeout=_CLOSES)
            return {"error": f"no answer within {seconds:.0f} s"}
    return read(started.returncode, output, said)


def read(code: int, output: str, said: str) -> object:
    """What a program printed, as JSON; {"error": why} where it failed. Pure. ssh itself ends with 255."""
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "no reason given")
    if code == 255:
        return {"error": last if last.startswith("ssh:") else f"ssh: {last}"}
    if code:
        return {"error": f"it ended with {code}: {last}"}
    try:
        return json.loads(output)
    except ValueError:
        return {"error": f"it answers no JSON: {output[:80]!r}"}
