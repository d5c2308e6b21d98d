"""Every port of the kit, once: the firewall, the security groups and the verification read this table."""

from __future__ import annotations

from typing import Literal

from infra.environment import Tier
from infra.model import Model


class Service(Model):
    """A listening socket. `clients` are tiers; "controller" is the machine with the kit, "world" anyone."""

    name: str
    port: int
    protocol: Literal["tcp", "udp"]
    clients: tuple[str, ...]


#: Every port of the kit, once. The firewall, the security groups and the verification read this table.
SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(name="ssh", port=22, protocol="tcp", clients=("controller",)),
        Service(name="node_exporter", port=9100, protocol="tcp", clients=("control",)),
        Service(name="https", port=443, protocol="tcp", clients=("world",)),
        Service(name="http", port=80, protocol="tcp", clients=("world",)),
        # The control tier scrapes /metrics here; the edge refuses that path to the world.
        Service(name="web", port=8443, protocol="tcp", clients=("edge", "control")),
        Service(name="postgresql", port=5432, protocol="tcp", clients=("web",)),
        Service(name="s3", port=7070, protocol="tcp", clients=("web",)),
        Service(name="prometheus", port=9090, protocol="tcp", clients=("controller",)),
    )
}

EVERYWHERE = ("ssh", "node_exporter")


def tier_services(tier: Tier, index: int, local: bool) -> tuple[str, ...]:
    match tier:
        case "edge":
            return ("https", "http")
        case "web":
            return ("web",)
        case "database":
            # One primary for now: the other members have everything but a running server.
            return ("postgresql",) if index == 0 else ()
        case "control":
            # On AWS the object store is S3 itself.
            return () if index else ("prometheus", "s3") if local else ("prometheus",)
