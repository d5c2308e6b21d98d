"""A volume: a sparse file bound to a loop device, for the network class through nbdkit and nbdfuse."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from infra.errors import FlashtierError
from infra.local import loop_drift, loops, names, processes
from infra.local.provider import lost
from infra.local.provider.resource import Found, Resource, parts
from infra.local.provider.schema import Failure, VolumeClass, VolumeInputs
from infra.local.run import CommandFailed, run
from infra.local.throttled import EXPORTED_SIZE, Throttled, restore_size

GIB = 1 << 30


class Volume(Resource[VolumeInputs]):
    model = VolumeInputs

    def check(self, olds: Mapping[str, Any], news: VolumeInputs) -> list[Failure]:
        was = olds.get("sizeGib", 0)
        failures = lost.faults(news, olds, self._was_attached(news) if not olds else True)
        if news.size_gib < was:
            failures.append(
                Failure(
                    property="sizeGib",
                    reason=f"sizeGib = {news.size_gib}: volume {news.name} of {news.host} has {was} GiB and "
                    f"cannot shrink; declare at least {was}",
                )
            )
        return failures

    def _was_attached(self, inputs: VolumeInputs) -> bool:
        """Whether a volume that the state does not know was made before: then its host has it as a device."""
        if Path(inputs.file).exists():
            return True
        host = self.lxd(names.project(inputs.stack)).get("instances", inputs.host) or {}
        return inputs.name in host.get("devices", {})

    def identity(self, inputs: VolumeInputs) -> str:
        return f"{inputs.stack}/{inputs.host}/{inputs.name}"

    def converge(self, inputs: VolumeInputs) -> dict[str, Any]:
        file, size = Path(inputs.file), inputs.size_gib * GIB
        if file.exists():
            _refuse_other_content(inputs, file)
            restore_size(file, size)
        else:
            _make(file)
            if inputs.accept_blank:
                self.say(
                    f"volume {inputs.name} of {inputs.host}: {file} was missing and is blank now, as "
                    f"{lost.KEY} accepts; remove the acceptance: {lost.removal(inputs)}"
                )
        _record_class(file, inputs.volume_class)
        has = file.stat().st_size
        if has > size:
            raise FlashtierError(
                f"{file}: has {has} bytes, more than the declared {size}, and cannot shrink; declare it"
            )
        if has < size:
            os.truncate(file, size)
        _keep_private(file)
        loop = _bind(inputs, file, size)
        _point(Path(inputs.link), loop.path)
        return {"device": str(loop.path)}

    def read(self, inputs: VolumeInputs) -> Found | None:
        file, size = Path(inputs.file), inputs.size_gib * GIB
        if not file.exists():  # Check, which knows what is declared now, reports what that means
            return Found({**inputs.wire(), "bound": False}, {})
        has = file.stat().st_size
        if has < size:
            raise FlashtierError(
                f"{file}: has {has} bytes where {size} were made: it was cut off outside the kit; put "
                "back the whole file"
            )
        device = _bound_device(inputs, file)
        drift = _drift(inputs, file, device)
        for line in drift:
            self.say(f"{_whose(inputs)}: {line}; pulumi up repairs it, or says what has to be done first")
        found = {**inputs.wire(), "bound": device is not None and has != EXPORTED_SIZE and not drift}
        if has != EXPORTED_SIZE:
            found["sizeGib"] = has // GIB
        return Found(found, {} if device is None else {"device": str(device)})

    def adopt(self, identity: str, stack: str) -> Found | None:
        # Only an import needs it, and it brings the whole declaration's models with it: 0.1 s at each start.
        from infra.topology import volume_uuid

        owner, host, name = parts(identity, "STACK/HOST/VOLUME")
        file = names.volume_file(owner, host, name)
        if not file.exists():
            return None
        inputs = VolumeInputs(
            stack=stack,
            host=host,
            name=name,
            volume_class=_recorded_class(owner, host, name, file),
            size_gib=max(file.stat().st_size // GIB, 1),
            uuid=volume_uuid(owner, host, name),
            file=str(file),
            link=str(names.volume_link(owner, host, name)),
            bound=True,
        )
        _refuse_other_content(inputs, file)
        found = self.read(inputs)
        return found and Found(found.inputs, {"device": "", **found.outputs})

    def delete(self, inputs: VolumeInputs) -> None:
        file, link = Path(inputs.file), Path(inputs.link)
        remove(inputs.stack, inputs.host, inputs.name, file)
        link.unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        runtime = names.runtime_directory(inputs.stack)
        for directory in (link.parent, file.parent, runtime / "throttled", runtime):
            names.remove_empty(directory)


def remove(stack: str, host: str, name: str, file: Path) -> None:
    """Detach whatever is bound to the volume's file and end what serves it."""
    throttled = _throttled(stack, host, name, file)
    dead = bool(throttled.fault())
    if dead:
        # A hanging server would make the detaching hang; one that serves writes what is under way.
        throttled.end_processes()
    orphan = loops.orphan(names.volume_link(stack, host, name))
    for device, backing in loops.bound().items():
        # The path is enough here: the file may be deleted, the mount dead, so no inode can be asked for.
        if device == orphan or (dead and backing == throttled.device_file):
            loops.let_go(device)
        elif backing in (file, throttled.device_file):
            loops.detach(device)
    throttled.stop()


def _throttled(stack: str, host: str, name: str, file: Path) -> Throttled:
    return Throttled(names.throttled_directory(stack, host, name), file)


#: Extended attribute of the file that says the volume's class: nothing else would after the state was lost.
_CLASS = "user.flashtier.class"


