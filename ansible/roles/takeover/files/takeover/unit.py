"""What both units are made of: etcd and who leads as they know them, and how they begin and end."""

from __future__ import annotations

import queue
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

from follower.access import ConfigError, context, credentials
from follower.etcd import Endpoint, Endpoints
from follower.journal import Journal
from follower.notify import notify
from follower.publisher import Publisher
from follower.threads import die_with_threads
from follower.watcher import Watcher
from takeover.answers import answers
from takeover.config import Config, read
from takeover.keys import Seen, View


class News:
    """What etcd said last. Written by the watch, read by one thread."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[Seen] = queue.SimpleQueue()
        self.seen: Seen | None = None

    def newest(self, seconds: float) -> Seen | None:
        """After at most that many seconds; None where it has said nothing yet."""
        try:
            self.seen = self.queue.get(timeout=seconds)
            while not self.queue.empty():
                self.seen = self.queue.get_nowait()
        except queue.Empty:
            pass  # nothing new
        return self.seen


class Reach:
    """`kind`: of the key that the unit publishes itself under. Each thread has connections of its own."""

    def __init__(self, config: Config, kind: str, say: Callable[[str], None]) -> None:
        self.config = config
        self.etcd = Endpoints(self._endpoints())
        self.news = News()
        self.watcher = Watcher(self._endpoints(), View(config.stack), self.news.queue.put, say)
        key = f"/flashtier/{config.stack}/takeover/{kind}/{config.host}"
        self.publisher = Publisher(self._endpoints(), key, say)

    def start(self) -> None:
        self.watcher.start()
        self.publisher.start()
        notify("READY=1")

    def newest(self, seconds: float) -> Seen | None:
        """As `News`; systemd learns that the unit is alive."""
        seen = self.news.newest(seconds)
        notify("WATCHDOG=1")
        return seen

    def silent(self) -> float:
        """Seconds since etcd said all that it knows."""
        return time.monotonic() - self.watcher.known

    def fresh(self) -> Seen:
        """All keys at one revision. Raises `EtcdError`."""
        view = View(self.config.stack)
        view.store.take(self.etcd.ask("/v3/kv/txn", view.store.ranges.snapshot()))
        return view.seen()

    def left(self, lease: int) -> int:
        """Whole seconds that a lease still has; -1 for one that is over. Raises `EtcdError`."""
        return int(self.etcd.ask("/v3/lease/timetolive", {"ID": str(lease)}).get("TTL", -1))

    def answers(self, address: str, seconds: float) -> str:
        """As `answers.answers`, of the Patroni at that address."""
        return answers(address, self.config.rest_port, self._context, seconds)

    def _context(self) -> ssl.SSLContext:
        return context(self.config.tls)

    def _endpoints(self) -> list[Endpoint]:
        return [Endpoint(url, self.config.login, self._context) for url in self.config.etcd]


def main(name: str, run: Callable[[Config, Journal], None], *faults: type[Exception]) -> int:
    """`name`: of unit and account. `faults`: what ends it with a line, besides its configuration."""
    expected: tuple[type[Exception], ...] = (ConfigError, IndexError, *faults)
    journal = Journal()
    die_with_threads()
    try:
        run(read(Path(sys.argv[1]), credentials(f"flashtier-{name}"), name), journal)
    except expected as error:
        print(f"flashtier-{name}: {error or 'the configuration file is its one argument'}", file=sys.stderr)
        return 2
    finally:
        journal.close()
    return 0
