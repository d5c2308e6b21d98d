"""Hosts that exist, compared with where the declaration puts them: a change of zones moves none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from infra.environment import Environment
from infra.topology import Topology

_KEY = "flashtier:environment.aws.zones"


def moved(
    existing: Mapping[str, tuple[str, str]], topology: Topology, environment: Environment
) -> Iterator[str]:
    """One line where a host that exists would get another zone or address, which replaces it.

    `existing`: zone and address by host. A host that is no longer declared is not a move.
    """
    assert environment.aws is not None  # noqa: S101 - the environment's model wants it for platform aws
    declared = {host.name: (host.zone or "", host.address) for host in topology.hosts}
    away = {
        name: (found, declared[name])
        for name, found in sorted(existing.items())
        if name in declared and declared[name] != found
    }
    if not away:
        return
    name, (found, wanted) = next(iter(away.items()))
    yield (
        f"{_KEY} = {', '.join(environment.aws.zones)}: {', '.join(away)} would be replaced: {name} is in "
        f"{found[0]} at {found[1]} and would be in {wanted[0]} at {wanted[1]}; {_fix(existing, environment)}"
    )


def _fix(existing: Mapping[str, tuple[str, str]], environment: Environment) -> str:
    assert environment.aws is not None  # noqa: S101 - see above
    inhabited = {zone for zone, _ in existing.values()}
    aws = environment.aws
    added = [zone for zone in aws.zones if zone not in inhabited and zone not in aws.zones_joined]
    kept = [zone for zone in aws.zones if zone not in added]
    if not added or aws.zones[: len(kept)] != tuple(kept) or len(kept) < 2:
        return "restore the order of zones and network.cidr that the hosts were made with"
    tiers = Counter(_tier(name) for name in existing)
    counts = ", ".join(f"{tier}: {tiers[tier]}" for tier in ("web", "database", "control"))
    zones = ", ".join(f"{zone}: {{{counts}}}" for zone in added)
    return f"say how many hosts the added zone found, with aws.zones_joined: {{{zones}}}"


def _tier(host: str) -> str:
    prefix = host.rstrip("0123456789")
    return {"db": "database"}.get(prefix, prefix)
