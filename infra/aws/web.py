"""The web tier: hosts that keep nothing, spread over the zones by their addresses alone."""

from __future__ import annotations

from infra.aws.instances import Ground, Hosts
from infra.topology import Topology


class Web(Hosts):
    """No placement group: there are many, any may go, and a group can make EC2 refuse one more."""

    def __init__(self, ground: Ground, topology: Topology) -> None:
        super().__init__(ground, "web", topology.tier("web"), spread=False)
