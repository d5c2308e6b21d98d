"""A host: a privileged system container, started, with the operator's account and its own SSH host key."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.errors import FlashtierError
from infra.local.lxd import Lxd, refuse_foreign
from infra.local.names import MARK
from infra.local.provider.resource import Found, Incomplete, Resource, parts
from infra.local.provider.schema import InstanceInputs
from infra.local.run import run

#: Seconds until systemd in a started host must be up, on a machine that starts many at once.
BOOT = 120
UNPACK = 300
STOP = 30
#: Seconds until a booted host must answer to SSH.
ANSWER = 30
#: What coreutils' `timeout` ends with.
_TIMED_OUT = 124

FIRST_BOOT = "/usr/local/lib/flashtier/first-boot"
AUTHORIZED_KEYS = "/etc/flashtier/authorized_keys"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
#: The comment that `first-boot` writes to the operator's account in /etc/passwd.
_COMMENT = "flashtier operator"
#: Settings that LXD itself writes into a host.
_LXDS_OWN = ("volatile.", "image.")

#: The image is unpacked once a host: more at a time than cores only makes each slower.
_unpacking = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))


class Instance(Resource[InstanceInputs]):
    model = InstanceInputs

    def identity(self, inputs: InstanceInputs) -> str:
        return f"{inputs.project}/{inputs.name}"

    def converge(self, inputs: InstanceInputs) -> dict[str, Any]:
        lxd = self.lxd(inputs.project)
        lxd.settle(inputs.name)
        found = lxd.get("instances", inputs.name)
        if found is None:
            with _unpacking:
                lxd.post("instances", body=_body(inputs), seconds=UNPACK)
        else:
            refuse_foreign("host", inputs.name, found, inputs.stack)
        try:
            if found is not None:
                self._configure(lxd, inputs, found)
            start(lxd, inputs.name)
            key = _set_up(lxd, inputs)
            lxd.poll(f"SSH answers at {inputs.address}", lambda: _answers(inputs.address), seconds=ANSWER)
        except FlashtierError as error:
            raise Incomplete(self.identity(inputs), f"host {inputs.name}: {error}") from error
        return {"sshHostKey": key}

    def _configure(self, lxd: Lxd, inputs: InstanceInputs, found: Mapping[str, Any]) -> None:
        """Limits and the network card change while the host runs, other settings at its next start."""
        declared = _body(inputs)
        kept = {key: value for key, value in found["config"].items() if key.startswith(_LXDS_OWN)}
        body = {
            "config": {**kept, **declared["config"]},
            "devices": {**found["devices"], **declared["devices"]},
            "profiles": declared["profiles"],
            **{key: found[key] for key in ("architecture", "description", "ephemeral")},
        }
        if any(found[key] != value for key, value in body.items()):
            lxd.put("instances", inputs.name, body=body, seconds=STOP)
        if found["devices"].get("eth0") != declared["devices"]["eth0"] and found["status"] == "Running":
            # It may hold an address that was set by hand, and would keep it as long as its lease.
            lxd.execute(inputs.name, ["networkctl", "reconfigure", "eth0"], seconds=BOOT)

    def read(self, inputs: InstanceInputs) -> Found | None:
        if self.lxd().get("projects", inputs.project) is None:
            return None
        lxd = self.lxd(inputs.project)
        found = lxd.get("instances", inputs.name)
        if found is None:
            return None
        refuse_foreign("host", inputs.name, found, inputs.stack)
        config = found["config"]
        drifted = {
            "vcpus": _number(config.get("limits.cpu")),
            "memoryMib": _number(str(config.get("limits.memory", "")).removesuffix("MiB")),
            "running": found["status"] == "Running",
            "intact": _is_intact(inputs, found),
            "image": config.get("volatile.base_image", inputs.image),
        }
        return Found({**inputs.wire(), **drifted}, {})

    def adopt(self, identity: str, stack: str) -> Found | None:
        project, name = parts(identity, "PROJECT/HOST")
        lxd = self.lxd(project)
        found = lxd.get("instances", name)
        if found is None:
            return None
        refuse_foreign("host", name, found, stack)
        config, devices = found["config"], found["devices"]
        inputs = InstanceInputs(
            stack=stack,
            project=project,
            name=name,
            image=config["volatile.base_image"],
            storage_pool=devices["root"]["pool"],
            network=devices["eth0"]["network"],
            address=devices["eth0"]["ipv4.address"],
            vcpus=_number(config.get("limits.cpu")),
            memory_mib=_number(str(config.get("limits.memory", "")).removesuffix("MiB")),
            user=_operator(lxd, name),
            authorized_keys=tuple((lxd.read_file(name, AUTHORIZED_KEYS) or "").splitlines()),
            running=True,
        )
        read = self.read(inputs)
        return read and Found(read.inputs, {"sshHostKey": _host_key(lxd, name)})

    def delete(self, inputs: InstanceInputs) -> None:
        if self.lxd().get("projects", inputs.project) is None:
            return
        lxd = self.lxd(inputs.project)
        found = lxd.get("instances", inputs.name)
        if found is None:
            return
        refuse_foreign("host", inputs.name, found, inputs.stack)
        lxd.settle(inputs.name)
        stop(lxd, inputs.name)
        lxd.delete("instances", inputs.name, seconds=UNPACK)


def _body(inputs: InstanceInputs) -> dict[str, Any]:
    return {
        "name": inputs.name,
        "type": "container",
        "source": {"type": "image", "fingerprint": inputs.image},
        # None of the default profile: what a host has is all here.
        "profiles": [],
        "config": {
            MARK: inputs.stack,
            # A file system on a block device can be mounted by the real root only.
            "security.privileged": "true",
            # LXD's AppArmor profile for privileged containers forbids that mount, and units' own mount
            # namespaces.
            "raw.lxc": "lxc.apparmor.profile=unconfined",
            # After a reboot of the machine no host starts before its devices are bound: `pulumi up` starts
            # it.
            "boot.autostart": "false",
            **_limits(inputs),
        },
        "devices": {
            "root": {"type": "disk", "path": "/", "pool": inputs.storage_pool},
            "eth0": {
                "type": "nic",
                "name": "eth0",
                "network": inputs.network,
                "ipv4.address": inputs.address,
                # Firewalls go by addresses: a host sends from its own and from no other.
                "security.ipv4_filtering": "true",
            },
        },
    }


def _limits(inputs: InstanceInputs) -> dict[str, str]:
    return {"limits.cpu": str(inputs.vcpus), "limits.memory": f"{inputs.memory_mib}MiB"}


def _is_intact(inputs: InstanceInputs, found: Mapping[str, Any]) -> bool:
    """Whether LXD has the host as `_body` made it; limits, which have inputs of their own, apart."""
    declared = _body(inputs)
    limits = _limits(inputs)
    own = {
        key: value
        for key, value in found["config"].items()
        if not key.startswith(_LXDS_OWN) and key not in limits
    }
    return bool(
        {**own, **limits} == declared["config"]
        and declared["devices"].items() <= found["devices"].items()
        and found["profiles"] == declared["profiles"]
    )


def start(lxd: Lxd, name: str) -> None:
    """Have the host running, from whatever state it is in."""
    if _status(lxd, name) == "Frozen":
        lxd.put("instances", name, "state", body={"action": "unfreeze", "timeout": STOP})
    if _status(lxd, name) != "Running":
        _unplug_predecessor(lxd, name)
        body = {"action": "start", "timeout": STOP, "force": False}
        lxd.put("instances", name, "state", body=body, seconds=BOOT)


def _unplug_predecessor(lxd: Lxd, name: str) -> None:
    """Take away the network of a host that was killed.

    The kernel keeps it for up to 18 s (seen), with the same addresses: it resets the connections of the host
    that is started meanwhile. LXD notes the machine's end of it, and forgets that where a host is stopped.
    """
    link = (lxd.get("instances", name) or {"config": {}})["config"].get("volatile.eth0.host_name")
    if link and Path("/sys/class/net", link).exists():
        run(["ip", "link", "delete", "dev", link], allowed=(0, 1))  # 1: gone by itself meanwhile


def stop(lxd: Lxd, name: str) -> None:
    """Have the host stopped at once: it is about to be deleted, or cannot stop in order."""
    if _status(lxd, name) != "Stopped":
        body = {"action": "stop", "timeout": STOP, "force": True}
        lxd.put("instances", name, "state", body=body, seconds=STOP * 2)


def await_boot(lxd: Lxd, name: str) -> None:
    _once_booted(lxd, name, ":")


def _set_up(lxd: Lxd, inputs: InstanceInputs) -> str:
    """Make the operator's account; the host's public SSH key."""
    lxd.make_directory(inputs.name, "/etc/flashtier", "0755")
    keys = "".join(f"{key}\n" for key in inputs.authorized_keys)
    lxd.write_file(inputs.name, AUTHORIZED_KEYS, keys, "0600")
    # Idempotent, so it simply runs: a killed run cannot leave it half done for ever.
    said = _once_booted(lxd, inputs.name, f'{FIRST_BOOT} "$0" >&2 && cat {HOST_KEY}', inputs.user)
    return _key(said)


def _answers(address: str) -> bool:
    """Whether an SSH daemon answers at `address`."""
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _once_booted(lxd: Lxd, name: str, script: str, *arguments: str) -> str:
    """Wait for the end of the host's boot and run a shell script there; its standard output.

    In one command, because each costs LXD several processes, on a machine that is busy with booting.
    `degraded` is a finished boot too: which units failed is verified later, with their names.
    """
    boot = (
        'until state=$(systemctl is-system-running --wait 2>/dev/null) || [ "$state" = degraded ]; '
        f"do sleep 0.2; done; {script}"
    )
    command = ["timeout", str(BOOT), "sh", "-c", boot, *arguments]
    code, said, complaint = lxd.execute(name, command, seconds=BOOT + STOP)
    if code == _TIMED_OUT:
        raise FlashtierError(
            f"systemd has not finished booting after {BOOT} seconds; see `lxc console {name}`"
        )
    if code != 0:
        shown = " ".join([script.split()[0], *arguments])
        raise FlashtierError(f"`{shown}` ended with {code} in it: {complaint or said or 'it said nothing'}")
    return said


def _status(lxd: Lxd, name: str) -> str:
    found = lxd.get("instances", name)
    if found is None:
        raise FlashtierError("it was removed meanwhile; run it again")
    return str(found["status"])


def _operator(lxd: Lxd, name: str) -> str:
    """Whose account `first-boot` made."""
    for line in (lxd.read_file(name, "/etc/passwd") or "").splitlines():
        user, _, _, _, comment, *_ = line.split(":")
        if comment == _COMMENT:
            return user
    raise FlashtierError(f"host {name}: has no account of the operator; it is not one of the kit's")


def _host_key(lxd: Lxd, name: str) -> str:
    text = lxd.read_file(name, HOST_KEY)
    if not text:
        raise FlashtierError(f"{HOST_KEY} does not exist: its first boot made no SSH host key")
    return _key(text)


def _key(line: str) -> str:
    """Type and key, without the comment."""
    return " ".join(line.split()[:2])


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
