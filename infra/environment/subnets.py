"""Pure: how the address range of an environment on AWS is cut into subnets, and where a host lies in them.

The range is cut into 32 equal parts. A part keeps its place whatever else is declared. One more host moves no
other, and neither does one more zone that says how many hosts it found (`aws.zones_joined`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Literal

from infra.model import Model

SubnetTier = Literal["public", "private", "data", "access"]

PARTS = 32
#: First part of each kind; a zone takes one of each. public: load balancer and NAT gateways. private: web and
#: control hosts. data: database hosts. access: the EC2 Instance Connect Endpoint alone, so that a firewall
#: can tell who logs in by the address.
FIRST_PART: dict[SubnetTier, int] = {"public": 0, "private": 8, "data": 16, "access": 24}

#: Zones that have a place in the range.
MOST_ZONES = 8

#: The smallest range that can be cut: a load balancer takes no subnet smaller than /27 and needs 8 free
#: addresses. Source: Elastic Load Balancing, "Subnets for your Application Load Balancer".
LONGEST_PREFIX = 22

#: AWS keeps the first four addresses of a subnet and the last for itself.
#: Source: Amazon VPC, "Subnet CIDR blocks".
KEPT_FIRST, KEPT_LAST = 4, 1

#: Where a tier's hosts begin in the subnets they share: control hosts are few, and come first.
HOST_TIERS: dict[str, tuple[SubnetTier, int]] = {
    "control": ("private", KEPT_FIRST),
    "web": ("private", 10),
    "database": ("data", KEPT_FIRST),
}


class Subnet(Model):
    """`zone` is a zone's name, `cidr` its part of the range."""

    tier: SubnetTier
    zone: str
    cidr: str


class Seat(Model):
    """Where a host lies: its zone, its fixed address and its router's."""

    zone: str
    address: str
    gateway: str


def subnets(cidr: str, zones: tuple[str, ...]) -> tuple[Subnet, ...]:
    """Every subnet of an environment, by kind and then in the order of `zones`."""
    parts = tuple(ipaddress.IPv4Network(cidr).subnets(new_prefix=_prefix(cidr)))
    return tuple(
        Subnet(tier=tier, zone=zone, cidr=str(parts[first + index]))
        for tier, first in FIRST_PART.items()
        for index, zone in enumerate(zones[:1] if tier == "access" else zones)
    )


def of_tier(cidr: str, zones: tuple[str, ...], tier: SubnetTier) -> tuple[Subnet, ...]:
    """The subnets of one kind, in the order of `zones`."""
    return tuple(subnet for subnet in subnets(cidr, zones) if subnet.tier == tier)


def spread(zones: tuple[str, ...], count: int, joined: Mapping[str, int] | None = None) -> tuple[int, ...]:
    """The number of the zone of each of `count` hosts: always the zone with the fewest so far, the first of
    them where several have as few.

    `joined`: how many hosts there were when a zone was added. Those keep their zone, and so their address.
    """
    since = [(joined or {}).get(zone, 0) for zone in zones]
    taken = [0] * len(zones)
    found: list[int] = []
    for index in range(count):
        there = (number for number in range(len(zones)) if since[number] <= index)
        chosen = min(there, key=lambda number: (taken[number], number))
        taken[chosen] += 1
        found.append(chosen)
    return tuple(found)


def seat(
    cidr: str, zones: tuple[str, ...], tier: str, index: int, joined: Mapping[str, int] | None = None
) -> Seat:
    """Where host number `index` (from 0) of a tier lies, by the number of those before it in its zone."""
    kind, first = HOST_TIERS[tier]
    *before, zone = spread(zones, index + 1, joined)
    network = ipaddress.IPv4Network(of_tier(cidr, zones, kind)[zone].cidr)
    return Seat(zone=zones[zone], address=str(network[first + before.count(zone)]), gateway=str(network[1]))


def room(cidr: str, tier: str) -> int:
    """How many hosts of a tier one zone has addresses for."""
    kind, first = HOST_TIERS[tier]
    after = min(
        [start for other, start in HOST_TIERS.values() if other == kind and start > first], default=None
    )
    size = 1 << (32 - _prefix(cidr))
    return (after if after is not None else size - KEPT_LAST) - first


def _prefix(cidr: str) -> int:
    return ipaddress.IPv4Network(cidr).prefixlen + PARTS.bit_length() - 1
