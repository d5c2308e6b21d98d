"""Stalls of a volume: a device that does not answer, and one that fails.

A loop device that is made read-only goes on being written: the kernel warns and lets it pass (bio_check_ro).

Staged from the machine or as root on the host, where the kit does not see it. Everything staged is undone
before a host is stopped: a process that waits for a device cannot be killed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from infra.contract import Contract, ContractHost, ContractVolume
from infra.local import processes
from infra.local.names import runtime_directory
from tests.drills.hosts import Inside


def carrying(contract: Contract, host: str, purpose: str) -> ContractVolume:
    """The volume that is declared to carry `purpose` on a host."""
    declared: ContractHost = contract.host(host)
    name = next(placed.volume for placed in declared.placements if placed.purpose == purpose)
    return next(volume for volume in declared.volumes if volume.name == name)


@contextmanager
def hung(inside: Inside, host: str, purpose: str = "data") -> Iterator[None]:
    """No write comes back: the server of a throttled volume stands still, or the file system is frozen."""
    volume = carrying(inside.contract, host, purpose)
    directory = runtime_directory(inside.contract.stack) / "throttled" / f"{host}-{volume.name}"
    servers = processes.serving(directory) if volume.volume_class == "network" else {}
    if volume.volume_class == "network":
        assert servers, f"{directory}: no process serves the volume"
        for pid in servers:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in servers:
                os.kill(pid, signal.SIGCONT)
        return
    inside.run(host, f"fsfreeze --freeze {volume.mount_point}", seconds=30)
    try:
        yield
    finally:
        inside.run(host, f"fsfreeze --unfreeze {volume.mount_point}", seconds=30)


def fail(inside: Inside, host: str, purpose: str = "data") -> None:
    """Every access ends with an error from now on, as of a device that is broken; a reboot cures it."""
    volume = carrying(inside.contract, host, purpose)
    inside.run(host, f"xfs_io -x -c 'shutdown' {volume.mount_point}")
