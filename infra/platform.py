"""What every platform (local, aws) gives for a topology, and no more."""

from __future__ import annotations

from typing import Protocol

import pulumi

from infra.contract import Access, Backups, ContractHost, ObjectStore, Unsupported
from infra.environment import Environment
from infra.model import Model
from infra.topology import Topology


class Deployed(Model):
    """What a platform knows of the living infrastructure after `deploy`."""

    controller: str
    edge_networks: tuple[str, ...]
    url: str
    access: Access
    hosts: tuple[ContractHost, ...]
    object_store: ObjectStore
    backups: Backups | None
    unsupported: tuple[Unsupported, ...]


class Platform(Protocol):
    """A platform turns a topology into resources. It reads no configuration of its own."""

    def preflight(self, topology: Topology, environment: Environment) -> list[str]:
        """Faults of the environment on this machine or account, one line each; no side effects."""
        ...

    def deploy(self, topology: Topology, environment: Environment) -> pulumi.Output[Deployed]:
        """Declare every resource; the output resolves when all exist."""
        ...
