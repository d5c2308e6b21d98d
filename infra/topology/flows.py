"""Who may reach which port of which host, from the table of components."""

from __future__ import annotations

from collections.abc import Iterator

from infra.topology.components import OUTSIDE_CLIENTS, PEERS, Component, Port
from infra.topology.types import Flow, Host


def flows(hosts: tuple[Host, ...], components: tuple[Component, ...], balancer: bool) -> tuple[Flow, ...]:
    """Every flow between hosts and from outside. `balancer`: the edge is not a host but one source."""
    return tuple(
        Flow(
            source=source,
            destination=destination.name,
            port_name=port.name,
            port=port.number,
            protocol=port.protocol,
        )
        for destination in hosts
        for component in components
        if component.name in destination.components
        for port in component.ports
        for source in dict.fromkeys(_sources(port, component, destination, hosts, balancer))
    )


def _sources(
    port: Port, component: Component, destination: Host, hosts: tuple[Host, ...], balancer: bool
) -> Iterator[str]:
    """Who may reach `port` of `destination`, in the order of its clients."""
    for client in port.clients:
        if client in OUTSIDE_CLIENTS or (balancer and client == "edge"):
            yield client
            continue
        for host in hosts:
            peer = client == PEERS and component.name in host.components and host.name != destination.name
            if peer or client == host.tier or client in host.components:
                yield host.name
