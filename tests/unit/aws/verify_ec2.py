"""Runs tests/hosts against hosts on EC2 that are played, in a process of its own; prints what was found.

usage: verify_ec2.py <stack> <folder>; standard input: {"altered": {dotted path: value}, "changes": [...],
"files": [...], "without": [...], "whole_disk": bool}.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[2])]

from aws_contract import aws_contract  # noqa: E402
from ec2_api import Api  # noqa: E402
from ec2_cloud import Ec2Cloud  # noqa: E402
from ec2_hosts import Ec2Hosts  # noqa: E402

from infra import authority, stack  # noqa: E402
from infra.contract import SECRET_NAMES, Contract  # noqa: E402
from infra.paths import ca_certificate, passphrase_file  # noqa: E402
from tests.drills.verifier import verify  # noqa: E402
from tests.hosts.subject import Subject  # noqa: E402


def living(name: str, folder: Path) -> tuple[Contract, dict[str, str]]:
    """The contract of a shipped environment with keys that are there, and its secrets."""
    key = authority.new_key()
    secrets = {secret: f"unit-{secret}" for secret in SECRET_NAMES} | {"ca_private_key": key}
    private = folder / "id_ed25519"
    private.touch(mode=0o600)
    private.with_suffix(".pub").write_text("ssh-ed25519 AAAAunit controller\n")
    contract = aws_contract(name)
    contract = contract.model_copy(
        update={
            "ca_certificate": authority.certificate(name, key),
            "access": contract.access.model_copy(update={"private_key_file": str(private)}),
        }
    )
    passphrase_file().touch(mode=0o600)
    ca_certificate(name).parent.mkdir(parents=True, exist_ok=True)
    ca_certificate(name).write_text(contract.ca_certificate)
    return contract, secrets


def altered(contract: Contract, values: dict[str, Any]) -> Contract:
    tree: Any = json.loads(contract.model_dump_json())
    for path, value in values.items():
        *folders, last = (int(step) if step.isdigit() else step for step in path.split("."))
        at = tree
        for step in folders:
            at = at[step]
        at[last] = value
    return Contract.from_json(json.dumps(tree))


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    asked = json.load(sys.stdin)
    os.environ["FLASHTIER_STATE"] = str(folder)
    contract, secrets = living(name, folder)
    declared = altered(contract, asked.get("altered", {}))
    stack.outputs = lambda _: {"secrets": secrets}  # type: ignore[assignment]
    address = "198.51.100.7"
    socket.getaddrinfo = lambda *_, **__: [(socket.AF_INET, 1, 6, "", (address, 0))]  # type: ignore[assignment]
    objects: list[str] = []
    api = Api(contract, objects)
    hosts: Any = Ec2Hosts(
        contract, secrets, api, whole_disk=asked.get("whole_disk", False), changes=asked.get("changes", ())
    )
    subject = Subject(declared, hosts, Ec2Cloud(contract, objects), api.session(), recorded=False)
    outcome = verify(subject, traffic=True, files=asked.get("files", ()), without=asked.get("without", ()))
    ledger = outcome.ledger
    json.dump(
        {
            "faults": outcome.faults,
            "tests": outcome.tests,
            "checks": ledger.checks,
            "uncovered": ledger.uncovered(),
            "verified": sorted(ledger.verified),
            "failed": ledger.failed,
            "unsupported": ledger.unsupported,
            "left": objects,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
