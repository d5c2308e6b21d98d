"""Attachments of one host run side by side: none hands rights down while another takes a device away."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from infra.errors import FlashtierError
from infra.local import device_cgroup, names
from infra.local.provider.attachment import VolumeAttachment, _hand_down
from infra.local.provider.schema import VolumeAttachmentInputs

INPUTS = VolumeAttachmentInputs(
    stack="drill",
    project="flashtier-drill",
    instance="db1",
    name="flash",
    source="/dev/flashtier/drill/db1/flash",
    device="/dev/loop0",
    attached=True,
)


class OneHost:
    """An LXD with one host, whose init is this process."""

    def __init__(self) -> None:
        device = {"type": "unix-block", "path": str(names.HOST_DEVICES / "flash")}
        self.devices: dict[str, Any] = {"flash": device, "network": device}

    def get(self, *path: str) -> dict[str, Any]:
        if path[-1] == "state":
            return {"pid": os.getpid()}
        kept = dict.fromkeys(("architecture", "config", "description", "ephemeral", "profiles"))
        return {**kept, "status": "Running", "devices": dict(self.devices)}

    def put(self, *path: str, body: dict[str, Any]) -> None:
        self.devices = body["devices"]


def test_no_device_is_removed_while_rights_are_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    lxd: Any = OneHost()
    taker = threading.Thread(
        target=lambda: VolumeAttachment(threading.Event(), print)._set(
            lxd, INPUTS.model_copy(update={"name": "network"}), None
        )
    )
    handed: list[set[str]] = []

    def hand_down(init: int, number: int) -> None:
        if not handed:
            taker.start()
            taker.join(0.3)  # as long as it would need many times over
        handed.append(set(lxd.devices))

    monkeypatch.setattr(device_cgroup, "hand_down", hand_down)
    monkeypatch.setattr("infra.local.provider.attachment._number", lambda path: 1792)
    _hand_down(lxd, INPUTS)
    taker.join(5)
    assert handed == [{"flash", "network"}] * 2
    assert set(lxd.devices) == {"flash"}


def test_a_refused_rule_is_reported_with_its_cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(device_cgroup, "_lacking", lambda init, rule: iter([tmp_path]))
    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(FlashtierError, match=rf"{tmp_path}: does not take the device rule `b 7:0 rwm`"):
        device_cgroup.hand_down(1, os.makedev(7, 0))
