"""The `unreachable` route under a stack's range, and what of the machine's network a range may not touch."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from infra.local.run import run

#: The highest metric there is: every other route to the range wins, and where none is left, nothing leaves
#: the machine.
METRIC = 4294967295

#: Mark of the kit's routes. Routing daemons register their numbers in /etc/iproute2/rt_protos; this one is
#: free.
PROTOCOL = "170"

Range = ipaddress.IPv4Network


def has_unreachable(cidr: str) -> bool:
    return any(Range(route["dst"]) == Range(cidr) for route in _own())


def add_unreachable(cidr: str) -> None:
    if not has_unreachable(cidr):
        run(["ip", "route", "add", "unreachable", cidr, "metric", str(METRIC), "protocol", PROTOCOL])


def remove_unreachable(cidr: str) -> None:
    if has_unreachable(cidr):
        run(["ip", "route", "del", "unreachable", cidr, "metric", str(METRIC), "protocol", PROTOCOL])


def overlaps(cidr: str, own_bridge: str) -> list[str]:
    """What the machine already routes or owns inside the range, the stack's own bridge and route left out."""
    wanted = Range(cidr)
    own = {Range(route["dst"]) for route in _own()} & {wanted}
    found = []
    for route in _json(["ip", "-json", "route", "show", "table", "all"]):
        network = _network(route.get("dst", "default"))
        if (
            network is None
            or network.prefixlen == 0
            or not network.overlaps(wanted)
            or route.get("dev") == own_bridge
        ):
            continue
        if route.get("type") == "unreachable" and network in own:
            continue
        via = f" on {route['dev']}" if "dev" in route else ""
        found.append(f"the route {network}{via}")
    for link in _json(["ip", "-json", "address", "show"]):
        for address in link.get("addr_info", ()):
            if address["family"] != "inet" or link["ifname"] == own_bridge:
                continue
            network = Range(f"{address['local']}/{address['prefixlen']}", strict=False)
            if network.overlaps(wanted):
                found.append(f"the address {address['local']}/{address['prefixlen']} of {link['ifname']}")
    return sorted(set(found))


def _own() -> list[dict[str, Any]]:
    return _json(["ip", "-json", "route", "show", "type", "unreachable", "protocol", PROTOCOL])


def _network(destination: str) -> Range | None:
    try:
        return Range(destination if destination != "default" else "0.0.0.0/0")
    except ValueError:  # IPv6, or a name
        return None


def _json(command: list[str]) -> list[dict[str, Any]]:
    listing: list[dict[str, Any]] = json.loads(run(command) or "[]")
    return listing
