"""A cluster of members, as tests/hosts/probe/patroni.py reports it, where all is as declared."""

from __future__ import annotations

import json
from typing import Any

from infra.contract import Contract, ContractHost
from tests.hosts import database
from tests.hosts.database import locked
from tests.hosts.file_kinds import Release
from tests.support.aws.ec2_system import MACHINE

CLUSTER = "7400000000000000001"


def leader(contract: Contract) -> str:
    """The last member: any may lead."""
    return contract.database.members[-1]


def config(contract: Contract) -> Any:
    return contract.database.patroni.model_dump(mode="json")


def markers(contract: Contract, host: ContractHost) -> dict[str, str]:
    uuids = {f"{volume.mount_point}/.flashtier-member": volume.uuid for volume in host.volumes}
    head = f"stack={contract.stack}\nhost={host.name}\n"
    return {
        path: f"{head}uuid={uuids[path]}\nsystem_identifier={CLUSTER}\n" for path in database.markers(host)
    }


def member(contract: Contract, host: ContractHost) -> Any:
    """None where the host has none."""
    if "patroni" not in host.components:
        return None
    follows = "quorum_standby" if contract.durability.quorum else "replica"
    return {
        "patroni": {
            "patroni": {"version": locked(), "scope": contract.stack, "name": host.name},
            "database_system_identifier": CLUSTER,
        },
        "cluster": {
            "scope": contract.stack,
            "members": [
                {
                    "name": name,
                    "role": "leader" if name == leader(contract) else follows,
                    "state": "running" if name == leader(contract) else "streaming",
                    "host": contract.host(name).address,
                    "timeline": 3,
                }
                for name in contract.database.members
            ],
        },
        "config": config(contract),
        "no certificate": "refused",
        "no password": 401,
        "program": Release("patroni", "bin/patroni").on(MACHINE),
        "medium": "",
        "markers": markers(contract, host),
    }


def keys(contract: Contract, host: ContractHost) -> Any:
    """What the host's member of etcd holds; None where it has none."""
    if "etcd" not in host.components:
        return None
    leads, service = leader(contract), f"/service/{contract.stack}"
    standbys = [name for name in contract.database.members if name != leads]
    voters = ",".join(standbys) if contract.durability.quorum else None
    return {
        f"{service}/initialize": CLUSTER,
        f"{service}/leader": leads,
        f"{service}/config": json.dumps(config(contract)),
        f"{service}/sync": json.dumps({"leader": leads, "sync_standby": voters, "quorum": len(standbys) - 1}),
        f"{service}/status": f'{{"optime": {host.address.rpartition(".")[2]}}}',
        **{
            f"/flashtier/{contract.stack}/members/{name}": json.dumps(
                {"name": name, "volumes": markers(contract, contract.host(name))}
            )
            for name in contract.database.members
        },
    }
