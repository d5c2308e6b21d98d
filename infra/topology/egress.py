"""What hosts may open beyond their environment: one table for each platform.

The hosts' firewall, the machine's own filter and the security groups are made from it.
"""

from __future__ import annotations

from typing import Literal

from infra.environment import Platform
from infra.model import Model


class Egress(Model):
    """`to`: the resolver, the platform's clock or metadata service, or any address outside the range."""

    name: str
    protocols: tuple[Literal["tcp", "udp"], ...]
    ports: tuple[int, ...]
    to: Literal["resolver", "clock", "metadata", "outside"]
    #: Only hosts that keep their own time need it.
    sets_clock: bool = False


_DNS = Egress(name="dns", protocols=("tcp", "udp"), ports=(53,), to="resolver")
_PACKAGES = Egress(name="package registries", protocols=("tcp",), ports=(80, 443), to="outside")

#: On AWS names, time and metadata are link-local, and S3 is reached as package registries are.
EGRESS: dict[Platform, tuple[Egress, ...]] = {
    "local": (
        _DNS,
        Egress(name="ntp", protocols=("udp",), ports=(123,), to="outside", sets_clock=True),
        _PACKAGES,
    ),
    "aws": (
        _DNS,
        Egress(name="ntp", protocols=("udp",), ports=(123,), to="clock", sets_clock=True),
        Egress(name="metadata", protocols=("tcp",), ports=(80,), to="metadata"),
        _PACKAGES,
    ),
}

#: Where clouds answer a machine with its own identity: through the NAT a host would ask as the machine. The
#: template of the hosts' own filter has the same list.
#: 169.254.0.0/16 (RFC 3927): AWS, Google, Azure, Oracle, OpenStack, DigitalOcean, Hetzner (169.254.169.254),
#: ECS and EKS (169.254.170.0/24), Scaleway (169.254.42.42), Tencent (169.254.0.23). 168.63.129.16: Azure's
#: WireServer. 100.100.100.200: Alibaba. 192.0.0.192: Oracle Cloud at Customer. IPv6 has its own
#: (fd00:ec2::254, fd20:ce::254); hosts have no IPv6 address, and nothing of it is forwarded.
REFUSED: dict[Platform, tuple[str, ...]] = {
    "local": ("100.100.100.200", "168.63.129.16", "169.254.0.0/16", "192.0.0.192"),
    # There the table names the services that hosts may ask; the hosts' firewall refuses the others.
    "aws": (),
}


def outside(platform: Platform, protocol: Literal["tcp", "udp"]) -> tuple[int, ...]:
    """Ports that hosts may open to any address outside the environment's range."""
    return tuple(
        port
        for entry in EGRESS[platform]
        if entry.to == "outside" and protocol in entry.protocols
        for port in entry.ports
    )
