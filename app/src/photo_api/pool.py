"""A pool of PostgreSQL connections with a bound on every wait, and its failures as problems."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from photo_api.metrics import Metrics
from photo_api.problems import database_unavailable, pool_exhausted

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

log = logging.getLogger(__name__)

#: What a failing server, network or failover causes: the client may try again. Anything else is this program's fault.
#: `CannotConnectNowError`, `AdminShutdownError` and the like are `OperatorInterventionError` and
#: `PostgresConnectionError`; a certificate that does not verify is an `OSError`.
UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.InterfaceError,
)
#: Seconds without a sign of life from the server's host until a connection is dead: begin to ask, ask again, give up.
#: Shorter than the wait for a statement, so that a host that is gone leaves no connection that waits for ever.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, SILENCE = 2, 1, 5


class Connection(asyncpg.Connection):
    """Ends when the server's host falls silent, also while a commit waits and nothing is to be sent."""

    def __init__(self, protocol: Any, transport: Any, *rest: Any, **named: Any) -> None:
        super().__init__(protocol, transport, *rest, **named)
        peer = transport.get_extra_info("socket")
        if peer.family != socket.AF_UNIX:
            # Of the same socket: the event loop's own object lets nobody set options.
            with socket.socket(fileno=os.dup(peer.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                same.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
                same.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
                same.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)


class Pool:
    """Gives connections, at most `size` at once, each within `acquire_timeout` seconds or not at all."""

    def __init__(self, pool: asyncpg.Pool, use: str, size: int, acquire_timeout: float, metrics: Metrics) -> None:
        self.use, self.size = use, size
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._waiting = metrics.pool_waiting.labels(use)
        self._wait = metrics.pool_wait.labels(use)
        self._exhausted = metrics.pool_exhausted.labels(use)
        metrics.pool_size.labels(use).set(size)
        metrics.pool_open.labels(use).set_function(pool.get_size)
        metrics.pool_idle.labels(use).set_function(pool.get_idle_size)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[PoolConnectionProxy]:
        """A connection for one statement. Raises `Problem` (503): pool exhausted, or database unavailable.

        Failures of the statement itself that another try may get past become `Problem` too.
        """
        async with self.using(await self.acquire()) as connection:
            yield connection

    @asynccontextmanager
    async def using(self, connection: PoolConnectionProxy) -> AsyncIterator[PoolConnectionProxy]:
        """Give back what `acquire` gave. Raises as `connection` does."""
        try:
            yield connection
        except UNAVAILABLE as error:
            log.warning("statement failed: %s: %s", type(error).__name__, error)
            raise database_unavailable(type(error).__name__) from error
        finally:
            await self._pool.release(connection, timeout=self._acquire_timeout)

    async def acquire(self) -> PoolConnectionProxy:
        begun = time.perf_counter()
        self._waiting.inc()
        try:
            return await self._pool.acquire(timeout=self._acquire_timeout)
        except TimeoutError as error:
            if self._pool.get_size() < self.size or self._pool.get_idle_size():
                raise database_unavailable(f"no connection within {self._acquire_timeout:g} s") from error
            self._exhausted.inc()
            raise pool_exhausted(self.size, self.use, self._acquire_timeout) from error
        except UNAVAILABLE as error:
            log.warning("no database connection: %s: %s", type(error).__name__, error)
            raise database_unavailable(type(error).__name__) from error
        finally:
            self._waiting.dec()
            self._wait.observe(time.perf_counter() - begun)
