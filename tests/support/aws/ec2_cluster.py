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
PROBE = "flashtier_probe"


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
        **{
            f"/flashtier/{contract.stack}/probes/{name}": json.dumps(
                {"host": name, "verdict": "fine", "why": "", "since": 1.0}
                | {part: {"state": "fine", "seconds": 0.001} for part in ("data", "wal", "connection")}
            )
            for name in contract.database.members
        },
        **takeover(contract),
    }


def takeover(contract: Contract) -> dict[str, str]:
    """What hosts publish of their parts in a takeover."""
    prefix = f"/flashtier/{contract.stack}/takeover"
    found: dict[str, dict[str, Any]] = {}
    for host in contract.hosts:
        if "seal" in host.components:
            found[f"{prefix}/agents/{host.name}"] = {"host": host.name, "sealed": []}
        if "release" in host.components:
            found[f"{prefix}/units/{host.name}"] = {
                "host": host.name,
                "enabled": contract.database.takeover,
                "hindered": [],
            }
    return {key: json.dumps(value) for key, value in found.items()}


def probed(contract: Contract, host: ContractHost) -> Any:
    """None where the host has no probe."""
    if "probe" not in host.components:
        return None
    limits = contract.database.probe
    volumes = {one.purpose: one.volume for one in host.placements if one.purpose in ("data", "wal")}
    parts = {**volumes, "connection": ""}
    states = ("fine", "hung", "failing", "full", "absent", "unknown")
    return {
        "age": 2.0,
        "folders": dict.fromkeys((volume.name for volume in host.volumes), "0700 postgres"),
        "figures": {
            f"{PROBE}_period_seconds": limits.period_ms / 1000,
            f"{PROBE}_failures": limits.failures,
            f"{PROBE}_connection_deadline_seconds": limits.connection_ms / 1000,
            **{
                f'{PROBE}_volume_deadline_seconds{{volume="{one.name}"}}': one.deadline_ms / 1000
                for one in limits.volumes
            },
            **{f'{PROBE}_verdict{{verdict="{one}"}}': one == "fine" for one in ("fine", "stuck", "unknown")},
            **{
                f'{PROBE}_state{{part="{part}",state="{state}"}}': state == "fine"
                for part in parts
                for state in states
            },
            **{
                f'{PROBE}_seconds{{part="{part}",volume="{volume}"}}': 0.001 for part, volume in parts.items()
            },
        },
    }
