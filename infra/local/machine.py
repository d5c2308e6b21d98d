"""What this machine can carry: the checks before a stack is made. No side effects."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from infra.errors import FlashtierError
from infra.local import names
from infra.local.image import image_path
from infra.local.lxd import Lxd
from infra.local.provider.network import range_conflicts
from infra.local.throttled import EXPORTED_SIZE
from infra.paths import public_key, stack_fault, state_root
from infra.topology import Host, Topology

GIB = 1 << 30
#: Disk that the kit leaves to the machine.
RESERVE_GIB = 10
#: A host's root disk on a pool without copy-on-write, filled by packages, logs and releases of the app.
ROOT_GIB = 1
_KEY = "flashtier:environment"


def faults(topology: Topology) -> list[str]:
    """Everything that this machine cannot give the topology, one line each."""
    found = []
    if fault := stack_fault(topology.stack):
        found.append(f"stack = {topology.stack!r}: {fault}")
    if os.geteuid() != 0:
        found.append("platform local: needs root for LXD, loop devices and routes; run it with sudo")
        return found
    found += _names(topology)
    found += _memory_and_cores(topology)
    found += _access(topology.stack)
    try:
        lxd = Lxd()
        found += _range(lxd, topology)
        found += _disk(lxd, topology)
        found += _image()
    except FlashtierError as error:
        found.append(f"platform local: {error}")
    return found


def _names(topology: Topology) -> list[str]:
    reserved = {
        (host.tier, volume.name)
        for host in topology.hosts
        for volume in host.volumes
        if volume.name in names.HOST_OWN_DEVICES
    }
    return [
        f"{_KEY}.{tier}.volumes.name = {name!r}: LXD gives every host a device of this name; rename "
        "the volume"
        for tier, name in sorted(reserved)
    ]


def _memory_and_cores(topology: Topology) -> list[str]:
    found = []
    cores = os.cpu_count() or 1
    for tier, size in {host.tier: host.size for host in topology.hosts}.items():
        if size.vcpus > cores:
            found.append(
                f"{_KEY}.{tier}.size.vcpus = {size.vcpus}: this machine has {cores} cores; take at most "
                f"{cores}"
            )
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    wanted = sum(host.size.memory_mib for host in topology.hosts)
    if wanted > total:
        parts = ", ".join(
            f"{len(topology.tier(tier))} x {topology.tier(tier)[0].size.memory_mib} {tier}"
            for tier in dict.fromkeys(host.tier for host in topology.hosts)
        )
        found.append(
            f"{_KEY}.*.size.memory_mib = {wanted} in all ({parts}): this machine has {total} MiB; "
            "lower the sizes or the number of hosts"
        )
    return found


def _access(stack: str) -> list[str]:
    public = public_key(stack)
    if public.is_file() and public.read_text().strip():
        return []
    return [
        f"{public}: there is no SSH key for the hosts; run `flashtier secrets -s {stack}`, which makes it"
    ]


def _range(lxd: Lxd, topology: Topology) -> list[str]:
    conflict = range_conflicts(lxd, names.bridge(topology.stack), topology.cidr, topology.stack)
    return [f"{_KEY}.network.cidr = {topology.cidr!r}: {conflict}"] if conflict else []


def _image() -> list[str]:
    try:
        image_path()
    except FlashtierError as error:
        return [str(error)]
    return []


def _disk(lxd: Lxd, topology: Topology) -> list[str]:
    """Every sparse volume of every stack counts in full, because each may fill up at any time."""
    root = state_root()
    owed = sum(_owed(file) for file in root.glob("*/volumes/*.img"))
    wanted = sum(_volume_need(topology, host) for host in topology.hosts)
    hosts = len(topology.hosts) - len(_made(lxd, topology))
    if not wanted and not hosts:  # what stands must stay repairable, however full the disk has become
        return []
    needed = owed + wanted + hosts * ROOT_GIB * GIB
    free = shutil.disk_usage(_existing(root)).free - RESERVE_GIB * GIB
    if needed <= free:
        return []
    volumes = [volume for host in topology.hosts for volume in host.volumes]
    return [
        f"{_KEY}.*.volumes.size_gib = {sum(volume.size_gib for volume in volumes)} in all ({len(volumes)} "
        "volumes): "
        f"needs {needed / GIB:.1f} GiB on {_existing(root)} with {hosts} root disks of {ROOT_GIB} GiB and "
        f"{owed / GIB:.1f} GiB that existing volumes may still fill; there are {max(free, 0) / GIB:.1f} "
        "GiB free after "
        f"the {RESERVE_GIB} GiB that the machine keeps; make volumes smaller, take fewer hosts, or free disk "
        "space"
    ]


def _owed(file: Path) -> int:
    """Bytes by which a sparse file may still grow."""
    status = file.stat()
    if status.st_size == EXPORTED_SIZE:  # for the moment in which its device is bound
        return 0
    return max(status.st_size - status.st_blocks * 512, 0)


def _volume_need(topology: Topology, host: Host) -> int:
    """Bytes that the host's declared volumes need beyond what their files are already counted with."""
    need = 0
    for volume in host.volumes:
        file = names.volume_file(topology.stack, host.name, volume.name)
        has = file.stat().st_size if file.is_file() else 0
        need += max(volume.size_gib * GIB - has, 0)
    return need


def _made(lxd: Lxd, topology: Topology) -> list[str]:
    project = names.project(topology.stack)
    if lxd.get("projects", project) is None:
        return []
    existing = set(Lxd(project).names("instances"))
    return [host.name for host in topology.hosts if host.name in existing]


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
