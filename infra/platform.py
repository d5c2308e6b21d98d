"""What every platform (local, aws) gives for a topology, and no more."""

from __future__ import annotations

from typing import Protocol

import pulumi

from infra.contract import Deployed
from infra.environment import Environment
from infra.topology import Topology


class Platform(Protocol):
    """A platform turns a topology into resources. It reads no configuration of its own."""

    def preflight(self, topology: Topology, environment: Environment) -> list[str]:
        """Faults of the environment on this machine or account, one line each; no side effects."""
        ...

    def deploy(self, topology: Topology, environment: Environment) -> pulumi.Output[Deployed]:
        """Declare every resource; the output resolves when all exist."""
        ...
