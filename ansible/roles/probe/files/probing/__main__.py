"""flashtier-probe: `python -m probing /etc/patroni/patroni.yml /etc/flashtier/probe.json`, a unit of systemd.

Each part has a thread of its own, which a device may hold for ever. The verdict is this thread's: it touches
no probed device.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from follower.etcd import Endpoint
from follower.publisher import Publisher
from follower.threads import die_with_threads
from holding.config import Config as Member
from holding.config import read as read_member
from probing import metrics
from probing.block import Block
from probing.config import Config, read
from probing.judge import Asked, Clock, Judge, Report
from probing.outcome import Outcome
from probing.server import Server
from probing.worker import Worker

#: Seconds between two checks of the workers, and in which figures are published where nothing changed.
TICK = 0.1
FIGURES = 5.0
#: Seconds that the lease's end may take when the probe stops.
LAST_WORDS = 0.5


class Probe:
    def __init__(self, config: Config, member: Member) -> None:
        self.config = config
        self.name = member.name
        data = Block(member.data, config.volumes)
        self.blocks = {"data": data, "wal": Block(member.data / "pg_wal", config.volumes, data)}
        tasks: dict[str, Callable[[], Outcome]] = {**self.blocks, "connection": Server(config.socket)}
        self.workers = {name: Worker(name, task, config.period) for name, task in tasks.items()}
        self.judge = Judge(tuple(self.workers), config.failures)
        self.publisher = Publisher(
            [Endpoint(url, member.login, member.context) for url in member.etcd],
            f"/flashtier/{member.scope}/probes/{member.name}",
            say,
        )
        self.last: Report | None = None
        self.since = 0.0
        self.due = 0.0

    def run(self, stopped: threading.Event) -> None:
        self.publisher.start()
        for worker in self.workers.values():
            worker.start()
        clock = Clock(time.monotonic())
        while not stopped.wait(TICK):
            self.look(clock.tick(time.monotonic()))
        self.publisher.stop(LAST_WORDS)

    def look(self, now: float) -> None:
        """One verdict; it is reported where it is another, and figures from time to time."""
        report = self.judge.look({name: self.asked(name) for name in self.workers}, now)
        changed = report.differs(self.last)
        if not changed and now < self.due:
            return
        if self.last is None or report.verdict != self.last.verdict:
            self.since = time.time()
        if changed:
            say(f"{report.verdict}{': ' if report.why else ''}{report.why}")
        self.last, self.due = report, now + FIGURES
        self.publisher.publish(report.published(self.name, self.since))
        try:
            metrics.write(self.config.metrics, metrics.text(self.config, report, self.judge.parts))
        except OSError as error:
            # A full /run takes the figures, and not the verdict.
            say(f"{self.config.metrics}: {error.strerror}")

    def asked(self, name: str) -> Asked:
        turn = self.workers[name].turn
        if name not in self.blocks:
            return Asked(turn, self.config.connection)
        volume = self.blocks[name].volume
        # Before it is known which one it is, none is late before the slowest.
        most = max(one.deadline for one in self.config.volumes)
        return Asked(turn, volume.deadline if volume else most, volume.name if volume else "")


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    try:
        member, config = read_member(Path(sys.argv[1])), read(Path(sys.argv[2]))
    except (OSError, ValueError, IndexError) as error:
        print(f"flashtier-probe: {error}", file=sys.stderr)
        return 2
    die_with_threads()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    Probe(config, member).run(stopped)
    # A thread that a device holds must not hold up the end.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
