"""HEAD wherever there is a GET (RFC 9110, 9.3.2): the same answer without its body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Runs the GET and drops the body. A handler that would read much for it asks `is_head`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        inner: Scope = {**scope, "method": "GET", "photo_api.head": True}
        try:
            await self.app(inner, receive, sending)
        finally:
            # Metrics are counted by route.
            if "route" in inner:
                scope["route"] = inner["route"]


def is_head(scope: Scope) -> bool:
    return bool(scope.get("photo_api.head"))
