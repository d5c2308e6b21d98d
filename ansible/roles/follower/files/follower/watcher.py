"""Follows ranges of keys in etcd, at one endpoint after the other, and reports what changed.

At each endpoint: a snapshot, a watch of what comes after it, and a further snapshot each second. Those notice
an endpoint that is silent, or cut off from the others: its watch would say nothing for ever.
Nothing that fails here says anything of a key.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from follower.etcd import Endpoint, EtcdError, Stream
from follower.ranges import Store

#: Seconds between snapshots.
PERIOD = 1.0
#: Seconds before the next endpoint, once all have failed in a row.
PAUSE = 0.3


Seen = TypeVar("Seen", covariant=True)


class View(Protocol[Seen]):
    """What is made of the keys that `store` keeps."""

    store: Store

    def seen(self) -> Seen: ...


class Watcher(threading.Thread, Generic[Seen]):
    """`report` is called with each change, from more than one thread; never with two at once."""

    def __init__(
        self,
        endpoints: list[Endpoint],
        view: View[Seen],
        report: Callable[[Seen], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name="watcher", daemon=True)
        self.endpoints = endpoints
        self.view = view
        self.report = report
        self.say = say
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        #: Where the watch is, as the state file shows it; empty while there is none.
        self.at = ""
        #: Monotonic time of the last snapshot: until then all that happened is known.
        self.known = float("-inf")

    def run(self) -> None:
        failed = 0
        for endpoint in itertools.cycle(self.endpoints):
            if self.stopped.is_set():
                break
            try:
                self._follow(endpoint)
            except EtcdError as error:
                failed = 1 if self.at else failed + 1
                # Once a round, so that hours without etcd do not fill the journal.
                if self.at or failed == len(self.endpoints):
                    self.say(f"etcd: {error}; the last known leader stays")
            finally:
                self.at = ""
                endpoint.close()
            if failed >= len(self.endpoints):
                self.stopped.wait(PAUSE)

    def stop(self) -> None:
        self.stopped.set()

    def _follow(self, endpoint: Endpoint) -> None:
        """Until it fails, or the follower stops."""
        self._take(endpoint, first=True)
        stream = endpoint.stream("/v3/watch", self.view.store.ranges.watches(self.view.store.revision))
        ended: queue.Queue[Exception] = queue.Queue()
        reader = threading.Thread(target=self._read, args=(stream, ended), name="watch", daemon=True)
        reader.start()
        self.at = endpoint.url
        self.say(f"etcd: watching at {endpoint.url} from revision {self.view.store.revision}")
        try:
            while not self.stopped.is_set():
                try:
                    raise EtcdError(f"{endpoint.url}: {ended.get(timeout=PERIOD)}")
                except queue.Empty:
                    self._take(endpoint)
        finally:
            stream.close()
            reader.join(timeout=1)

    def _take(self, endpoint: Endpoint, first: bool = False) -> None:
        asked = time.monotonic()
        answer = endpoint.call("/v3/kv/txn", self.view.store.ranges.snapshot())
        with self.lock:
            self._tell(self.view.store.take(answer, first))
        self.known = asked

    def _read(self, stream: Stream, ended: queue.Queue[Exception]) -> None:
        try:
            for answer in stream.answers():
                with self.lock:
                    self._tell(self.view.store.add(answer))
        except (EtcdError, KeyError, TypeError, ValueError) as error:
            ended.put(error)

    def _tell(self, changed: bool) -> None:
        if changed:
            self.report(self.view.seen())
