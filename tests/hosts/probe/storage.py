"""Devices, file systems, mounts and paths as the kernel knows them."""

import grp
import mmap
import os
import pwd
import random
import stat
import time
from pathlib import Path

from tests.hosts.probe.base import numbers, read, run


def devices(question):
    """What the kernel and the medium say of each device, past the cache of blkid."""
    found = {}
    for path in question["devices"]:
        try:
            found[path] = {**carried(path), **measured(path)}
        except (OSError, RuntimeError) as error:
            found[path] = {"error": str(error)}
    return found


def carried(path):
    status = Path(path).stat()
    output = run("blkid", "-p", "-o", "export", path, allowed=(0, 2))  # 2: nothing that it knows
    tags = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    return {
        "block": stat.S_ISBLK(status.st_mode),
        "number": numbers(status.st_rdev),
        "uuid": tags.get("UUID"),
        "type": tags.get("TYPE"),
    }


def drives(question):
    """Drives under each device: model, serial, scheduler, read-ahead (KiB), bytes of the partition."""
    found = {}
    for path in question["devices"]:
        try:
            top = Path("/sys/dev/block", numbers(Path(path).stat().st_rdev)).resolve()
        except OSError as error:
            found[path] = {"error": str(error)}
            continue
        slaves = sorted((top / "slaves").glob("*")) if (top / "slaves").is_dir() else []
        found[path] = {
            "read_ahead_kib": ahead(disk(top)),
            "drives": [drive(one.resolve()) for one in slaves or [top]],
        }
    return found


def disk(device):
    """The disk of a partition; a disk itself."""
    return device.parent if (device / "partition").exists() else device


def ahead(device):
    return int(read(device / "queue/read_ahead_kb"))


def drive(device):
    whole = disk(device)
    identity = {
        name: read(whole / "device" / name).strip() if (whole / "device" / name).is_file() else None
        for name in ("model", "serial")
    }
    chosen = read(whole / "queue/scheduler").strip()
    return {
        **identity,
        "scheduler": chosen.partition("[")[2].partition("]")[0] or chosen,
        "read_ahead_kib": ahead(whole),
        "partition_bytes": int(read(device / "size")) * 512 if device != whole else None,
    }


def measured(path):
    """Size in bytes, and the quickest in ms of 31 reads that no cache answers: what the device adds."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        size = os.lseek(handle, 0, os.SEEK_END)
        quickest = None
        with mmap.mmap(-1, 4096) as page:
            for _ in range(31):
                offset = random.randrange(size // 4096) * 4096  # noqa: S311 - a place to read, no secret
                start = time.monotonic()
                os.preadv(handle, [page], offset)
                took = (time.monotonic() - start) * 1000
                quickest = took if quickest is None else min(quickest, took)
    finally:
        os.close(handle)
    return {"size_bytes": size, "quickest_read_ms": quickest}


def mounts(question):
    found = {}
    for line in read("/proc/self/mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        _, _, number, root, target, options, *_ = fields.split()
        kind, source, own = rest.split()
        found[target] = {
            "number": number,
            "root": root,
            "source": source,
            "type": kind,
            "options": options.split(","),
            "file_system_options": own.split(","),
        }
    return found


def paths(question):
    found = {}
    for path in question["paths"]:
        try:
            status = Path(path).stat()
        except FileNotFoundError:
            found[path] = None
            continue
        found[path] = {
            "real": os.path.realpath(path),
            "number": numbers(status.st_dev),
            "mode": f"{stat.S_IMODE(status.st_mode):04o}",
            "owner": pwd.getpwuid(status.st_uid).pw_name,
            "group": grp.getgrgid(status.st_gid).gr_name,
            "entries": sorted(item.name for item in Path(path).iterdir())[:50]
            if Path(path).is_dir()
            else None,
        }
    return found


def beneath(question):
    """The mount points themselves, under what is mounted on them: read in a mount namespace of our own."""
    script = (
        "set -e; mount --bind / /mnt; "
        'for path in "$@"; do under="/mnt$path"; stat -c "%a %U:%G %F" "$under"; lsattr -d "$under"; '
        'find "$under" -mindepth 1 ! -type d | wc -l; done'
    )
    out = run(
        "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *question["mount_points"]
    ).splitlines()
    return {
        path: {
            "stat": status,
            "attributes": attributes.split()[0],
            "files": int(count),
        }
        for path, status, attributes, count in zip(
            question["mount_points"], out[0::3], out[1::3], out[2::3], strict=True
        )
    }
