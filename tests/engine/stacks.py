"""A stack of the tests' own on the real Pulumi CLI, with its own backend, configuration, range and state.

All its files are under BASE, so that the next run finds and removes what a killed run left.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from infra.contract import Contract
from infra.local import loops
from infra.local.sweep import sweep
from infra.paths import ROOT
from infra.stack.secrets import ensure
from tests.support.declared import alone

#: On a disk: loop devices with direct I/O do not work on a memory file system, which /tmp may be.
BASE = Path("/var/tmp/flashtier-engine-tests")  # noqa: S108 - a fixed name, so that it is found again
STACK = "eng1"


class Engine:
    """One stack. `environment` is what its configuration declares; `up` and `write` write it."""

    def __init__(self, base: Path, stack: str, cidr: str) -> None:
        self.stack = stack
        self.base = base
        self.config = base / f"Pulumi.{stack}.yaml"
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")},
            "FLASHTIER_STATE": str(base / "state"),
            "PULUMI_BACKEND_URL": f"file://{base}/state/pulumi",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(base / "state/passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        self.environment = small(cidr)
        self._contract: Contract | None = None

    def prepare(self) -> None:
        """Create the stack with its secrets, and nothing on the machine."""
        assert shutil.which("pulumi"), "pulumi is not on PATH; run `. tools/env.sh`"
        os.environ.update(self.variables)
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.write()
        ensure(self.stack, self.config)

    def write(self) -> None:
        """Write the environment into the configuration, next to the existing secrets."""
        read = yaml.safe_load(self.config.read_text()) if self.config.exists() else {}
        read.setdefault("config", {})["flashtier:environment"] = self.environment
        self.config.write_text(yaml.safe_dump(read))

    def command(self, *arguments: str) -> list[str]:
        stack = [] if arguments[0] == "cancel" else ["-s", self.stack]
        reads = arguments[0] in ("up", "preview", "destroy", "import", "config")
        config = ["--config-file", str(self.config)] if reads else []
        return ["pulumi", "--non-interactive", "--color=never", *arguments, *stack, *config]

    def run(self, *arguments: str, seconds: float = 180) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )

    def pulumi(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self, *arguments: str) -> str:
        self.write()
        self._contract = None
        return self.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", *arguments)

    def contract(self) -> Contract:
        if self._contract is None:
            self._contract = self._read_contract()
        return self._contract

    def _read_contract(self) -> Contract:
        return Contract.from_json(self.pulumi("stack", "output", "contract", "--json"))

    def destroy(self) -> None:
        self.pulumi("state", "unprotect", "--all", "--yes")
        self.pulumi("destroy", "--yes", "--skip-preview")

    def traces(self) -> list[str]:
        """Everything of the stack on the machine, searched with the machine's own tools."""
        listings = [
            ["lxc", "list", "local:", "--all-projects", "--format=csv", "--columns=en"],
            ["lxc", "project", "list", "local:", "--format=csv"],
            ["lxc", "network", "list", "local:", "--format=csv"],
            ["lxc", "storage", "list", "local:", "--format=csv"],
            ["losetup", "--list", "--noheadings", "--output=NAME,BACK-FILE"],
            ["ip", "-oneline", "address"],
            ["ip", "route", "show", "table", "all"],
            ["findmnt", "--list", "--noheadings", "--output=TARGET"],
            ["find", f"/dev/flashtier/{self.stack}", f"/run/flashtier/{self.stack}"],
            ["find", str(self.base / "state" / self.stack / "volumes")],
            ["ps", "-ww", "-C", "nbdkit,nbdfuse,dnsmasq,lxd", "-o", "args"],
        ]
        marks = (f"flashtier-{self.stack}", f"ft-{self.stack}", f"/{self.stack}/", self.subnet())
        found = []
        for command in listings:
            text = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
            found += [line for line in text.splitlines() if any(mark in line for mark in marks)]
        return found

    def subnet(self) -> str:
        return str(self.environment["network"]["cidr"]).removesuffix("0/24")

    def ssh(self, host: str, command: str) -> str:
        """Run a command on a host as the operator, with the host key that the contract gives."""
        contract = self.contract()
        declared = contract.host(host)
        known = self.base / "known_hosts"
        known.write_text(f"{declared.address} {declared.ssh_host_key}\n")
        done = subprocess.run(
            [
                *("ssh", "-i", contract.access.private_key_file, "-o", f"UserKnownHostsFile={known}"),
                *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "GlobalKnownHostsFile=/dev/null"),
                *(f"{contract.access.user}@{declared.address}", command),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def playbook(self, *arguments: str) -> None:
        """Run the real playbook, or a part of it, on the stack's hosts."""
        done = subprocess.run(
            ["ansible-playbook", "-i", "ansible/inventory.pulumi_stack.yml", "ansible/site.yml", *arguments],
            cwd=ROOT,
            env={**self.variables, "FLASHTIER_STACK": self.stack},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    def lxc(self, *arguments: str) -> str:
        command = ["lxc", "--project", f"flashtier-{self.stack}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def small(cidr: str) -> dict[str, Any]:
    """Every tier and both classes of volumes with as few hosts as possible."""
    read = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]["flashtier:environment"]
    read["network"]["cidr"] = cidr
    alone(read)
    read["web"]["count"] = read["control"]["count"] = 1
    read["database"]["size"]["vcpus"] = 1
    return dict(read)


def fresh(stack: str, cidr: str) -> Engine:
    """A stack of which nothing exists, whatever an earlier run left."""
    engine = Engine(BASE / stack, stack, cidr)
    os.environ.update(engine.variables)
    sweep(stack, check=False)
    for device, file in loops.bound().items():
        if file.is_relative_to(engine.base):
            loops.detach(device)
    shutil.rmtree(engine.base, ignore_errors=True)
    engine.prepare()
    return engine


def changed(text: str) -> dict[str, str]:
    """What a run did, by the resource's name: created, updated, replaced or deleted."""
    line = r"^ *\S+ +lxd:index:\w+ (\S+) (created|updated|replaced|deleted)\b"
    return dict(re.findall(line, text, re.MULTILINE))


def proposed(text: str) -> dict[str, str]:
    """What a preview would do, by the resource's name: create, update, replace or delete."""
    line = r"^ *\S+ +lxd:index:\w+ (\S+) (create|update|replace|delete)\b"
    return dict(re.findall(line, text, re.MULTILINE))


def until(what: str, ready: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"{what}: not reached after {seconds} s"
        time.sleep(0.1)
