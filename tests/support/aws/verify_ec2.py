"""Runs tests/hosts against hosts on EC2 that are played, in a process of its own; prints what was found.

usage: python -m tests.support.aws.verify_ec2 <stack> <folder>
Standard input: {"altered": {dotted path: value}, "each": bool, "changes": [...], "files": [...],
"without": [...], "whole_disk": bool, "two": bool}. `each`: every value, in turn. `two`: with a second
application's database.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from infra.contract import Contract
from infra.paths import ca_certificate, passphrase_file
from infra.stack import authority
from infra.stack import outputs as stack
from tests.drills.doctored import Altered, alterations, doctored, dotted
from tests.drills.verifier import Outcome, verify
from tests.hosts.subject import Subject
from tests.support import secret_values
from tests.support.aws.ec2_api import Api
from tests.support.aws.ec2_cloud import Ec2Cloud
from tests.support.aws.ec2_hosts import Ec2Hosts
from tests.support.aws_contract import aws_contract


def living(name: str, folder: Path, two: bool) -> tuple[Contract, dict[str, str]]:
    """The contract of a shipped environment with keys that are there, and its secrets."""
    key = authority.new_key()
    private = folder / "id_ed25519"
    private.touch(mode=0o600)
    private.with_suffix(".pub").write_text("ssh-ed25519 AAAAunit controller\n")
    contract = aws_contract(name, two)
    secrets = secret_values.made_up(contract.database.roles) | {"ca_private_key": key}
    contract = contract.model_copy(
        update={
            "ca_certificate": authority.certificate(name, key),
            "access": contract.access.model_copy(update={"private_key_file": str(private)}),
        }
    )
    os.environ["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(folder / "passphrase")
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


class Played:
    """A stack on AWS of which hosts, balancer and AWS itself answer from memory."""

    def __init__(self, name: str, folder: Path, whole_disk: bool, changes: Any, two: bool) -> None:
        self.contract, secrets = living(name, folder, two)
        self.objects: list[str] = []
        stack.outputs = lambda _: {"secrets": secrets}  # type: ignore[assignment]
        self._api = Api(self.contract, self.objects)
        self._hosts: Any = Ec2Hosts(self.contract, secrets, self._api, whole_disk=whole_disk, changes=changes)

    def verify(self, declared: Contract, **chosen: Any) -> Outcome:
        cloud = Ec2Cloud(self.contract, self.objects)  # a new one: it keeps what it was answered
        subject = Subject(declared, self._hosts, cloud, self._api.session(), recorded=False)
        return verify(subject, traffic=True, **chosen)


def told(outcome: Outcome, objects: list[str]) -> dict[str, Any]:
    ledger = outcome.ledger
    return {
        "faults": outcome.faults,
        "uncovered": ledger.uncovered(),
        "failed": ledger.failed,
        "unsupported": ledger.unsupported,
        "left": objects,
    }


def each(played: Played, **chosen: Any) -> dict[str, Any]:
    """Each declared value altered, those of one field together: which of them does not fail for itself?"""
    together: dict[str, list[Altered]] = defaultdict(list)
    for one in alterations(played.contract):
        if not one.renamed:
            together[one.field].append(one)
    found: dict[str, Any] = {"fields": len(together), "unnoticed": [], "unsupported": []}
    for _, group in sorted(together.items()):
        ledger = played.verify(doctored(played.contract, group), **chosen).ledger
        for one in group:
            if one.facts <= set(ledger.unsupported):
                found["unsupported"] += sorted(one.facts)
            elif not one.facts <= set(ledger.failed):
                found["unnoticed"].append(f"{dotted(one.path)}: {one.before!r} -> {one.after!r}")
    return found


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    asked = json.load(sys.stdin)
    os.environ["FLASHTIER_STATE"] = str(folder)
    address = "198.51.100.7"
    socket.getaddrinfo = lambda *_, **__: [(socket.AF_INET, 1, 6, "", (address, 0))]
    whole_disk, two = asked.get("whole_disk", False), asked.get("two", False)
    played = Played(name, folder, whole_disk, asked.get("changes", ()), two)
    chosen = {"files": asked.get("files", ()), "without": asked.get("without", ())}
    if asked.get("each"):
        result = each(played, **chosen)
    else:
        declared = altered(played.contract, asked.get("altered", {}))
        result = told(played.verify(declared, **chosen), played.objects)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
