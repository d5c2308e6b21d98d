"""What takes the host's memory without being a process, and whom the kernel kills first when it runs out."""

import os
import pathlib

from tests.hosts.probe.base import lines, read, run

#: linux/capability.h; without it no process may lower an OOM score.
CAP_SYS_RESOURCE = 24


def memory_file_systems(question):
    """Size and inodes of every tmpfs that can be written, by mount point; those below 2 MiB are no risk.

    A devtmpfs is the kernel's own, and here only single nodes of it are bound into the host.
    """
    found = {}
    for line in lines(read("/proc/self/mountinfo")):
        before, after = line.split(" - ")
        fields, kind = before.split(), after.split()[0]
        point, options = fields[4], fields[5].split(",")
        if kind not in ("tmpfs", "ramfs") or "ro" in options:
            continue
        status = os.statvfs(point)
        size = status.f_blocks * status.f_frsize
        if kind == "ramfs" or size == 0 or size >= 2 << 20:  # 0 is without limit
            found[point] = {"bytes": size, "inodes": status.f_files}
    return found


def oom(question):
    """Of each service that declares an OOM score and runs: the declared one, and that of its main process."""
    bounds = next(line for line in read("/proc/self/status").splitlines() if line.startswith("CapBnd:"))
    found = {"lowers": bool(int(bounds.split()[1], 16) >> CAP_SYS_RESOURCE & 1), "units": {}}
    for unit in question["units"]:
        if not unit.endswith(".service"):
            continue
        shown = dict(
            line.split("=", 1)
            for line in lines(run("systemctl", "show", "-p", "MainPID,OOMScoreAdjust", unit))
        )
        score = pathlib.Path("/proc", shown["MainPID"], "oom_score_adj")
        if shown["MainPID"] != "0":
            found["units"][unit] = {
                "declared": int(shown["OOMScoreAdjust"]), "in effect": int(score.read_text()),
            }  # fmt: skip
    return found
