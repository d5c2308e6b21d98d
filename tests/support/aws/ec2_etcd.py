"""A member of etcd as tests/hosts/probe/etcd.py reports it, in order."""

from __future__ import annotations

import base64
from typing import Any

from infra.contract import Contract, ContractHost
from tests.hosts.etcd import ACCOUNTS, ports, rights, settings, volume_of
from tests.support.aws.ec2_disks import number

CLUSTER = 0xC0FFEE


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def etcd(contract: Contract, host: ContractHost) -> Any:
    """None where the host has no member."""
    if "etcd" not in host.components:
        return None
    members = [one for one in contract.hosts if "etcd" in one.components]
    _, peer = ports(contract)
    ids = {one.name: str(number) for number, one in enumerate(members, start=1)}
    [volume] = [one for one in host.volumes if one.name == volume_of(host)]
    given = settings(host, contract)
    return {
        "environment": given,
        "health": "true",
        "status": {"header": {"cluster_id": str(CLUSTER), "member_id": ids[host.name]}, "leader": "1"},
        "members": [
            {"ID": ids[one.name], "name": one.name, "peerURLs": [f"https://{one.address}:{peer}"]}
            for one in members
        ],
        "auth": True,
        "users": dict(ACCOUNTS),
        "roles": {
            role: [
                {"key": encoded(key), "range_end": encoded(end), "permType": access}
                for key, end, access in held
            ]
            for role, held in rights(contract.stack).items()
        },
        "wrong password": 400,
        "no account": 400,
        "no certificate": "refused",
        "metrics": {"etcd_server_quota_backend_bytes": float(given["ETCD_QUOTA_BACKEND_BYTES"])},
        "marks": dict.fromkeys(("host", "volume"), f"{CLUSTER:x}"),
        "start file": False,
        "data": number(volume, host),
        "snapshots": {"20261130T080000Z.db": [24608, 60.0, "0600"]},
        "age": 90000.0,
    }
