"""What the kit promises of every member of etcd: accounts, rights, and what it runs with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from infra.contract import Contract, ContractHost

#: Accounts and their roles.
ACCOUNTS = {
    "root": ["root"],
    "snapshot": ["root"],
    "patroni": ["patroni"],
    "follower": ["follower"],
    "procedure": ["procedure"],
    "seal": ["seal"],
    "release": ["release"],
}


def ports(contract: Contract) -> tuple[int, int]:
    """For clients, and for members."""
    found = {port.name: port.number for component in contract.components for port in component.ports}
    return found["etcd_client"], found["etcd_peer"]


def rights(stack: str) -> dict[str, set[tuple[str, str, str]]]:
    """By role: beginning and end of a range of keys, and what is allowed there."""
    return {
        "patroni": {
            (f"/service/{stack}/", f"/service/{stack}0", "READWRITE"),
            (f"/flashtier/{stack}/", f"/flashtier/{stack}0", "READ"),
            (f"/flashtier/{stack}/holds/", f"/flashtier/{stack}/holds0", "READWRITE"),
            (f"/flashtier/{stack}/members/", f"/flashtier/{stack}/members0", "READWRITE"),
            (f"/flashtier/{stack}/probes/", f"/flashtier/{stack}/probes0", "READWRITE"),
        },
        "follower": {
            (f"/service/{stack}/", f"/service/{stack}0", "READ"),
            (f"/flashtier/{stack}/", f"/flashtier/{stack}0", "READ"),
            (f"/flashtier/{stack}/followers/", f"/flashtier/{stack}/followers0", "READWRITE"),
        },
        # Single keys.
        "procedure": {
            (f"/flashtier/{stack}/procedure", "", "READWRITE"),
            (f"/flashtier/{stack}/maintenance", "", "READWRITE"),
            (f"/service/{stack}/config", "", "READWRITE"),
            (f"/flashtier/{stack}/takeover/off", "", "READWRITE"),
        },
        "seal": {
            (f"/service/{stack}/", f"/service/{stack}0", "READ"),
            (f"/flashtier/{stack}/", f"/flashtier/{stack}0", "READ"),
            (f"/flashtier/{stack}/takeover/agents/", f"/flashtier/{stack}/takeover/agents0", "READWRITE"),
            (f"/flashtier/{stack}/takeover/sealed/", f"/flashtier/{stack}/takeover/sealed0", "READWRITE"),
        },
        "release": {
            (f"/service/{stack}/", f"/service/{stack}0", "READ"),
            (f"/service/{stack}/leader", "", "READWRITE"),
            (f"/flashtier/{stack}/", f"/flashtier/{stack}0", "READ"),
            (f"/flashtier/{stack}/takeover/order", "", "READWRITE"),
            (f"/flashtier/{stack}/takeover/tried", "", "READWRITE"),
            (f"/flashtier/{stack}/takeover/last", "", "READWRITE"),
            (f"/flashtier/{stack}/takeover/units/", f"/flashtier/{stack}/takeover/units0", "READWRITE"),
        },
    }


def published(contract: Contract, snapshots: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What is below /flashtier/<stack>/<kind>/ by the rest of its name, as the first host with etcd says."""
    asked = next((host.name for host in contract.hosts if "etcd" in host.components), None)
    prefix = f"/flashtier/{contract.stack}/{kind}/"
    keys: dict[str, str] = snapshots[asked]["cluster_keys"] or {} if asked else {}
    return {
        key.removeprefix(prefix): json.loads(text) for key, text in keys.items() if key.startswith(prefix)
    }


def settings(host: ContractHost, contract: Contract) -> dict[str, str]:
    """What the process was started with, but for where its certificates are."""
    client, peer = (f"https://{host.address}:{port}" for port in ports(contract))
    size = next(volume.size_bytes for volume in host.volumes if volume.name == volume_of(host))
    return {
        "ETCD_NAME": host.name,
        "ETCD_DATA_DIR": "/var/lib/etcd/data",
        "ETCD_LISTEN_CLIENT_URLS": client,
        "ETCD_ADVERTISE_CLIENT_URLS": client,
        "ETCD_LISTEN_PEER_URLS": peer,
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer,
        "ETCD_PEER_CLIENT_CERT_AUTH": "true",
        "ETCD_TLS_MIN_VERSION": "TLS1.3",
        "ETCD_HEARTBEAT_INTERVAL": "100",
        "ETCD_ELECTION_TIMEOUT": "1000",
        "ETCD_AUTO_COMPACTION_RETENTION": "10m",
        "ETCD_QUOTA_BACKEND_BYTES": str(min(size // 8, 2 << 30)),
        "GOMAXPROCS": str(host.size.vcpus),
    }


def volume_of(host: ContractHost) -> str:
    return next(placed.volume for placed in host.placements if placed.purpose == "etcd")
