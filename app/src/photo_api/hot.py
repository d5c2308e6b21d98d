"""The routes that nearly all calls ask for, answered without the framework's way through a request.

A request whose parts are all in their plain form (an id without leading zeros, a tag of small letters, digits and
hyphens ...) is answered here. Every other one, a wrong one included, goes on to the routes of `api`, which make the
checks, the refusals and the OpenAPI document; a test compares the answers of both, byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.types import ASGIApp, Receive, Scope, Send

from photo_api.photos import Photos, taken_at
from photo_api.problems import Problem, unexpected
from photo_api.schemas import DEFAULT_LIMIT, LARGEST_ID, LARGEST_LIMIT

if TYPE_CHECKING:
    from asyncpg import Record

_TAG = re.compile(r"[a-z0-9-]{1,50}")
#: A route, what answers it, and with which values.
_Call = tuple[APIRoute, Callable[..., Awaitable[Any]], tuple[Any, ...]]


class Hot:
    """Answers what it can of the hot routes, by `photos`; all else is for `app`, whose `api` is installed."""

    def __init__(self, app: FastAPI, photos: Photos) -> None:
        self._app: ASGIApp = app
        self._photos = photos
        routes = [route for route in app.routes if isinstance(route, APIRoute)]
        found = {(method, route.path): route for route in routes for method in route.methods or ()}
        self._photo = found["GET", "/photos/{photo_id}"]
        self._views = found["POST", "/photos/{photo_id}/views"]
        self._timeline = found["GET", "/users/{user_id}/timeline"]
        self._search = found["GET", "/search"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._call(scope) if scope["type"] == "http" else None
        if call is None:
            await self._app(scope, receive, send)
            return
        # Requests are counted by it.
        scope["route"], answer, values = call
        try:
            body = to_json(await answer(*values))
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        except Exception:
            await unexpected().response()(scope, receive, send)
            # The server logs it.
            raise
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _call(self, scope: Scope) -> _Call | None:
        """For a request to a hot route, all of it in its plain form; None for any other."""
        parts, method, query = scope["path"].split("/"), scope["method"], scope["query_string"]
        if method == "GET":
            if len(parts) == 3 and parts[1] == "photos":
                if not query and (photo_id := _number(parts[2], LARGEST_ID)):
                    return self._photo, self._read, (photo_id,)
            elif len(parts) == 4 and parts[1] == "users" and parts[3] == "timeline":
                if (user_id := _number(parts[2], LARGEST_ID)) and (page := _page(query)) and page[0] is None:
                    return self._timeline, self._newest, (user_id, *page[1:])
            elif len(parts) == 2 and parts[1] == "search" and (page := _page(query)) and page[0] is not None:
                return self._search, self._tagged, page
        elif method == "POST" and len(parts) == 4 and parts[1] == "photos" and parts[3] == "views":
            photo_id = 0 if query else _number(parts[2], LARGEST_ID)
            return (self._views, self._view, (photo_id,)) if photo_id else None
        return None

    async def _read(self, photo_id: int) -> dict[str, Any]:
        return _photo(await self._photos.row(photo_id))

    async def _view(self, photo_id: int) -> dict[str, Any]:
        return {"views": await self._photos.view(photo_id)}

    async def _newest(self, user_id: int, before: int, limit: int) -> dict[str, Any]:
        return _photos(await self._photos.timeline_rows(user_id, before, limit + 1), limit)

    async def _tagged(self, tag: str, before: int, limit: int) -> dict[str, Any]:
        return _photos(await self._photos.tagged_rows(tag, before, limit + 1), limit)


def _number(text: str, most: int) -> int:
    """The number that `text` is in its plain form, from 1 to `most`; 0 for any other text."""
    if not (text.isascii() and text.isdigit() and text[0] != "0" and len(text) < 20):
        return 0
    number = int(text)
    return number if number <= most else 0


def _page(query: bytes) -> tuple[str | None, int, int] | None:
    """`tag`, `before` and `limit`, each given at most once and in its plain form; None for any other query."""
    given: dict[str, str] = {}
    if query:
        for part in query.decode("latin-1").split("&"):
            name, _, value = part.partition("=")
            if name in given:
                return None
            given[name] = value
    tag = given.pop("tag", None)
    before = _number(given.pop("before"), LARGEST_ID) if "before" in given else LARGEST_ID
    limit = _number(given.pop("limit"), LARGEST_LIMIT) if "limit" in given else DEFAULT_LIMIT
    if given or not before or not limit or not (tag is None or _TAG.fullmatch(tag)):
        return None
    return tag, before, limit


def _photo(row: Record) -> dict[str, Any]:
    """What `schemas.PhotoOut` makes of it, without its checks: they hold for what the database holds."""
    taken = taken_at(row)
    latitude = row["latitude"]
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "image": f"/photos/{row['id']}/image",
        "caption": row["caption"],
        "tags": row["tags"],
        "camera": row["camera"],
        "taken_at": taken.isoformat() if taken else None,
        "location": None if latitude is None else {"latitude": latitude, "longitude": row["longitude"]},
        "width": row["width"],
        "height": row["height"],
        "size_bytes": row["size_bytes"],
        "sha256": row["sha256"].hex(),
        "views": row["views"],
        "uploaded_at": row["uploaded_at"],
    }


def _photos(rows: list[Record], limit: int) -> dict[str, Any]:
    page = [_photo(row) for row in rows[:limit]]
    return {"photos": page, "next": page[-1]["id"] if len(rows) > limit else None}
