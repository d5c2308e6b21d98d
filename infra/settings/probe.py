"""Pure: an environment -> how long a probe of a member may take before its device counts as hung.

A slow device is no hung one: a write may come last in a full queue. So a volume's deadline is the time in
which it carries out a whole queue at its class's rate, plus a margin.

| platform | a queue holds at most | read |
| --- | --- | --- |
| local | 128 requests of 1,280 KiB | /sys/block/loop*/queue/nr_requests and max_sectors_kb, Linux 6.18 |
| aws | 1,024 requests of 256 KiB | io_queue_depth of drivers/nvme/host/pci.c; the largest I/O of EBS |

Buffered writes never fill it (the kernel's writeback throttling keeps room); direct writes could.
"""

from __future__ import annotations

from pydantic import Field

from infra import catalogue
from infra.environment import Environment, Volume
from infra.model import Model

MIB = 1 << 20
#: Requests and bytes of each that a queue holds, by platform.
QUEUES = {"local": (128, 1280 << 10), "aws": (1024, 256 << 10)}
#: Bytes a second of the class `network` (infra/local/throttled.py). `flash` has no limit of its own, and
#: counts as no faster: all hosts share the machine's disk.
LOCAL_RATE = 125 * MIB
#: Bytes of the I/Os with which local drives are planned.
DRIVE_IO = 4096
#: Milliseconds for what is no queue: the flush after the write, and a machine whose cores have other work.
MARGIN_MS = 1250
#: From the beginning of a probe to that of the next.
PERIOD_MS = 500
#: Errors in a row of a failing device: 1 to 1.5 s.
FAILURES = 3
#: Two connections of 2 s that nothing answers. The longest at load 20 on 2 cores took 0.15 s.
CONNECTION_MS = 4000


class ProbedVolume(Model):
    """`deadline_ms`: a write that takes longer has hung."""

    name: str
    deadline_ms: int = Field(gt=MARGIN_MS)


class Probe(Model):
    """What flashtier-probe goes by on every member."""

    period_ms: int
    failures: int
    connection_ms: int
    volumes: tuple[ProbedVolume, ...]


def probe(environment: Environment) -> Probe:
    """The deadlines of all volumes of a member: a move may bring data or WAL to each of them."""
    instance = environment.database.instance_type
    return Probe(
        period_ms=PERIOD_MS,
        failures=FAILURES,
        connection_ms=CONNECTION_MS,
        volumes=tuple(
            ProbedVolume(
                name=volume.name,
                deadline_ms=MARGIN_MS + queue_ms(environment.platform, *speed(volume, instance)),
            )
            for volume in environment.database.volumes
        ),
    )


def queue_ms(platform: str, rate: float, iops: float) -> int:
    """Milliseconds for a full queue at `rate` bytes and `iops` requests a second, whichever takes longer."""
    requests, size = QUEUES[platform]
    return round(1000 * max(requests * size / rate, requests / iops))


def speed(volume: Volume, instance_type: str | None) -> tuple[float, float]:
    """Bytes and requests a second that the class of a volume gives. Raises `FlashtierError`."""
    if volume.volume_class == "instance-store":
        planned = catalogue.local_drives(catalogue.find(instance_type or "")).planned_write_iops
        return planned * DRIVE_IO, planned
    if volume.ebs is None:
        # The network class carries out 3,600 requests a second (infra/local/throttled.py).
        return LOCAL_RATE, 3600
    rate = volume.throughput_mib_s or catalogue.ebs(volume.ebs).limits.mib_s[1]
    return rate * MIB, volume.iops or 0
