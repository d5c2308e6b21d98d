"""Errors as RFC 9457 problem documents: every refusal says what is wrong and what would be right."""

from __future__ import annotations

import errno
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer other than 2xx. `kind` is stable and for programs, `detail` for people."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after
        self.headers = headers or {}
        self.members = members

    def response(self) -> JSONResponse:
        headers = {"Cache-Control": "no-store", **self.headers}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        body = {
            "type": f"urn:photo-api:problem:{self.kind}",
            "title": self.kind.replace("-", " "),
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return JSONResponse(body, self.status, headers=headers, media_type=MEDIA_TYPE)


def pool_exhausted(size: int, use: str, waited: float) -> Problem:
    """`use`: read or write."""
    return Problem(
        503,
        "pool-exhausted",
        f"all {size} database connections of this host to {use} stayed busy for {waited:g} s; try again later",
        retry_after=2,
    )


def database_unavailable(why: str) -> Problem:
    return Problem(503, "database-unavailable", f"the database cannot be used: {why}", retry_after=5)


def write_unconfirmed() -> Problem:
    detail = "the write was not confirmed and may be lost; send it again, an upload with the same Idempotency-Key"
    return Problem(503, "write-unconfirmed", detail, retry_after=5)


def writes_waiting(size: int) -> Problem:
    detail = f"all {size} database connections of this host to write wait for their commits; try again later"
    return Problem(503, "writes-waiting", detail, retry_after=5)


def storage_unavailable(why: str) -> Problem:
    return Problem(503, "storage-unavailable", f"the photo store cannot be used: {why}", retry_after=5)


def photo_not_found(photo_id: int) -> Problem:
    return Problem(404, "photo-not-found", f"there is no photo {photo_id}")


def body_too_large(limit: int) -> Problem:
    return Problem(
        413,
        "body-too-large",
        f"the request is larger than the {limit} bytes that are accepted",
        limit_bytes=limit,
    )


def unexpected() -> Problem:
    return Problem(500, "internal-error", "an unexpected error; it has been logged")


def install(app: FastAPI) -> None:
    """Make `app` answer every error as a problem document."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {"field": ".".join(str(part) for part in fault["loc"]), "why": fault["msg"]} for fault in error.errors()
        ]
        detail = "; ".join(f"{fault['field']}: {fault['why']}" for fault in faults)
        return Problem(422, "invalid-request", detail, faults=faults).response()

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, OSError):
            return _no_room(error.__cause__).response()
        response = Problem(error.status_code, _kind(error.status_code), str(error.detail)).response()
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_allowed(request))
        return response

    @app.exception_handler(Exception)
    async def _unexpected(_: Request, __: Exception) -> JSONResponse:
        # The server logs it with its traceback: the framework raises it again after this answer.
        return unexpected().response()


def _no_room(error: OSError) -> Problem:
    """The framework calls every failure to read a form the client's. A disk that is full is not."""
    log.error("an upload cannot be kept while it is checked: %s", error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(507, "no-room", "this host has no room for the upload now; try again later", retry_after=30)
    return Problem(503, "upload-unavailable", "this host cannot accept uploads now; try again later", retry_after=30)


def _allowed(request: Request) -> list[str]:
    """Methods of every route with the path: the framework names those of the first route only."""
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
    found = [
        method
        for method in methods
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    return ["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found


def _kind(status: int) -> str:
    return {400: "malformed-request", 404: "no-such-path", 405: "method-not-allowed"}.get(status, f"http-{status}")
