"""The pool of PostgreSQL connections, made to work directly and behind pgBouncer in transaction mode alike.

The rule that allows both: the serving path keeps no state in a session. One statement a request, no SET, no
LISTEN, no advisory lock, no cursor, no temporary table, no startup parameter that pgBouncer would refuse. So a
connection needs no reset when it is given back (measured: asyncpg's default reset costs the database 40% more CPU
at 1200 calls/s), and statement_timeout and its like belong to the role. Prepared statements stay on: pgBouncer
carries protocol-level ones from 1.21 on (max_prepared_statements).
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from photo_api.metrics import Metrics
from photo_api.problems import database_unavailable, pool_exhausted, write_unconfirmed
from photo_api.settings import Credentials, DatabaseSettings, Settings

if TYPE_CHECKING:
    from asyncpg import Connection, Record
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


def tls(settings: DatabaseSettings) -> ssl.SSLContext:
    """Verify-full: the server's certificate by the project's authority only, and its host name."""
    context = ssl.create_default_context(cafile=str(settings.database_ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _no_reset(_: asyncpg.Connection) -> None:
    """Instead of asyncpg's reset, by the rule above. asyncpg itself still rolls back a transaction left open."""


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
        connection.remove_log_listener(listen)


class Database:
    """Gives connections, at most `pool_size` at once, each within `pool_acquire_timeout` seconds or not at all."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings, metrics: Metrics) -> None:
        self._pool = pool
        self._size = settings.pool_size
        self._acquire_timeout = settings.pool_acquire_timeout
        self._metrics = metrics
        metrics.pool_size.set(settings.pool_size)
        metrics.pool_open.set_function(pool.get_size)
        metrics.pool_idle.set_function(pool.get_idle_size)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[PoolConnectionProxy]:
        """A connection for one statement. Raises `Problem` (503): pool exhausted, or database unavailable.

        Failures of the statement itself that another try may get past become `Problem` too.
        """
        connection = await self._acquire()
        try:
            yield connection
        except UNAVAILABLE as error:
            log.warning("statement failed: %s: %s", type(error).__name__, error)
            raise database_unavailable(type(error).__name__) from error
        finally:
            await self._pool.release(connection, timeout=self._acquire_timeout)

    async def write(self, statement: str, *values: Any) -> list[Record]:
        """Run a statement that writes. When it returns, what it wrote has been confirmed as the server's settings say.

        Raises `Problem` as `connection` does, and (503) where the commit stopped waiting for a standby. After a 503 the
        write may be there or not, and may be visible and yet be lost by a failover. So every statement that is given
        here writes, whatever it finds: a second try that only read the first one's result would wait for no standby.
        """
        async with self.connection() as connection:
            with wait_for_standby(connection) as wait:
                rows = await connection.fetch(statement, *values)
        if wait.cut:
            log.warning("a commit was not confirmed: its wait for a standby was cancelled")
            raise write_unconfirmed()
        return rows

    async def _acquire(self) -> PoolConnectionProxy:
        begun = time.perf_counter()
        self._metrics.pool_waiting.inc()
        try:
            return await self._pool.acquire(timeout=self._acquire_timeout)
        except TimeoutError as error:
            if self._pool.get_size() < self._size or self._pool.get_idle_size():
                raise database_unavailable(f"no connection within {self._acquire_timeout:g} s") from error
            self._metrics.pool_exhausted.inc()
            raise pool_exhausted(self._size, self._acquire_timeout) from error
        except UNAVAILABLE as error:
            log.warning("no database connection: %s: %s", type(error).__name__, error)
            raise database_unavailable(type(error).__name__) from error
        finally:
            self._metrics.pool_waiting.dec()
            self._metrics.pool_wait.observe(time.perf_counter() - begun)


@asynccontextmanager
async def open_database(settings: Settings, credentials: Credentials, metrics: Metrics) -> AsyncIterator[Database]:
    """A pool that connects at first use: a database that is down does not keep the API from starting."""
    pool = asyncpg.create_pool(
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database_name,
        user=settings.database_user,
        password=credentials.database_password.get_secret_value(),
        ssl=tls(settings),
        min_size=0,
        max_size=settings.pool_size,
        # Connections do not age: nothing in a session grows, and a renewal is a fork and a TLS handshake.
        max_queries=2**31 - 1,
        max_inactive_connection_lifetime=300.0,
        statement_cache_size=100,
        max_cached_statement_lifetime=0,
        timeout=settings.database_connect_timeout,
        command_timeout=settings.database_command_timeout,
        reset=_no_reset,
    )
    async with pool:
        yield Database(pool, settings, metrics)
