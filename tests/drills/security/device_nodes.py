"""Runs on a host as root: makes a node for each given device, and reports which it may open.

Usage: python3 -c "$(cat device_nodes.py)" DEVICES, where DEVICES is JSON: [["b" or "c", major, minor], ...].
Answers {"opened": [[kind, major, minor, "read" or "write"], ...], "nodes": paths of all nodes on the host}.
Nothing is read or written. The nodes are made in /dev: elsewhere the option nodev could refuse the open.
"""

import json
import os
import stat
import sys
import tempfile
from pathlib import Path

KINDS = {"b": stat.S_IFBLK, "c": stat.S_IFCHR}
WAYS = {"read": os.O_RDONLY, "write": os.O_WRONLY}


def openable(path, kind, major, minor):
    os.mknod(path, KINDS[kind] | 0o600, os.makedev(major, minor))
    try:
        for way, flags in WAYS.items():
            try:
                os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY))
            except OSError:
                continue
            yield way
    finally:
        path.unlink()


def nodes():
    for folder, inside, files in os.walk("/"):
        # The last holds nodes of device 0:0, which systemd mounts over paths that a service may not read.
        if folder in ("/proc", "/sys", "/dev/pts", "/run/systemd/inaccessible"):
            inside.clear()
            continue
        for name in files:
            path = Path(folder, name)
            try:
                found = path.lstat()
            except OSError:
                continue
            if stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode):
                kind = "b" if stat.S_ISBLK(found.st_mode) else "c"
                yield [str(path), kind, os.major(found.st_rdev), os.minor(found.st_rdev)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/dev", prefix="drill-") as folder:
        opened = [
            [kind, major, minor, way]
            for kind, major, minor in json.loads(sys.argv[1])
            for way in openable(Path(folder, "node"), kind, major, minor)
        ]
    json.dump({"opened": opened, "nodes": sorted(nodes())}, sys.stdout)
