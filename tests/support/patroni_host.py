"""What a host with a member of the cluster answers, and what etcd holds of it."""

from __future__ import annotations

import json
from typing import Any

from tests.support.filters import CONTRACT, filters, said

#: Identifiers of clusters: the one that hosts run, and one that they do not.
CLUSTER, PAST = "7400000000000000001", "7400000000000000002"
UNIT, OLD_UNIT = "patroni.service", "flashtier-postgresql.service"
MEMBERS = list(CONTRACT.database.members)
MADE = filters("patroni_members")
HOSTS = json.loads(CONTRACT.model_dump_json())["hosts"]
#: By member and path, the text of its markers without the system identifier.
MARKERS: dict[str, dict[str, str]] = MADE["patroni_markers"](
    [host for host in HOSTS if host["name"] in MEMBERS], CONTRACT.stack, {}
)


def control(identifier: str) -> dict[str, Any]:
    return said(f"pg_control version number:   1700\nDatabase system identifier:   {identifier}\nPages: 1")


def marked(host: str, identifier: str = CLUSTER, *, begins: bool = False) -> dict[str, str | None]:
    """Contents of all markers of a host; `begins`: of the first member, before etcd knows the cluster."""
    last = f"system_identifier={identifier}\n" + ("begins=yes\n" if begins else "")
    return {path: text + last for path, text in MARKERS[host].items()}


def unmarked(host: str) -> dict[str, str | None]:
    return dict.fromkeys(MARKERS[host])


def member_look(
    host: str = MEMBERS[0],
    *,
    cluster: str = CLUSTER,
    markers: dict[str, str | None] | None = None,
    old_unit: bool = False,
) -> dict[str, Any]:
    """By default a member that runs its copy; `cluster` is the identifier on its medium, "" for none."""
    found = markers if markers is not None else marked(host, cluster) if cluster else unmarked(host)
    paths = {name: {"exists": True} for name in ("program", "unit")}
    up = {"load": "loaded", "active": "active", "enabled": "enabled", "reload": "no"}
    return {
        "paths": paths
        | {
            "cluster": {"exists": bool(cluster)},
            "unfinished_wal": {"exists": False},
            "old_unit": {"exists": old_unit},
        },
        "contents": {**found, "auto": "# nothing\n" if cluster else None},
        "commands": {
            "control": control(cluster) if cluster else said("", "no such file", 1),
            "state": said("{}") if cluster else said("", "no server", 2),
        },
        "units": {UNIT: up, OLD_UNIT: up | {"load": "not-found", "active": "inactive", "enabled": ""}},
        "idle": [OLD_UNIT],
    }


def blank(host: str) -> dict[str, Any]:
    """A host whose volumes hold nothing yet."""
    return member_look(host, cluster="")


def known_to_etcd(*copies: str, initialize: str = CLUSTER, leader: str = "") -> dict[str, Any]:
    """What `patroni_dcs` answers where these members had a copy."""
    return {
        "initialize": initialize,
        "leader": leader,
        "config": {"ttl": 20} if initialize else None,
        "sync": None,
        "registered": list(copies),
        "copies": {name: {"name": name, "volumes": MARKERS[name]} for name in copies},
    }
