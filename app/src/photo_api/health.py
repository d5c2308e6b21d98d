"""Whether this process serves (/healthz), whether it could serve well (/readyz), and its figures (/metrics)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from photo_api.metrics import Metrics
from photo_api.photos import Photos
from photo_api.problems import Problem
from photo_api.storage import Storage

#: Checks that were given up; the event loop itself holds them only weakly.
_ending: set[asyncio.Task[None]] = set()


def install(
    app: FastAPI, photos: Photos, storage: Storage, metrics: Metrics, schema: int, ready_timeout: float
) -> None:
    """Add the routes. `schema` is the migration this release needs at least."""

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        """Shallow on purpose: a database that is down must not take every web host out of the balancer."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        database, store = await asyncio.gather(
            _outcome(_schema(photos, schema), ready_timeout), _outcome(storage.check(), ready_timeout)
        )
        ready = database == store == "ok"
        return JSONResponse({"database": database, "storage": store}, 200 if ready else 503)

    @app.get("/metrics", include_in_schema=False)
    async def figures() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _schema(photos: Photos, needed: int) -> None:
    version = await photos.schema_version()
    if version < needed:
        raise Problem(503, "schema", f"the schema is at version {version}, this release needs {needed}; migrate first")


async def _outcome(check: Coroutine[None, None, None], seconds: float) -> str:
    task = asyncio.create_task(check)
    await asyncio.wait([task], timeout=seconds)
    if not task.done():
        # Its end is not waited for: that of a statement that is held may take as long as the hold.
        task.cancel()
        _ending.add(task)
        task.add_done_callback(_ending.discard)
        return f"no answer within {seconds:g} s"
    try:
        task.result()
    except Problem as problem:
        return problem.detail
    return "ok"
