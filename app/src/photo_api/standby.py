"""Reads that may be stale: from a standby, and once more from the leader where that fails."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import asyncpg

from photo_api.pool import Pool
from photo_api.problems import Problem

if TYPE_CHECKING:
    from asyncpg import Record

log = logging.getLogger(__name__)

#: Seconds without a further try, after a standby could not be used: one that is silent costs a call each time.
AWAY = 1.0


class StandbyReads:
    """`standby` and `leader` are pools; the waits of both together are shorter than a call's."""

    def __init__(self, standby: Pool, leader: Pool) -> None:
        self._standby = standby
        self._leader = leader
        self._from = 0.0

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Raises `Problem` as the leader's pool does, never for the standby's sake."""
        if time.monotonic() >= self._from:
            try:
                async with self._standby.connection() as connection:
                    return await connection.fetch(statement, *values)
            except Problem as problem:
                self._from = time.monotonic() + AWAY
                log.warning("reads go to the leader for %g s: %s", AWAY, problem.detail)
            except asyncpg.PostgresError as error:
                # Cancelled for what it replays (40001), or not yet as far as this release's schema.
                log.info("a read is repeated on the leader: %s: %s", type(error).__name__, error)
        async with self._leader.connection() as connection:
            return await connection.fetch(statement, *values)
