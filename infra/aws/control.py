"""The control tier: etcd and metrics on EBS, which outlives the members' drives and its own hosts."""

from __future__ import annotations

from infra.aws.instances import Ground, Hosts
from infra.topology import Topology


class Control(Hosts):
    """In a placement group: a rack must not take the majority of etcd."""

    def __init__(self, ground: Ground, topology: Topology) -> None:
        super().__init__(ground, "control", topology.tier("control"), spread=True)
