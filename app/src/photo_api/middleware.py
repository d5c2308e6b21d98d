"""ASGI layers around the API: measure every request, bound its body and its time."""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photo_api.metrics import Metrics
from photo_api.problems import Problem, body_too_large


class Measure:
    """Counts and times requests by the route's template, so that ids do not become labels."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        begun = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, sending)
        finally:
            self.metrics.in_flight.dec()
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.requests.labels(method, route, str(status)).observe(time.perf_counter() - begun)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class BodyLimit:
    """Refuses a body by its declared length, and stops reading one that grows past `limit` bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        # The server in front has parsed the header already, so it is a number.
        if int(declared) > self.limit:
            await _answer(body_too_large(self.limit), scope, receive, send)
            return
        taken = 0
        exceeded = False
        started = False

        async def receiving() -> Message:
            nonlocal taken, exceeded
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self.limit:
                    exceeded = True
                    raise BodyExceeded
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            # Whatever the parser made of the interruption, the client hears the reason.
            if exceeded and not started:
                return
            started = True
            await send(message)

        try:
            await self.app(scope, receiving, sending)
        except BodyExceeded:
            if started:
                raise
        if exceeded and not started:
            await _answer(body_too_large(self.limit), scope, receive, send)


class BodyExceeded(Exception):
    """Raised to the reader of a body that is longer than it may be."""


class Deadline:
    """Ends a request that has not begun to answer after `seconds`. A download under way is not cut off here."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.seconds) as deadline:

                async def sending(message: Message) -> None:
                    deadline.reschedule(None)
                    await send(message)

                await self.app(scope, receive, sending)
        except TimeoutError:
            if not deadline.expired():
                raise
            problem = Problem(
                503,
                "too-slow",
                f"the request was not answered within {self.seconds:g} s; try again later",
                retry_after=5,
            )
            await _answer(problem, scope, receive, send)


async def _answer(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    response = problem.response()
    # The rest of the request's body is not read: the connection cannot be used again.
    response.headers["Connection"] = "close"
    await response(scope, receive, send)
