"""Who may reach which port of which host, from the table of components."""

from __future__ import annotations

from infra.topology.components import SERVICES
from infra.topology.types import Flow, Host


def flows(hosts: tuple[Host, ...], balancer: bool) -> tuple[Flow, ...]:
    """Every flow between hosts and from outside. `balancer`: the edge is no host but one source."""
    outside = {"controller", "world"} | ({"edge"} if balancer else set())
    found: list[Flow] = []
    for destination in hosts:
        for service in (SERVICES[name] for name in destination.services):
            for client in service.clients:
                sources = (
                    [client] if client in outside else [host.name for host in hosts if host.tier == client]
                )
                found.extend(
                    Flow(
                        source=source,
                        destination=destination.name,
                        service=service.name,
                        port=service.port,
                        protocol=service.protocol,
                    )
                    for source in sources
                )
    return tuple(found)
