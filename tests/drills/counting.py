"""A client outside the hosts that uploads through the edge, and counts what was acknowledged.

A call is one attempt, without a retry. Each upload is a row of its own, so that an acknowledged one that is
lost is missed whatever came after it.
"""

from __future__ import annotations

import io
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests
from PIL import Image

from tests.drills.clients import DEADLINE, Clients

#: Uploads of drills belong to this user.
USER = 2**61


def photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "navy").save(file, "JPEG")
    return file.getvalue()


def session(authority: Path) -> requests.Session:
    """Trusts this authority, and nothing that the environment names."""
    made = requests.Session()
    made.trust_env = False
    made.verify = str(authority)
    return made


def upload(through: requests.Session, url: str, data: bytes) -> requests.Response:
    """Post a photo of the drills' user to the edge at `url`."""
    return through.post(
        f"{url}/photos",
        data={"user_id": str(USER)},
        files={"photo": ("drill.jpg", data, "image/jpeg")},
        timeout=DEADLINE,
    )


@dataclass(frozen=True)
class Call:
    """Times of the monotonic clock. `status`: HTTP's, or 0 where no answer came."""

    begun: float
    ended: float
    status: int
    photo: int | None


@dataclass
class Counting(Clients):
    """Uploads at `rate` a second by `threads` clients, from entering to leaving the block."""

    #: Of the edge.
    url: str
    authority: Path
    rate: float = field(default=50, kw_only=True)
    threads: int = field(default=10, kw_only=True)
    calls: list[Call] = field(default_factory=list)

    def _client(self) -> None:
        data = photo()
        with session(self.authority) as through:
            while self._next():
                self._upload(through, data)

    def _upload(self, through: requests.Session, data: bytes) -> None:
        begun = time.monotonic()
        status, made = 0, None
        try:
            answer = upload(through, self.url, data)
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
