"""Puts the parts together: one ASGI application for one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from photo_api import __version__, api, health, migrate, problems
from photo_api.database import open_database
from photo_api.decoding import Decoder
from photo_api.metrics import Metrics
from photo_api.middleware import BodyLimit, Deadline, Measure
from photo_api.photos import Photos
from photo_api.settings import Credentials, Settings
from photo_api.storage import open_storage


@asynccontextmanager
async def application(settings: Settings, credentials: Credentials) -> AsyncIterator[ASGIApp]:
    """The application, its pool and its S3 client open; they close when the context ends."""
    metrics = Metrics()
    async with (
        open_database(settings, credentials, metrics) as database,
        open_storage(settings, credentials, metrics) as storage,
    ):
        # Swagger's pages load scripts from another site; the OpenAPI document is at /openapi.json.
        app = FastAPI(title="Photo API", version=__version__, docs_url=None, redoc_url=None)
        photos = Photos(database)
        decoder = Decoder(settings.decode_workers, settings.decode_wait_timeout, settings.max_pixels, metrics)
        problems.install(app)
        api.install(app, photos, storage, decoder, metrics, settings.max_upload_bytes)
        health.install(app, photos, storage, metrics, len(migrate.load()), settings.ready_timeout)
        bounded = BodyLimit(app, settings.max_body_bytes)
        yield Measure(Deadline(bounded, settings.request_timeout), metrics)
