"""The database tier: one member a zone, guarded where a stop would erase its drives (guards.py)."""

from __future__ import annotations

from infra.aws.instances import Ground, Hosts
from infra.topology import Topology


class Database(Hosts):
    """In a placement group, so that members beyond one a zone share no rack either."""

    def __init__(self, ground: Ground, topology: Topology) -> None:
        super().__init__(ground, "database", topology.tier("database"), spread=True)
