"""Which volume of a host carries what, and where it is mounted."""

from __future__ import annotations

from infra.environment import Environment, Tier
from infra.environment.purposes import of_tier
from infra.topology.types import Placed


def placements(tier: Tier, environment: Environment) -> tuple[Placed, ...]:
    """What the volumes of a tier's hosts carry: a member's as declared, a control host's by their names."""
    volumes: dict[str, str] = {}
    if tier == "database":
        volumes |= environment.database.placement.items()
    elif tier == "control":
        volumes |= {volume.name: volume.name for volume in environment.control.volumes}
    for purpose in of_tier(tier):
        for other in purpose.shares:
            if other in volumes:
                volumes.setdefault(purpose.name, volumes[other])
    return tuple(
        Placed(
            purpose=purpose.name,
            volume=volumes[purpose.name],
            path=purpose.path,
            source=f"/vol/{volumes[purpose.name]}/{purpose.name}",
            owner=purpose.owner,
            group=purpose.owner,
            mode="0700",
        )
        for purpose in of_tier(tier)
        if purpose.name in volumes
    )
