"""Names and paths that a stack has on the machine: one home for the program, the provider plugin and `sweep`.

An object with one of these names, and with the mark where it can carry one, belongs to the stack; everything
else belongs to others and stays as it is.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from infra.paths import state_dir

#: Key of the mark on every LXD object of the kit; its value is the stack's name.
MARK = "user.flashtier.stack"

#: Where a host sees its block devices.
HOST_DEVICES = Path("/dev/flashtier")


#: LXD's names of a host's own devices; a volume is one more device of the host, under its own name.
HOST_OWN_DEVICES = ("root", "eth0")


def project(stack: str) -> str:
    return f"flashtier-{stack}"


def storage_pool(stack: str) -> str:
    return f"flashtier-{stack}"


def bridge(stack: str) -> str:
    return f"ft-{stack}"


def volume_directory(stack: str) -> Path:
    return state_dir(stack) / "volumes"


def volume_file(stack: str, host: str, volume: str) -> Path:
    return volume_directory(stack) / f"{host}-{volume}.img"


def runtime_directory(stack: str) -> Path:
    """Sockets, process ids and mounts; gone after a reboot, like what they describe."""
    return Path("/run/flashtier") / stack


def throttled_directory(stack: str, host: str, volume: str) -> Path:
    """Of the servers behind one volume of the network class."""
    return runtime_directory(stack) / "throttled" / f"{host}-{volume}"


def link_directory(stack: str) -> Path:
    return Path("/dev/flashtier") / stack


def volume_link(stack: str, host: str, volume: str) -> Path:
    """The symbolic link that LXD gets as a device's source.

    LXD stores the source, so a loop device's number must never be in it: it may be another one after a
    reboot. The link is in /dev because LXD accepts no other place, and because /dev is empty after a
    reboot as well.
    """
    return link_directory(stack) / f"{host}-{volume}"


def network_record(stack: str) -> Path:
    """Holds the stack's address range for as long as its `unreachable` route may exist."""
    return runtime_directory(stack) / "network"


def remove_empty(directory: Path) -> None:
    """Remove a directory if it is empty."""
    with contextlib.suppress(OSError):
        directory.rmdir()
