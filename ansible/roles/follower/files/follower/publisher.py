"""Publishes what this host does under a key of its own in etcd, with a lease that ends with the follower.

It runs beside everything else: a state that cannot be published holds nothing up.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from follower.etcd import Endpoint, EtcdError, encoded

#: Seconds that the key outlives the follower, and after which the lease is renewed.
TTL = 5
PERIOD = 1.5
#: Seconds before the next endpoint.
PAUSE = 0.2


class Publisher(threading.Thread):
    """Writes the newest state at each change; states in between may never be seen."""

    def __init__(self, endpoints: list[Endpoint], key: str, say: Callable[[str], None]) -> None:
        super().__init__(name="publisher", daemon=True)
        self.endpoints = itertools.cycle(endpoints)
        self.endpoint = next(self.endpoints)
        self.key = key
        self.say = say
        self.changed = threading.Condition()
        self.wanted: dict[str, Any] | None = None
        self.written: dict[str, Any] | None = None
        self.lease: str | None = None
        self.renewed = 0.0
        self.failing = False
        self.stopped = False

    def publish(self, state: dict[str, Any]) -> None:
        """Never waits for etcd."""
        with self.changed:
            self.wanted = state
            self.changed.notify()

    def stop(self, seconds: float) -> None:
        """Give the lease back, so that no one waits for this host."""
        with self.changed:
            self.stopped = True
            self.changed.notify()
        self.join(seconds)

    def run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.stopped or self.wanted != self.written, timeout=PERIOD)
                wanted, stopped = self.wanted, self.stopped
            try:
                if stopped:
                    self._give_back()
                    return
                self._write(wanted)
                self.failing = False
            except EtcdError as error:
                if stopped:
                    return
                if not self.failing:
                    self.say(f"etcd: the state is not published: {error}")
                self.failing, self.lease = True, None
                self.endpoint.close()
                self.endpoint = next(self.endpoints)
                with self.changed:
                    self.changed.wait_for(lambda: self.stopped, timeout=PAUSE)

    def _write(self, wanted: dict[str, Any] | None) -> None:
        if self.lease is not None and time.monotonic() - self.renewed > PERIOD - 0.5:
            self._renew(self.lease)
        if wanted is None or (wanted == self.written and self.lease is not None):
            return
        if self.lease is None:
            granted = self.endpoint.call("/v3/lease/grant", {"TTL": str(TTL)}).get("ID")
            if not isinstance(granted, str):
                raise EtcdError("a lease was granted without its number")
            self.lease, self.renewed = granted, time.monotonic()
        value = encoded(json.dumps(wanted))
        self.endpoint.call("/v3/kv/put", {"key": encoded(self.key), "value": value, "lease": self.lease})
        self.written = wanted

    def _renew(self, lease: str) -> None:
        self.renewed = time.monotonic()
        # The answer has no TTL where the lease is over.
        if not self.endpoint.call("/v3/lease/keepalive", {"ID": lease}).get("TTL"):
            self.lease = None

    def _give_back(self) -> None:
        if self.lease is not None:
            self.endpoint.call("/v3/lease/revoke", {"ID": self.lease})
