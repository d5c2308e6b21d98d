"""Where a host lies: its address, its router and, on AWS, its zone. Adding a host never moves another."""

from __future__ import annotations

import ipaddress

from infra.environment import Environment, Tier, subnets

#: Platform local: offset of the first address of each tier, and how many it may take. On AWS a host lies in
#: its zone's subnet (infra/environment/subnets.py). On both, adding a host never moves another.
#: .1 is the gateway; on `local` it is also the controller's own address on the bridge.
ADDRESS_BLOCKS: dict[Tier, tuple[int, int]] = {
    "edge": (10, 10),
    "web": (20, 80),
    "database": (100, 50),
    "control": (150, 50),
}


def seat(environment: Environment, tier: Tier, index: int) -> subnets.Seat:
    """Where host number `index` (from 0) of a tier lies; its zone is empty on platform local."""
    if environment.aws is not None:
        aws = environment.aws
        return subnets.seat(environment.network.cidr, aws.zones, tier, index, aws.joined(tier))
    network = ipaddress.ip_network(environment.network.cidr)
    offset, room = ADDRESS_BLOCKS[tier]
    assert index < room  # noqa: S101 - the models' bounds are the check a user sees
    return subnets.Seat(zone="", address=str(network[offset + index]), gateway=str(network[1]))
