"""Decodes uploads in threads, as many at once as cores are granted, so that memory and the event loop are safe."""

from __future__ import annotations

import asyncio

from anyio import CapacityLimiter, to_thread

from photo_api import jpeg
from photo_api.metrics import Metrics
from photo_api.problems import Problem


class Decoder:
    """`workers` pictures at once; others wait `patience` seconds at most."""

    def __init__(self, workers: int, patience: float, max_pixels: int, metrics: Metrics) -> None:
        self._free = asyncio.Semaphore(workers)
        self._patience = patience
        self._max_pixels = max_pixels
        self._metrics = metrics

    async def read(self, data: bytes) -> jpeg.Jpeg:
        """What `data` holds. Raises `Problem`: 400 for no acceptable JPEG, 503 when all workers stay busy."""
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError as error:
            raise Problem(
                503,
                "decoders-busy",
                f"other uploads kept this host's decoders busy for {self._patience:g} s; try again later",
                retry_after=2,
            ) from error
        try:
            # A limiter of its own: the wait above is the one that counts. A thread cannot be interrupted.
            return await to_thread.run_sync(jpeg.read, data, self._max_pixels, limiter=CapacityLimiter(1))
        except jpeg.NotAJpeg as error:
            self._metrics.refused_photos.labels(error.kind).inc()
            raise Problem(400, f"photo-{error.kind}", f"photo: {error}") from error
        finally:
            self._free.release()
