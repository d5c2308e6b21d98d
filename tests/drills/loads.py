"""Load under which no one is stuck: a device at its cap, and a neighbour on the machine's processors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.drills.hosts import Inside
from tests.drills.stalls import carrying

#: MiB of the file that is written over and over, past the page cache.
FILE_MIB = 128
#: Half of each turn of 100 ms, on one processor.
NEIGHBOUR = """
import time
while True:
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        pass
    time.sleep(0.05)
"""


@contextmanager
def device_at_its_cap(inside: Inside, host: str, purpose: str = "data") -> Iterator[None]:
    """Direct writes of 1 MiB, four at a time, to the volume that carries `purpose`."""
    path = f"{carrying(inside.contract, host, purpose).mount_point}/drill.load"
    once = f"dd if=/dev/zero of={path} bs=1M count={FILE_MIB} oflag=direct status=none"
    write = f"while :; do {once} conv=notrunc; done"
    inside.run(host, once)
    unit = "systemd-run --quiet --collect --unit=flashtier-drill-load-{} /bin/sh -c '{}'"
    try:
        for number in range(4):
            inside.run(host, unit.format(number, write))
        yield
    finally:
        for number in range(4):
            inside.run(host, f"systemctl stop flashtier-drill-load-{number}.service", check=False)
        inside.run(host, f"rm -f {path}")


@contextmanager
def neighbour() -> Iterator[None]:
    """A process of the machine that takes half a processor."""
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
    try:
        yield
    finally:
        process.kill()
        process.wait(10)
