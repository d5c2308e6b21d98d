"""Puts the parts together: one ASGI application for one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from photo_api import __version__, api, description, health, migrate, problems, removals
from photo_api.database import open_database
from photo_api.decoding import Decoder
from photo_api.freshness import Freshness
from photo_api.head import Head
from photo_api.hot import Hot
from photo_api.metrics import Metrics
from photo_api.middleware import BodyLimit, Deadline, Measure
from photo_api.photos import Photos
from photo_api.settings import Credentials, Settings
from photo_api.storage import open_storage


@asynccontextmanager
async def _background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs `work` until the context ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def application(settings: Settings, credentials: Credentials) -> AsyncIterator[ASGIApp]:
    """The application, its pool and its S3 client open; they close when the context ends."""
    metrics = Metrics()
    async with (
        open_database(settings, credentials, metrics) as database,
        open_storage(settings, credentials, metrics) as storage,
    ):
        app = FastAPI(
            title="Photo API",
            version=__version__,
            # Swagger's pages load scripts from another site; the OpenAPI document is at /openapi.json.
            docs_url=None,
            redoc_url=None,
            # A redirect from a path with a slash too many would name http, which is what nginx speaks to this process:
            # a photo would be sent again in clear. There is no such path.
            redirect_slashes=False,
        )
        photos = Photos(database)
        decoder = Decoder(settings, metrics)
        problems.install(app)
        api.install(app, photos, storage, decoder, metrics, settings.max_upload_bytes, settings.cdn_url)
        health.install(app, photos, storage, metrics, len(migrate.load()), settings.ready_timeout)
        description.install(app)
        answering: ASGIApp = Head(Hot(app, photos))
        if settings.database_read_name is not None:
            answering = Freshness(answering, settings.read_lag)
        bounded = BodyLimit(answering, settings.max_body_bytes)
        async with _background(removals.run(photos, storage, metrics)):
            yield Measure(Deadline(bounded, settings.request_timeout), metrics)
