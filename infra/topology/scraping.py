"""What Prometheus scrapes, from the table of components."""

from __future__ import annotations

from infra.model import Model
from infra.topology.components import Component, port
from infra.topology.types import Host


class ScrapeJob(Model):
    """`path` at `port` of each of `hosts` (names), over TLS; some ask for a client's certificate, too."""

    job: str
    port: int
    path: str
    client_certificate: bool
    hosts: tuple[str, ...]


def scrape_jobs(hosts: tuple[Host, ...], components: tuple[Component, ...]) -> tuple[ScrapeJob, ...]:
    """A job for each component with metrics that some host runs, in the order of the table."""
    return tuple(
        ScrapeJob(
            job=component.metrics.job,
            port=port(component.metrics.port, components).number,
            path=component.metrics.path,
            client_certificate=component.metrics.client_certificate,
            hosts=names,
        )
        for component in components
        if component.metrics is not None
        if (names := tuple(host.name for host in hosts if component.name in host.components))
    )
