"""A client outside the hosts that uploads through the edge, and counts what was acknowledged.

A call is one attempt, without a retry. Each upload is a row of its own, so that an acknowledged one that is
lost is missed whatever came after it.
"""

from __future__ import annotations

import io
import itertools
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
from PIL import Image

#: Uploads of drills belong to this user.
USER = 2**61
#: Seconds to connect, and without a byte. The edge answers earlier.
DEADLINE = (5, 30)


def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "navy").save(file, "JPEG")
    return file.getvalue()


@dataclass(frozen=True)
class Call:
    """Times of the monotonic clock. `status`: HTTP's, or 0 where no answer came."""

    begun: float
    ended: float
    status: int
    photo: int | None


@dataclass
class Counting:
    """Uploads at `rate` a second by `threads` clients, from entering to leaving the block."""

    #: Of the edge.
    url: str
    authority: Path
    rate: float = 50
    threads: int = 10
    calls: list[Call] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._numbers, self._lock = itertools.count(), threading.Lock()
        self._begun = time.monotonic()
        self._running = [threading.Thread(target=self._client, daemon=True) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join(sum(DEADLINE) + 5)
        assert not any(thread.is_alive() for thread in self._running), "a client did not end"

    def _client(self) -> None:
        data = photo()
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.authority)
            while not self._stop.is_set():
                with self._lock:
                    due = self._begun + next(self._numbers) / self.rate
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
                self._upload(session, data)

    def _upload(self, session: requests.Session, data: bytes) -> None:
        begun = time.monotonic()
        status, made = 0, None
        try:
            answer = session.post(
                f"{self.url}/photos",
                data={"user_id": str(USER)},
                files={"photo": ("drill.jpg", data, "image/jpeg")},
                timeout=DEADLINE,
            )
            status = answer.status_code
            made = int(answer.json()["id"]) if status in (200, 201) else None
        except requests.RequestException:
            pass  # counted by its status
        self.calls.append(Call(begun, time.monotonic(), status, made))

    @property
    def acknowledged(self) -> list[int]:
        """Ids of the photos whose upload was answered with success."""
        return [call.photo for call in self.calls if call.photo is not None]

    @property
    def failed(self) -> int:
        return sum(call.photo is None for call in self.calls)

    def gap(self, since: float = 0.0) -> float:
        """The longest time between two acknowledgements, in seconds, of those that came after `since`."""
        times = sorted(call.ended for call in self.calls if call.photo is not None and call.ended >= since)
        times = [since, *times] if since else times
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=float("inf"))

    def wait(self, acknowledged: int, seconds: float) -> None:
        """Until so many more uploads have been acknowledged. Fails after `seconds`."""
        wanted, deadline = len(self.acknowledged) + acknowledged, time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, (
                f"{wanted - len(self.acknowledged)} of {acknowledged} uploads were not acknowledged in "
                f"{seconds:.0f} s; the last answers: {[call.status for call in self.calls[-10:]]}"
            )
            time.sleep(0.1)
