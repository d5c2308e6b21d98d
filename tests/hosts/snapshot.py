"""Asks every host at once, over SSH, through testinfra and the stack's own inventory.

One question a host brings back all that most checks read, so that nine hosts take seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from infra.aws.cli import MOST_TUNNELS
from infra.contract import Contract, ContractHost
from infra.paths import ROOT
from infra.reach.sent import program
from tests.hosts import database, own_files, promises
from tests.hosts.file_kinds import Like, Lines, Template
from tests.hosts.image_files import OF_THE_IMAGE
from tests.hosts.promises import mount_places, units

HERE = Path(__file__).parent
INVENTORY = ROOT / "ansible" / "inventory.pulumi_stack.yml"

#: Seconds. A dead host ends the connection, a hanging command its process on the host.
SSH_CONFIG = "Host *\n  BatchMode yes\n  ServerAliveInterval 5\n  ServerAliveCountMax 4\n"
PROBE_DEADLINE = 90


class Snapshot:
    """What one host has answered. A part that it could not read fails the check that asks for it."""

    def __init__(self, name: str, parts: dict[str, Any]) -> None:
        self.name = name
        self._parts = parts

    def __getitem__(self, part: str) -> Any:
        whole = self._parts.get("error")
        content = {"error": whole} if whole else self._parts[part]
        if isinstance(content, dict) and set(content) == {"error"}:
            pytest.fail(f"{self.name}: {part} cannot be read: {content['error']}", pytrace=False)
        return content


class Hosts:
    """The stack's hosts by name, reached as Ansible reaches them."""

    def __init__(self, contract: Contract) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="flashtier-verify-")
        config = Path(self._folder.name, "ssh_config")
        config.write_text(SSH_CONFIG)
        names = [host.name for host in contract.hosts]
        # The endpoint refuses more, and the last question's may not have ended yet.
        self._at_once = len(names) if contract.access.proxy is None else min(len(names), MOST_TUNNELS // 2)
        options = f"ansible_inventory={INVENTORY}&ssh_config={config}"
        self._hosts: dict[str, Host] = {
            name: testinfra.get_host(f"ansible://{name}?{options}") for name in names
        }
        # Read once, here: testinfra's cache of the inventory does not bear two threads at a time.
        runner = self._hosts[names[0]].backend.ansible_runner
        runner.inventory = _plain(runner.inventory)

    def close(self) -> None:
        self._folder.cleanup()

    def ask(self, program: str, questions: dict[str, Any]) -> dict[str, Any]:
        """Run a Python program on every host named in `questions`, all at once; its JSON answer by name.

        A host that does not answer, or answers no JSON, gives {"error": why}.
        """

        def one(name: str) -> Any:
            try:
                done = self._hosts[name].run(
                    "timeout %s python3 -c %s %s", str(PROBE_DEADLINE), program, json.dumps(questions[name])
                )
            except RuntimeError as error:  # testinfra: ssh itself failed
                return {"error": f"ssh: {_ssh_fault(error)}"}
            if done.rc:
                return {"error": f"rc {done.rc}: {_last_line(done.stderr)}"}
            return json.loads(done.stdout)

        with ThreadPoolExecutor(max_workers=min(len(questions), self._at_once)) as pool:
            return dict(zip(questions, pool.map(one, questions), strict=True))

    def ask_controller(self, program: str, question: Any) -> Any:
        """As `ask`, on this machine and as its user."""
        done = subprocess.run(
            [sys.executable, "-c", program, json.dumps(question)],
            capture_output=True,
            text=True,
            timeout=PROBE_DEADLINE,
            check=True,
        )
        return json.loads(done.stdout)

    def run(self, name: str, command: str, *args: str) -> str:
        """Standard output of a command on one host, as root; a command that fails fails the test."""
        try:
            done = self._hosts[name].run(command, *args)
        except RuntimeError as error:
            pytest.fail(f"{name}: ssh: {_ssh_fault(error)}", pytrace=False)
        if done.rc:
            pytest.fail(f"{name}: {command.split('%')[0].strip()}: {_last_line(done.stderr)}", pytrace=False)
        return str(done.stdout)


def _plain(inventory: Any) -> Any:
    """ansible-core 2.19 writes a plugin's string as {"__ansible_unsafe": text}; testinfra 10.2 wants text."""
    if isinstance(inventory, dict):
        if set(inventory) == {"__ansible_unsafe"}:
            return inventory["__ansible_unsafe"]
        return {key: _plain(value) for key, value in inventory.items()}
    return [_plain(value) for value in inventory] if isinstance(inventory, list) else inventory


def _ssh_fault(error: RuntimeError) -> str:
    """What ssh said; testinfra raises its whole result."""
    return _last_line(getattr(error.args[0], "stderr", str(error)))


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def probe_program() -> str:
    """The modules of tests/hosts/probe as one program."""
    return program("tests.hosts.probe", "answer(json.loads(sys.argv[1]))")


def reach_program() -> str:
    return (HERE / "reach.py").read_text()


def questions(
    contract: Contract,
    paths: Callable[[Contract, ContractHost], Iterable[str]],
    sql: dict[str, tuple[str, str]],
) -> dict[str, Any]:
    """What to ask each host. `paths` gives the files to read in addition to those of the contract."""
    names = [name for host in contract.hosts for name in (host.name, f"{host.name}.{contract.domain}")]
    return {
        host.name: {
            "address": host.address,
            "metadata": contract.platform == "aws",
            "devices": [volume.device for volume in host.volumes],
            "mount_points": mount_places(host),
            "paths": [
                *(volume.mount_point for volume in host.volumes),
                *(path for placed in host.placements for path in (placed.path, placed.source)),
                *paths(contract, host),
            ],
            "units": units(contract, host),
            "sysctls": [setting.name for setting in host.kernel],
            "names": names,
            **own_contents(host, contract),
            "ports": tls_ports(contract, host),
            "postgresql_port": contract.ports["postgresql"],
            "patroni_port": contract.ports["patroni"],
            "etcd_port": contract.ports["etcd_client"],
            "exporter_port": contract.ports["node_exporter"],
            "scope": contract.stack,
            "markers": database.markers(host),
            "sql": sql if "patroni" in host.components else {},
        }
        for host in contract.hosts
    }


def own_contents(host: ContractHost, contract: Contract) -> dict[str, list[str]]:
    """Files whose text is reported, none with a secret in it, and those that others are made from."""
    # Scripts of packages may make the image's on other images, too.
    files = OF_THE_IMAGE | own_files.expected(host, contract)
    contents = {path: content for path, (_, _, content) in files.items()}
    return {
        "texts": [
            path
            for path, content in contents.items()
            if isinstance(content, (Lines, Template))
            and not path.startswith(("/etc/flashtier/s3/", "/etc/patroni/", "/etc/pgbouncer/userlist.txt"))
        ],
        "sums": sorted({content.path for content in contents.values() if isinstance(content, Like)}),
    }


def tls_ports(contract: Contract, host: ContractHost) -> list[int]:
    """Ports of `host` that its units serve and that must speak TLS."""
    named = {port.name: port.tls for component in contract.components for port in component.ports}
    return sorted(
        {
            flow.port
            for flow in contract.flows
            if flow.destination == host.name
            and named[flow.port_name]
            and flow.port_name in promises.served(contract, host)
        }
    )


def stack_name() -> str:
    return os.environ.get("FLASHTIER_STACK") or "local"
