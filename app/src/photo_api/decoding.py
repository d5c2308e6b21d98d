"""Bounds what uploads cost a host: photos in memory, and pictures that are decoded, at once.

The rest waits on disk, where the form's parser has put it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter, to_thread

from photo_api import jpeg
from photo_api.metrics import Metrics
from photo_api.problems import Problem
from photo_api.settings import Settings


class Decoder:
    """Photos in memory (`held`), and pictures decoded in threads of their own (`read`), so many at once."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._room = asyncio.Semaphore(settings.photos_in_memory)
        self._free = asyncio.Semaphore(settings.decode_workers)
        self._patience = settings.decode_wait_timeout
        self._max_pixels = settings.max_pixels
        self._strip = settings.exif_location == "strip"
        self._metrics = metrics

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """To be entered before a photo is read into memory, and left when it is stored. Raises `Problem` (503)."""
        async with self._slot(self._room):
            yield

    async def read(self, data: bytes) -> jpeg.Jpeg:
        """What `data` holds. Raises `Problem`: 400 for no acceptable JPEG, 503 when all workers stay busy."""
        async with self._slot(self._free):
            try:
                # A limiter of its own: the wait for the slot is the one that counts. A thread cannot be interrupted.
                return await to_thread.run_sync(self._read, data, limiter=CapacityLimiter(1))
            except jpeg.NotAJpeg as error:
                self._metrics.refused_photos.labels(error.kind).inc()
                raise Problem(400, f"photo-{error.kind}", f"photo: {error}") from error

    def _read(self, data: bytes) -> jpeg.Jpeg:
        return jpeg.read(data, self._max_pixels, strip=self._strip)

    @asynccontextmanager
    async def _slot(self, slots: asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                await slots.acquire()
        except TimeoutError as error:
            raise Problem(
                503,
                "decoders-busy",
                f"other uploads kept this host's decoders busy for {self._patience:g} s; try again later",
                retry_after=2,
            ) from error
        try:
            yield
        finally:
            slots.release()
