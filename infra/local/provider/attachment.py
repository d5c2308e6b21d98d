"""A volume as a block device inside a host."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from infra.errors import FlashtierError
from infra.local import device_cgroup
from infra.local.lxd import Lxd
from infra.local.names import HOST_DEVICES
from infra.local.provider.resource import Found, Resource
from infra.local.provider.schema import VolumeAttachmentInputs

_writing = threading.Lock()


class VolumeAttachment(Resource[VolumeAttachmentInputs]):
    model = VolumeAttachmentInputs

    def identity(self, inputs: VolumeAttachmentInputs) -> str:
        return f"{inputs.stack}/{inputs.instance}/{inputs.name}"

    def converge(self, inputs: VolumeAttachmentInputs) -> dict[str, Any]:
        lxd = self.lxd(inputs.project)
        host = _host(lxd, inputs)
        if host is None:
            raise FlashtierError(f"host {inputs.instance}: does not exist; run pulumi up --refresh")
        declared = _device(inputs)
        if host["devices"].get(inputs.name) not in (None, declared):
            raise FlashtierError(
                f"host {inputs.instance}: has a device {inputs.name} that is not the kit's; remove it"
            )
        if inputs.name in host["devices"] and _is_stale(lxd, inputs):
            self._set(lxd, inputs, None)
            host = None
        if host is None or inputs.name not in host["devices"]:
            self._set(lxd, inputs, declared)
        if (number := _device_number(lxd, inputs)) is not None:
            device_cgroup.hand_down(_init(lxd, inputs), number)
        return {}

    def read(self, inputs: VolumeAttachmentInputs) -> Found | None:
        lxd = self.lxd(inputs.project)
        host = _host(lxd, inputs)
        if host is None or inputs.name not in host["devices"]:
            return None
        attached = (
            host["devices"][inputs.name] == _device(inputs)
            and not _is_stale(lxd, inputs)
            and _is_usable(lxd, inputs)
        )
        return Found({**inputs.wire(), "attached": attached}, {})

    def delete(self, inputs: VolumeAttachmentInputs) -> None:
        lxd = self.lxd(inputs.project)
        host = _host(lxd, inputs)
        if host is None or inputs.name not in host["devices"]:
            return
        number = _device_number(lxd, inputs)
        if number is not None and _is_mounted(_init(lxd, inputs), number):
            raise FlashtierError(
                f"volume {inputs.name} of {inputs.instance}: is mounted there and is not taken away under "
                "its users; unmount it in the host, then run it again"
            )
        self._set(lxd, inputs, None)

    def _set(self, lxd: Lxd, inputs: VolumeAttachmentInputs, device: dict[str, str] | None) -> None:
        # PATCH cannot remove a device, so the whole set is written. The engine runs attachments of one host
        # in parallel: this method is the only writer, one at a time.
        with _writing:
            host = _host(lxd, inputs)
            assert host is not None  # noqa: S101 - looked at just before
            devices = {name: value for name, value in host["devices"].items() if name != inputs.name}
            if device is not None:
                devices[inputs.name] = device
            body = {
                key: host[key] for key in ("architecture", "config", "description", "ephemeral", "profiles")
            }
            lxd.put("instances", inputs.instance, body={**body, "devices": devices})


def _host(lxd: Lxd, inputs: VolumeAttachmentInputs) -> dict[str, Any] | None:
    # A project that is gone answers "not found" as well.
    return lxd.get("instances", inputs.instance)


def _device(inputs: VolumeAttachmentInputs) -> dict[str, str]:
    # required: a host without its device does not start, instead of starting without its data.
    return {
        "type": "unix-block",
        "source": inputs.source,
        "path": str(HOST_DEVICES / inputs.name),
        "required": "true",
        "mode": "0660",
    }


def _init(lxd: Lxd, inputs: VolumeAttachmentInputs) -> int:
    """Process id of the host's init on the machine, 0 where it is stopped."""
    state = lxd.get("instances", inputs.instance, "state") or {}
    return int(state.get("pid", 0))


def _device_number(lxd: Lxd, inputs: VolumeAttachmentInputs) -> int | None:
    """The device number that a running host sees; None where it is stopped or sees none."""
    pid = _init(lxd, inputs)
    if not pid:
        return None
    try:
        return Path(f"/proc/{pid}/root{HOST_DEVICES / inputs.name}").stat().st_rdev
    except FileNotFoundError:
        return None


def _is_stale(lxd: Lxd, inputs: VolumeAttachmentInputs) -> bool:
    """Whether a running host sees another device than the volume's link names now.

    A stopped one looks at its start.
    """
    if not _init(lxd, inputs):
        return False
    try:
        wanted = Path(inputs.source).stat().st_rdev
    except FileNotFoundError:
        return True
    return _device_number(lxd, inputs) != wanted


def _is_usable(lxd: Lxd, inputs: VolumeAttachmentInputs) -> bool:
    """Whether all that runs in the host may use the device that it sees."""
    number = _device_number(lxd, inputs)
    return number is None or device_cgroup.is_handed_down(_init(lxd, inputs), number)


def _is_mounted(pid: int, number: int) -> bool:
    wanted = f" {os.major(number)}:{os.minor(number)} "
    return wanted in Path(f"/proc/{pid}/mountinfo").read_text()
