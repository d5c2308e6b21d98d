"""Every name that may be declared, at its longest and with each allowed character, where it is used.

LXD's project, pool, bridge and devices, files, sockets, loop devices, links and nftables.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import guard, names
from infra.local.provider.attachment import VolumeAttachment
from infra.local.provider.network import Network
from infra.local.provider.project import Project
from infra.local.provider.schema import (
    NetworkInputs,
    ProjectInputs,
    StoragePoolInputs,
    VolumeAttachmentInputs,
    VolumeClass,
    VolumeInputs,
)
from infra.local.provider.storage_pool import StoragePool
from infra.local.provider.volume import Volume
from infra.local.sweep import sweep
from infra.paths import LONGEST_STACK, stack_fault
from tests.engine.stacks import BASE

#: Letters, digits, one and two hyphens, at the greatest and the smallest length.
STACKS = ["z9-a-b--c-9z", "e"]
VOLUMES = ["a", "z9-a-b--c-d-e9z"]
HOST = "control1"


def lxc(*arguments: str) -> str:
    done = subprocess.run(["lxc", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name: str = request.param
    base = BASE / "names"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    monkeypatch.setenv("FLASHTIER_STATE", str(base))
    yield name
    found, faults = sweep(name, check=False)
    assert faults == []
    shutil.rmtree(base)
    # The stack's own folder holds its keys as well, and is removed with them.
    if left := [thing for thing in found if thing.name != str(base / name)]:
        pytest.fail(f"deleting left {[(thing.kind, thing.name) for thing in left]}")


def test_the_longest_names_of_all_may_be_declared() -> None:
    assert [stack_fault(name) for name in STACKS] == ["", ""]
    assert max(map(len, STACKS)) == LONGEST_STACK
    assert len(names.bridge(STACKS[0])) == 15  # IFNAMSIZ


def volume(stack: str, name: str, volume_class: VolumeClass) -> VolumeInputs:
    return VolumeInputs(
        stack=stack,
        host=HOST,
        name=name,
        volume_class=volume_class,
        size_gib=1,
        uuid="2d52f83d-db28-587c-a7b7-69c37d7b1daa",
        file=str(names.volume_file(stack, HOST, name)),
        link=str(names.volume_link(stack, HOST, name)),
        bound=True,
    )


def test_a_stack_with_volumes_of_any_name(stack: str) -> None:
    """Made, read as intact, and deleted until nothing is left."""
    resource: dict[Any, Any] = {
        kind: kind(threading.Event(), print)
        for kind in (Project, StoragePool, Network, Volume, VolumeAttachment)
    }
    declared: list[tuple[Any, Any, str]] = [
        (Project, ProjectInputs(stack=stack, name=names.project(stack)), "intact"),
        (StoragePool, StoragePoolInputs(stack=stack, name=names.storage_pool(stack), driver="dir"), "intact"),
        (
            Network,
            NetworkInputs(
                stack=stack,
                name=names.bridge(stack),
                cidr="10.90.11.0/24",
                gateway="10.90.11.1",
                domain=f"{stack}.flashtier.internal",
                intact=True,
            ),
            "intact",
        ),
    ]
    classes: list[VolumeClass] = ["flash", "network"]
    volumes = [
        volume(stack, name, volume_class)
        for name in VOLUMES
        for volume_class in (classes if len(name) == 15 and "-" in name else classes[:1])
    ]
    # A name is unique on a host, so a volume of the second class follows the deletion of the first.
    for kind, inputs, _ in declared:
        resource[kind].converge(inputs)
    for each in volumes:
        device = resource[Volume].converge(each)["device"]
        found = resource[Volume].read(each)
        assert found.inputs["bound"] is True, (each.name, each.volume_class)
        assert Path(each.link).resolve() == Path(device)
        if each.volume_class == "network":
            socket = names.throttled_directory(stack, HOST, each.name) / "nbdkit.sock"
            assert len(os.fsencode(socket)) < 108  # sun_path of unix(7)
        resource[Volume].delete(each)
    for kind, inputs, flag in declared:
        assert resource[kind].read(inputs).inputs[flag] is True, inputs
    assert guard.exists(stack)
    attached(stack, resource)
    for kind, inputs, _ in reversed(declared):
        resource[kind].delete(inputs)
    assert not guard.exists(stack)


def attached(stack: str, resource: dict[Any, Any]) -> None:
    """All volumes at once as devices of one host, which stays stopped: it is empty and cannot boot."""
    project = names.project(stack)
    lxc("init", "--empty", HOST, "--project", project, "--storage", names.storage_pool(stack))
    attachments = []
    for name in VOLUMES:
        inputs = volume(stack, name, "flash")
        device = resource[Volume].converge(inputs)["device"]
        attachment = VolumeAttachmentInputs(
            stack=stack, project=project, instance=HOST, name=name,
            source=inputs.link, device=device, attached=True,
        )  # fmt: skip
        resource[VolumeAttachment].converge(attachment)
        attachments.append((inputs, attachment))
    for _, attachment in attachments:
        assert resource[VolumeAttachment].read(attachment).inputs["attached"] is True
    for inputs, attachment in attachments:
        resource[VolumeAttachment].delete(attachment)
        resource[Volume].delete(inputs)
    lxc("delete", HOST, "--project", project)


@pytest.mark.parametrize("name", names.HOST_OWN_DEVICES)
def test_a_volume_cannot_replace_a_device_of_lxd(name: str) -> None:
    """Its root disk would be replaced by the volume."""
    with pytest.raises(ValueError, match="LXD gives every host a device of this name; rename the volume"):
        volume("e", name, "flash")
