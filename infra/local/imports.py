"""What `pulumi import --file` needs to take up a stack whose state is lost: each resource's type, name, id.

Names are those of platform.py, ids those of the provider. A resource that is not there is left out: an
import would fail on it, and the next `pulumi up` makes it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from infra.errors import FlashtierError
from infra.local import names
from infra.local.image import recipe_hash
from infra.local.lxd import Lxd
from infra.local.provider.image import recipes
from infra.local.provider.server import RESOURCES
from infra.topology import Topology


@dataclass(frozen=True)
class Entry:
    """A resource as an import file has it."""

    type: str
    name: str
    id: str


def find(topology: Topology) -> tuple[list[Entry], list[str]]:
    """The declared resources that are there, and a line for each that is not or cannot be imported."""
    found: list[Entry] = []
    notes: list[str] = []
    cancelled = threading.Event()
    for entry in _declared(topology):
        resource = RESOURCES[entry.type](cancelled, notes.append)
        try:
            if resource.adopt(entry.id, topology.stack) is not None:
                found.append(entry)
            else:
                notes.append(f"{entry.name}: there is no {entry.type.rsplit(':', 1)[1]} {entry.id}")
        except FlashtierError as error:
            notes.append(f"{entry.name}: {error}")
    return found, notes


def _declared(topology: Topology) -> Iterator[Entry]:
    stack, project = topology.stack, names.project(topology.stack)
    yield Entry("lxd:index:Project", "project", project)
    yield Entry("lxd:index:StoragePool", "pool", names.storage_pool(stack))
    yield Entry("lxd:index:Image", "image", f"{project}/{_recipe(stack)}")
    yield Entry("lxd:index:Network", "network", names.bridge(stack))
    for host in topology.hosts:
        yield Entry("lxd:index:Instance", host.name, f"{project}/{host.name}")
        for volume in host.volumes:
            identity = f"{stack}/{host.name}/{volume.name}"
            yield Entry("lxd:index:Volume", f"{host.name}-{volume.name}", identity)
            yield Entry("lxd:index:VolumeAttachment", f"{host.name}-{volume.name}", identity)


def _recipe(stack: str) -> str:
    """That of the image which is there: the stack may have been made by an older checkout."""
    there = recipes(Lxd(names.project(stack)), stack)
    ours = recipe_hash()
    return ours if ours in there or not there else there[0]
