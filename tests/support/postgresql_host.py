"""What a host with PostgreSQL answers."""

from __future__ import annotations

from typing import Any

from tests.support.filters import said

#: Identifiers of clusters: the host's own, and one that it does not run.
CLUSTER, PAST = "7400000000000000001", "7400000000000000002"
UNIT = "flashtier-postgresql.service"


def control(identifier: str) -> dict[str, Any]:
    return said(f"pg_control version number:   1700\nDatabase system identifier:   {identifier}\nPages: 1")


def server_look(*, cluster: bool = True, active: str = "active", enabled: str = "enabled") -> dict[str, Any]:
    """A first member, by default one that runs its cluster."""
    paths = {name: {"exists": True} for name in ("program", "unit")}
    return {
        "paths": paths | {"cluster": {"exists": cluster}, "unfinished_wal": {"exists": False}},
        "contents": {
            "identity": f"{CLUSTER}\n" if cluster else None,
            "auto": "# nothing\n" if cluster else None,
        },
        "commands": {
            "control": control(CLUSTER) if cluster else said("", "no such file", 1),
            "state": said("{}") if cluster else said("", "no server", 2),
        },
        "units": {UNIT: {"load": "loaded", "active": active, "enabled": enabled, "reload": "no"}},
        "idle": [] if (active, enabled) == ("active", "enabled") else [UNIT],
    }
