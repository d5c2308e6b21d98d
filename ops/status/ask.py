"""Asks every host of a contract over SSH, all at once and by one deadline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from infra.contract import Contract, ContractHost
from infra.reach import ssh
from infra.reach.onhost.https import TLS
from infra.reach.sent import program

#: Seconds of the deadline that are left for SSH: a host then still says which of its daemons is late.
FOR_SSH = 2.0
#: Seconds that a host always has for its daemons.
LEAST = 1.0
PATRONI_FILE = "/etc/patroni/patroni.yml"


def answers(contract: Contract, known_hosts: Path, until: float) -> dict[str, Any]:
    """What the probe's `answer` prints, by host; {"error": why} of one that does not answer in time."""
    seconds = max(LEAST, until - time.monotonic() - FOR_SSH)
    programs = {
        name: program("ops.status.probe", f"answer({question!r})")
        for name, question in questions(contract, seconds).items()
    }
    return ssh.ask(contract, known_hosts, programs, until)


def questions(contract: Contract, seconds: float) -> dict[str, dict[str, Any]]:
    """What to ask each host. Members of the database begin with different endpoints of etcd."""
    etcd = [(host.address, contract.ports["etcd_client"]) for host in hosts(contract, "etcd")]
    members = [host.name for host in hosts(contract, "patroni")]

    def endpoints(host: ContractHost) -> list[tuple[str, int]]:
        if host.name not in members or not etcd:
            return []
        first = members.index(host.name) % len(etcd)
        return etcd[first:] + etcd[:first]

    return {
        host.name: {
            "seconds": seconds,
            "scope": contract.stack,
            "patroni": (host.address, contract.ports["patroni"]) if host.name in members else None,
            "etcd": (host.address, contract.ports["etcd_client"]) if "etcd" in host.components else None,
            "endpoints": endpoints(host),
            "folder": TLS,
            "patroni_file": PATRONI_FILE,
        }
        for host in contract.hosts
    }


def hosts(contract: Contract, component: str) -> list[ContractHost]:
    """Those that run it."""
    return [host for host in contract.hosts if component in host.components]
