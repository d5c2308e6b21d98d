"""A volume as a block device inside a host."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import FlashtierError
from infra.local import device_cgroup, loops, names
from infra.local.lxd import Lxd
from infra.local.provider import instance
from infra.local.provider.resource import Found, Resource, parts
from infra.local.provider.schema import VolumeAttachmentInputs

#: Of the device in the host: whoever opens it reads and writes the volume past its file system.
MODE = 0o660
#: The engine runs attachments of one host in parallel, but a host's devices are written as a whole, and what
#: they allow is handed down from the host to its services.
_writing = threading.RLock()


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
        present = _InHost.by(lxd, inputs, host)
        if host["devices"].get(inputs.name) != declared or present.is_stale:
            self._attach_again(lxd, inputs, present, declared)
        _hand_down(lxd, inputs)
        _protect(lxd, inputs)
        return {}

    def read(self, inputs: VolumeAttachmentInputs) -> Found | None:
        lxd = self.lxd(inputs.project)
        host = _host(lxd, inputs)
        if host is None or inputs.name not in host["devices"]:
            return None
        present = _InHost.by(lxd, inputs, host)
        attached = (
            host["devices"][inputs.name] == _device(inputs)
            # A link that was changed by hand is repaired with the volume: the host must get the device again.
            and _target(Path(inputs.source)) == inputs.device
            and not present.is_stale
            and present.is_handed_down()
            and present.is_private(inputs)
        )
        return Found({**inputs.wire(), "attached": attached}, {})

    def adopt(self, identity: str, stack: str) -> Found | None:
        owner, host, name = parts(identity, "STACK/HOST/VOLUME")
        link = names.volume_link(owner, host, name)
        return self.read(
            VolumeAttachmentInputs(
                stack=stack,
                project=names.project(owner),
                instance=host,
                name=name,
                source=str(link),
                device=_target(link),
                attached=True,
            )
        )

    def delete(self, inputs: VolumeAttachmentInputs) -> None:
        lxd = self.lxd(inputs.project)
        host = _host(lxd, inputs)
        if host is None or inputs.name not in host["devices"]:
            return
        _refuse_mounted(inputs, _InHost.by(lxd, inputs, host))
        self._set(lxd, inputs, None)

    def _attach_again(
        self, lxd: Lxd, inputs: VolumeAttachmentInputs, present: _InHost, declared: dict[str, str]
    ) -> None:
        """Replace whatever the host has there by the declared device."""
        if present.mounted_at and present.is_dead():
            # It can no longer be read or written, nor unmounted by the processes that wait for it.
            with _writing:
                instance.stop(lxd, inputs.instance)
                self._set(lxd, inputs, None)
                self._set(lxd, inputs, declared)
                instance.start(lxd, inputs.instance)
                instance.await_boot(lxd, inputs.instance)
            self.say(
                f"host {inputs.instance}: was restarted, because the device of volume {inputs.name} had died "
                f"under {', '.join(present.mounted_at)}"
            )
            return
        _refuse_mounted(inputs, present)
        with _writing:
            self._set(lxd, inputs, None)
            self._set(lxd, inputs, declared)

    def _set(self, lxd: Lxd, inputs: VolumeAttachmentInputs, device: dict[str, str] | None) -> None:
        # PATCH cannot remove a device, so the whole set is written; this method is the only writer.
        with _writing:
            host = _host(lxd, inputs)
            assert host is not None  # noqa: S101 - checked just before
            devices = {name: value for name, value in host["devices"].items() if name != inputs.name}
            if device is not None:
                devices[inputs.name] = device
            if devices == host["devices"]:
                return
            body = {
                key: host[key] for key in ("architecture", "config", "description", "ephemeral", "profiles")
            }
            lxd.put("instances", inputs.instance, body={**body, "devices": devices})


@dataclass(frozen=True)
class _InHost:
    """The volume as its host has it. `init` is 0, and all else empty, where it is stopped."""

    init: int
    #: The number of its device, None where it has none.
    number: int | None
    #: Whether it runs and has another device than the volume's link names now.
    is_stale: bool
    mounted_at: tuple[str, ...]

    @classmethod
    def by(cls, lxd: Lxd, inputs: VolumeAttachmentInputs, host: dict[str, Any] | None) -> _InHost:
        state = (lxd.get("instances", inputs.instance, "state") or {}) if _runs(host) else {}
        init = int(state.get("pid", 0))
        if not init:
            return cls(0, None, False, ())
        number = _number(_node(init, inputs))
        wanted = _number(Path(inputs.source))
        return cls(init, number, number is None or number != wanted, _mounted_at(init, number))

    def is_handed_down(self) -> bool:
        """Whether all that runs in the host may use the device."""
        return self.number is None or device_cgroup.is_handed_down(self.init, self.number)

    def is_private(self, inputs: VolumeAttachmentInputs) -> bool:
        """Whether only root may open the device in the host: LXD sets that only when it makes the node."""
        if self.number is None:
            return True
        status = _node(self.init, inputs).stat()
        return (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (MODE, 0, 0)

    def is_dead(self) -> bool:
        """Whether the device in the host no longer answers."""
        if self.number is None:
            return False
        path = Path(f"/sys/dev/block/{os.major(self.number)}:{os.minor(self.number)}")
        return not loops.answers(Path("/dev") / path.resolve().name)


def _hand_down(lxd: Lxd, inputs: VolumeAttachmentInputs) -> None:
    """Allow what runs in the host all of its volumes.

    All, because removing a device that was pointed at another volume's removes the right to that one.
    Not while another attachment removes one: nothing in a host can be allowed what the host itself is not.
    """
    with _writing:
        host = _host(lxd, inputs)
        present = _InHost.by(lxd, inputs, host)
        if host is None or not present.init:
            return
        for device in host["devices"].values():
            path = Path(device.get("path", "/"))
            inside = Path(f"/proc/{present.init}/root{path}")
            number = _number(inside) if path.parent == names.HOST_DEVICES else None
            if number is not None:
                device_cgroup.hand_down(present.init, number)


def _node(init: int, inputs: VolumeAttachmentInputs) -> Path:
    """The device's node in the host."""
    return Path(f"/proc/{init}/root{names.HOST_DEVICES / inputs.name}")


