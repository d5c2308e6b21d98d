"""Removes the files of deleted photos from S3, after their rows are gone.

Equal uploads of a user share one object, so a file goes only when no row refers to it, and never while an upload may be
about to: what was removed less than `GRACE` ago is left alone, and an upload first takes its file off the list
(`Photos.claim_file`). A file that is being removed is marked, and an upload of it is refused until it is gone. So a
photo that is deleted and uploaded again at the same moment is not lost, and one that is deleted while S3 is down is
removed when S3 is back.
"""

from __future__ import annotations

import asyncio
import logging
import random

from photo_api.metrics import Metrics
from photo_api.photos import Photos
from photo_api.problems import Problem
from photo_api.storage import Storage, object_key

log = logging.getLogger(__name__)

#: Seconds between rounds; each process makes them, and two never take the same file.
INTERVAL = 30.0
#: Seconds before a file goes, and before another process takes over one that was claimed. Longer than any request.
GRACE = 60.0
#: Files a round.
_BATCH = 50


async def run(photos: Photos, storage: Storage, metrics: Metrics) -> None:
    """Rounds without end. A round that fails is logged, and tried again by the next."""
    while True:
        await asyncio.sleep(INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 - so that hosts do not move in step
        try:
            await sweep(photos, storage, metrics, GRACE)
        except Problem as problem:
            log.warning("files of deleted photos stay until the next round: %s", problem.detail)
        except Exception:
            log.exception("files of deleted photos stay until the next round")


async def sweep(photos: Photos, storage: Storage, metrics: Metrics, grace: float) -> int:
    """One round; how many files it removed. Raises `Problem` as the database and S3 do."""
    removed = 0
    for user_id, sha256 in await photos.claim_removals(grace, _BATCH):
        await storage.delete(object_key(user_id, sha256))
        await photos.forget_removal(user_id, sha256)
        metrics.removed_files.inc()
        removed += 1
    return removed
