"""A client outside the hosts: reads of photos and counted views through the edge, at a rate of its own.

A call is due at its time whatever became of the one before (open loop), is one attempt, and its latency
counts from when it was due. Acknowledged views are counted by photo: the database has at least as many.
"""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tests.drills.clients import DEADLINE, Clients
from tests.drills.counting import photo, session, upload


@dataclass(frozen=True)
class Call:
    """Times of the monotonic clock, in seconds. `status`: HTTP's, or 0 where no answer came."""

    due: float
    ended: float
    status: int
    writes: bool

    @property
    def failed(self) -> bool:
        return not 200 <= self.status < 400


@dataclass
class Mixed(Clients):
    """`rate` calls a second, `share` of them views, from entering to leaving the block."""

    #: Of the edge.
    url: str
    authority: Path
    rate: float = field(default=400, kw_only=True)
    share: float = 0.2
    threads: int = field(default=60, kw_only=True)
    photos: int = 20
    calls: list[Call] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._address = urlsplit(self.url)
        self._context = ssl.create_default_context(cafile=str(self.authority))
        self.ids = self._uploaded()
        #: Of each photo, the views that were acknowledged.
        self.acknowledged = dict.fromkeys(self.ids, 0)
        return super().__enter__()

    def _uploaded(self) -> list[int]:
        with session(self.authority) as through:
            made = [upload(through, self.url, photo()) for _ in range(self.photos)]
        for answer in made:
            answer.raise_for_status()
        return [int(answer.json()["id"]) for answer in made]

    def _client(self) -> None:
        connection = None
        while call := self._next():
            number, due = call
            # Spread evenly: the whole part of number x share grows at each write.
            writes = int((number + 1) * self.share) > int(number * self.share)
            which = self.ids[number % len(self.ids)]
            connection = connection or self._connect()
            try:
                method, path = ("POST", f"/photos/{which}/views") if writes else ("GET", f"/photos/{which}")
                connection.request(method, path)
                answer = connection.getresponse()
                body = answer.read()
                status = answer.status
                if writes and status == http.client.OK:
                    json.loads(body)["views"]
                    with self._lock:
                        self.acknowledged[which] += 1
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                status = 0  # counted as a failed call
                connection.close()
                connection = None
            self.calls.append(Call(due, time.monotonic(), status, writes))

    def _connect(self) -> http.client.HTTPSConnection:
        assert self._address.hostname
        return http.client.HTTPSConnection(
            self._address.hostname, self._address.port, timeout=DEADLINE[1], context=self._context
        )

    def between(self, since: float, until: float) -> list[Call]:
        """Calls that were due in that time."""
        return [call for call in list(self.calls) if since <= call.due <= until]

    def gap(self, since: float, until: float) -> float:
        """The longest time without a success in that time, in seconds."""
        times = [call.ended for call in list(self.calls) if not call.failed and since <= call.ended <= until]
        times = sorted([since, *times, until])
        return max(later - earlier for earlier, later in itertools.pairwise(times))


def percentile(calls: list[Call], share: float) -> float:
    """Of the latencies, in milliseconds."""
    times = sorted(call.ended - call.due for call in calls)
    return 1000 * times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")
