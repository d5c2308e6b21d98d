"""Which reads may come from a standby: all but those of a client that has just written, or asks for the newest.

Every answer to a write sets a cookie that ends when each standby in use has what was written: for so long the client's
reads go to the leader. A client without cookies asks for the same with `Cache-Control: no-cache`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "photo-api-wrote"
#: Seconds beyond the bound until the follower has led reads away from a standby that is too far behind: two of its
#: rounds, with a member in each that does not answer.
SLACK = 4.0
_NO_WRITES = frozenset({"GET", "HEAD", "OPTIONS"})
_must_be_fresh: ContextVar[bool] = ContextVar("must_be_fresh", default=False)


def must_be_fresh() -> bool:
    """Whether the request that is being answered wants the leader's answer."""
    return _must_be_fresh.get()


class Freshness:
    """`lag`: seconds that a standby may be behind."""

    def __init__(self, app: ASGIApp, lag: float) -> None:
        self.app = app
        seconds = math.ceil(lag + SLACK)
        self._cookie = f"{COOKIE}=1; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _must_be_fresh.set(_wants_the_newest(scope["headers"]))
        if scope["method"] in _NO_WRITES:
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            # Whatever the answer: a write that was answered 503 may be there.
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"set-cookie", self._cookie)]
            await send(message)

        await self.app(scope, receive, sending)


def _wants_the_newest(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        (name == b"cookie" and COOKIE.encode() in value) or (name == b"cache-control" and b"no-cache" in value.lower())
        for name, value in headers
    )
