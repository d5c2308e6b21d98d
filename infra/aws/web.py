"""The web tier: hosts without data, spread over the zones by their addresses alone."""

from __future__ import annotations

from infra.aws.instances import Ground, Hosts
from infra.topology import Topology


class Web(Hosts):
    """No placement group: any of these hosts may fail, and a group can make EC2 refuse another one."""

    def __init__(self, ground: Ground, topology: Topology) -> None:
        super().__init__(ground, "web", topology.tier("web"), spread=False)