def _record_class(file: Path, volume_class: VolumeClass) -> None:
    # A file system without attributes is none to refuse: an import would then ask for it.
    with contextlib.suppress(OSError):
        os.setxattr(file, _CLASS, volume_class.encode())


def _recorded_class(stack: str, host: str, name: str, file: Path) -> VolumeClass:
    if processes.serving(names.throttled_directory(stack, host, name)):
        return "network"
    if file in loops.bound().values():
        return "flash"
    try:
        recorded = os.getxattr(file, _CLASS).decode()
    except OSError as error:
        raise FlashtierError(
            f"{file}: lacks the attribute {_CLASS}, so its class is unknown; set it to the declared one: "
            f"python3 -c \"import os; os.setxattr('{file}', '{_CLASS}', b'flash')\""
        ) from error
    return TypeAdapter(VolumeClass).validate_python(recorded)


def _whose(inputs: VolumeInputs) -> str:
    return f"host {inputs.host}, volume {inputs.name}"


def _drift(inputs: VolumeInputs, file: Path, device: Path | None) -> list[str]:
    """What was changed by hand on the file, the bound device, if any, and the servers of it."""
    status = file.stat()
    mode, owner = stat.S_IMODE(status.st_mode), status.st_uid
    found = (
        []
        if (mode, owner) == (MODE, 0)
        else [f"{file}: mode {mode:04o} of uid {owner}, must be 0600 of uid 0"]
    )
    with contextlib.suppress(OSError):
        recorded = os.getxattr(file, _CLASS).decode()
        if recorded != inputs.volume_class:
            found.append(f"{file}: {_CLASS} = {recorded!r}, must be {inputs.volume_class!r}")
    if device is None:
        return found
    backing, limit = file, 0
    if inputs.volume_class == "network":
        throttled = _throttled(inputs.stack, inputs.host, inputs.name, file)
        found += [*throttled.differences(), *throttled.unprotected()]
        backing, limit = throttled.device_file, inputs.size_gib * GIB
    loop = loops.inspect(device)
    if loop is not None:
        found += [f"{device}: {each}" for each in loop_drift.differences(loop, backing, size_limit=limit)]
    return found


#: Of a volume's file: to read it is to read the database.
MODE = 0o600


def _keep_private(file: Path) -> None:
    os.chown(file, 0, 0)
    file.chmod(MODE)


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, MODE))


def _refuse_other_content(inputs: VolumeInputs, file: Path) -> None:
    """A file that is there already is taken only where it is blank or carries the declared file system."""
    if file.is_symlink() or not file.is_file():
        raise FlashtierError(f"{file}: is not a plain file; move it away")
    probed = run(
        ["blkid", "--probe", "--match-tag", "UUID", "--output", "value", str(file)], allowed=(0, 2)
    ).strip()
    if probed == inputs.uuid:
        return
    if probed or run(["wipefs", "--no-act", "--output", "TYPE", str(file)]).strip():
        raise FlashtierError(
            f"{file}: holds another file system ({probed or 'no UUID'}) than the declared {inputs.uuid}; "
            "move the file away if it is not this stack's, or restore the right one"
        )


def _bind(inputs: VolumeInputs, file: Path, size: int) -> loops.Loop:
    if inputs.volume_class == "flash":
        loop = loop_drift.repair(file, loops.bind(file), _whose(inputs), size_limit=0)
        loops.refresh_size(loop.path)
        return loop
    for device, backing in loops.bound().items():
        if backing == file:  # bound by hand: it would write to the file together with the server
            loops.detach(device)
    throttled = _throttled(inputs.stack, inputs.host, inputs.name, file)
    if throttled.fault():
        # A loop over a dead mount answers with errors only; the next bind gets another one.
        remove(inputs.stack, inputs.host, inputs.name, file)
        throttled.start()
    elif differing := throttled.differences():
        _refuse_mounted(inputs, throttled.device_file, differing)
        remove(inputs.stack, inputs.host, inputs.name, file)
        throttled.start()
    elif throttled.unprotected():
        throttled.protect()
    backing = throttled.device_file
    return loop_drift.repair(backing, loops.bind(backing, size_limit=size), _whose(inputs), size_limit=size)


def _refuse_mounted(inputs: VolumeInputs, backing: Path, differing: list[str]) -> None:
    """The servers learn their settings when they start, and cannot be started again under a mount."""
    for device, file in loops.bound().items():
        if file == backing and (holder := loops.mounted_by(device)):
            raise FlashtierError(
                f"{_whose(inputs)}: {'; '.join(differing)}; this cannot be changed while {holder} has "
                f"{device} mounted: in the host stop what uses the volume and unmount it, then run pulumi up "
                "--refresh"
            )


def _bound_device(inputs: VolumeInputs, file: Path) -> Path | None:
    """The loop device if link, device and file belong together and all of it serves, else None."""
    backing = file
    if inputs.volume_class == "network":
        throttled = _throttled(inputs.stack, inputs.host, inputs.name, file)
        if throttled.fault():
            return None
        backing = throttled.device_file
    try:
        device = Path(inputs.link).readlink()
        loop = loops.inspect(device)
        if loop is None or loop.backing != loops.FileIdentity.of(backing):
            return None
    except (FileNotFoundError, CommandFailed):
        return None
    return device


def _point(link: Path, device: Path) -> None:
    """Set the link in one step: a host that starts now sees the old device or the new one, never none."""
    link.parent.mkdir(parents=True, mode=0o755, exist_ok=True)
    if link.is_symlink() and link.readlink() == device:
        return
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(device)
    fresh.replace(link)
