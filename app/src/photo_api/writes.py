"""Statements that write: each is waited for until its deadline, and runs to its end whether it is waited for or not.

A commit may wait for a standby for as long as none is there. To cancel it would not undo it: it would be visible and
not replicated. So nothing here sends a cancel request. The caller is answered 503 at the deadline; the connection stays
with the statement and comes back when a standby has confirmed it. When all of them are held like that, further writes
are refused at once. Reads have a pool of their own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from photo_api.metrics import Metrics
from photo_api.pool import Pool
from photo_api.problems import Problem, write_unconfirmed, writes_waiting

if TYPE_CHECKING:
    from asyncpg import Connection, Record
    from asyncpg.pool import PoolConnectionProxy

log = logging.getLogger(__name__)


class Wait:
    """Whether a commit was `cut` short while it waited for a standby."""

    cut = False


@contextmanager
def wait_for_standby(connection: Connection | PoolConnectionProxy) -> Iterator[Wait]:
    """Watches the commits on `connection`.

    A cancel request that meets a commit in its wait for a standby ends the wait, not the transaction: the server warns
    and reports success for something that a failover loses. The warning has no code of its own and its text is
    translated, so it is known by the file of the server's source that every message names.
    """
    wait = Wait()

    def listen(_: Any, message: Any) -> None:
        if message.server_source_filename == "syncrep.c":
            wait.cut = True

    connection.add_log_listener(listen)
    try:
        yield wait
    finally:
        # A connection that has ended has no listeners left.
        with suppress(asyncpg.InterfaceError):
            connection.remove_log_listener(listen)


class Writes:
    """Runs writes in `pool`, whose connections have no command timeout; `deadline` is in seconds."""

    def __init__(self, pool: Pool, deadline: float, metrics: Metrics) -> None:
        self._pool = pool
        self._deadline = deadline
        #: Tasks that the event loop itself holds only weakly.
        self._running: set[asyncio.Task[list[Record]]] = set()
        self._left = 0
        metrics.writes_left.set_function(lambda: self._left)

    async def run(self, statement: str, *values: Any) -> list[Record]:
        """Run a statement that writes. When it returns, what it wrote has been confirmed as the server's settings say.

        Raises `Problem` (503) as `Pool.connection` does, and where the commit was not confirmed by the deadline.
        After a 503 the write may be there or not, and may be visible and yet be lost by a failover. So a statement
        whose result is promised to a client writes whatever it finds: one that only read what an earlier try left
        would wait for no standby.
        """
        if self._left >= self._pool.size:
            raise writes_waiting(self._pool.size)
        connection = await self._pool.acquire()
        task = asyncio.create_task(self._finish(connection, statement, values))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            # Neither its timeout nor the end of this caller cancels the task.
            await asyncio.wait([task], timeout=self._deadline)
        finally:
            if not task.done():
                self._left += 1
                task.add_done_callback(self._returned)
        if not task.done():
            log.warning("a write was not confirmed within %g s; its connection waits for it", self._deadline)
            raise write_unconfirmed()
        return task.result()

    async def _finish(self, connection: PoolConnectionProxy, statement: str, values: tuple[Any, ...]) -> list[Record]:
        async with self._pool.using(connection):
            with wait_for_standby(connection) as wait:
                rows = await connection.fetch(statement, *values)
        if wait.cut:
            log.warning("a commit was not confirmed: its wait for a standby was cancelled")
            raise write_unconfirmed()
        return rows

    def _returned(self, task: asyncio.Task[list[Record]]) -> None:
        self._left -= 1
        if task.cancelled():
            return
        match task.exception():
            case None:
                log.info("a write was confirmed after its deadline")
            case Problem() as problem:
                log.warning("a write failed after its deadline: %s", problem.detail)
            case error:
                log.error("a write failed after its deadline", exc_info=error)
