"""Two simulated machines next to a stack's bridge: namespaces, one outside, one as another stack's host.

The second is attached to an interface with the name of a stack's bridge, which the machine's rules match.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from infra.local import names
from infra.local.run import run


@dataclass(frozen=True)
class Neighbour:
    namespace: str
    interface: str
    #: Of the machine's end, and of the namespace's.
    gateway: str
    address: str
    #: An address that the machine routes to it as well.
    also: str = ""


#: The metadata service of a cloud's machine. For the drill a namespace has the address: a machine in a cloud
#: does not reach its own service meanwhile.
METADATA = "169.254.169.254"
#: Addresses of RFC 2544: reserved for benchmarks of networks.
OUTSIDE = Neighbour("flashtier-outside", "drill-outside", "198.18.94.1", "198.18.94.2", METADATA)
OTHER = Neighbour("flashtier-other", names.bridge("drill-other"), "198.18.95.1", "198.18.95.2")


@contextmanager
def neighbours() -> Iterator[None]:
    with ExitStack() as stack:
        for neighbour in (OUTSIDE, OTHER):
            remove(neighbour)
            stack.callback(remove, neighbour)
            _make(neighbour)
        yield


def _make(neighbour: Neighbour) -> None:
    inside = ["ip", "-netns", neighbour.namespace]
    run(["ip", "netns", "add", neighbour.namespace])
    run(
        [
            "ip",
            "link",
            "add",
            neighbour.interface,
            "type",
            "veth",
            "peer",
            "eth0",
            "netns",
            neighbour.namespace,
        ]
    )
    run(["ip", "address", "add", f"{neighbour.gateway}/30", "dev", neighbour.interface])
    run(["ip", "link", "set", neighbour.interface, "up"])
    run([*inside, "address", "add", f"{neighbour.address}/30", "dev", "eth0"])
    run([*inside, "link", "set", "eth0", "up"])
    run([*inside, "link", "set", "lo", "up"])
    run([*inside, "route", "add", "default", "via", neighbour.gateway])
    if neighbour.also:
        run([*inside, "address", "add", f"{neighbour.also}/32", "dev", "eth0"])
        run(["ip", "route", "add", f"{neighbour.also}/32", "via", neighbour.address])


def remove(neighbour: Neighbour) -> None:
    """Remove it, also after a killed drill. The interface first: the namespace would remove it later."""
    if any(f" {neighbour.interface}@" in line for line in run(["ip", "-oneline", "link"]).splitlines()):
        run(["ip", "link", "delete", neighbour.interface])
    if neighbour.namespace in run(["ip", "netns", "list"]).split():
        run(["ip", "netns", "delete", neighbour.namespace])
