"""What each volume of a host carries, and where it is mounted. Paths never change in a host's life."""

from __future__ import annotations

from infra.environment import Environment, Tier, Volume
from infra.topology.types import Placed

_DATABASE_PATHS = {"data": "/pg/data", "wal": "/pg/wal", "temp": "/pg/temp", "log": "/pg/log"}
_CONTROL_PATHS = {
    "etcd": ("/var/lib/etcd", "etcd"),
    "metrics": ("/var/lib/prometheus", "prometheus"),
    "repository": ("/srv/s3", "versitygw"),
}


def placements(tier: Tier, environment: Environment, volumes: tuple[Volume, ...]) -> tuple[Placed, ...]:
    if tier == "database":
        return tuple(
            Placed(
                purpose=purpose,
                volume=volume,
                path=_DATABASE_PATHS[purpose],
                source=f"/vol/{volume}/{purpose}",
                owner="postgres",
                group="postgres",
                mode="0700",
            )
            for purpose, volume in environment.database.placement.items()
        )
    if tier == "control":
        return tuple(
            Placed(
                purpose=volume,
                volume=volume,
                path=path,
                source=f"/vol/{volume}/{volume}",
                owner=owner,
                group=owner,
                mode="0700",
            )
            for volume, (path, owner) in _CONTROL_PATHS.items()
            if volume in {declared.name for declared in volumes}
        )
    return ()