def _protect(lxd: Lxd, inputs: VolumeAttachmentInputs) -> None:
    """By commands inside the host: from outside, a link that its root made there could lead to any file."""
    if not _InHost.by(lxd, inputs, _host(lxd, inputs)).is_private(inputs):
        path = str(names.HOST_DEVICES / inputs.name)
        for command in (["chown", "root:root", path], ["chmod", f"{MODE:o}", path]):
            code, _, complaint = lxd.execute(inputs.instance, command, seconds=30)
            if code:
                raise FlashtierError(f"host {inputs.instance}: `{' '.join(command)}` failed: {complaint}")


def _runs(host: dict[str, Any] | None) -> bool:
    return host is not None and host["status"] != "Stopped"


def _target(link: Path) -> str:
    return str(link.readlink()) if link.is_symlink() else ""


def _number(path: Path) -> int | None:
    try:
        return path.stat().st_rdev
    except FileNotFoundError:
        return None


def _mounted_at(init: int, number: int | None) -> tuple[str, ...]:
    """The mount points of the device in the host, the first one first; bind mounts of it are among them."""
    if number is None:
        return ()
    wanted = f"{os.major(number)}:{os.minor(number)}"
    try:
        lines = Path(f"/proc/{init}/mountinfo").read_text().splitlines()
    except OSError:
        return ()
    return tuple(fields[4] for fields in map(str.split, lines) if fields[2] == wanted)


def _refuse_mounted(inputs: VolumeAttachmentInputs, present: _InHost) -> None:
    if present.mounted_at:
        raise FlashtierError(
            f"host {inputs.instance}: volume {inputs.name} is mounted at "
            f"{', '.join(present.mounted_at)} and is not removed while it is in use; in the host, stop "
            f"what uses it and unmount it (umount {' '.join(reversed(present.mounted_at))}), then run "
            "it again"
        )


def _host(lxd: Lxd, inputs: VolumeAttachmentInputs) -> dict[str, Any] | None:
    # A project that is gone answers "not found" as well.
    return lxd.get("instances", inputs.instance)


def _device(inputs: VolumeAttachmentInputs) -> dict[str, str]:
    # required: a host without its device does not start, instead of starting without its data.
    return {
        "type": "unix-block",
        "source": inputs.source,
        "path": str(names.HOST_DEVICES / inputs.name),
        "required": "true",
        "mode": f"{MODE:04o}",
    }
