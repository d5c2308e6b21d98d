"""The connections to PostgreSQL, made to work directly and behind pgBouncer in transaction mode alike.

The rule that allows both: the serving path keeps no state in a session. One statement a request, no SET, no
LISTEN, no advisory lock, no cursor, no temporary table, no startup parameter that pgBouncer would refuse. So a
connection needs no reset when it is given back (measured: asyncpg's default reset costs the database 40% more CPU
at 1200 calls/s), and statement_timeout and its like belong to the role. So does `default_transaction_read_only` for
the reads, where they get a role or a server of their own: set by the application, it would reach another client's
writes by way of the pooler, and a transaction a read would be three round trips. Prepared statements stay on:
pgBouncer carries protocol-level ones from 1.21 on (max_prepared_statements).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from photo_api.metrics import Metrics
from photo_api.pool import Connection, Pool
from photo_api.settings import Credentials, DatabaseSettings, Settings
from photo_api.standby import StandbyReads
from photo_api.writes import Writes

#: Seconds that a pool's connections have to close, with what they still run. Then their sockets are closed, which the
#: server does not notice in a commit that waits.
CLOSE_TIMEOUT = 2


def tls(settings: DatabaseSettings) -> ssl.SSLContext:
    """Verify-full: the server's certificate by the project's authority only, and its host name."""
    context = ssl.create_default_context(cafile=str(settings.database_ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _no_reset(_: asyncpg.Connection) -> None:
    """Instead of asyncpg's reset, by the rule above. asyncpg itself still rolls back a transaction left open."""


@dataclass(frozen=True)
class Database:
    """Reads and writes, apart: commits that wait for a standby never take the connections of readers.

    `standby`: for reads that may be stale; None where all go to the leader. `checks`: for /readyz,
    which must not find a host unready because its readers are busy.
    """

    reads: Pool
    standby: StandbyReads | None
    checks: Pool
    writes: Writes


@asynccontextmanager
async def open_database(settings: Settings, credentials: Credentials, metrics: Metrics) -> AsyncIterator[Database]:
    """Pools that connect at first use: a database that is down does not keep the API from starting."""
    async with AsyncExitStack() as stack:

        async def pool(use: str, size: int, command_timeout: float | None, name: str = "", wait: float = 0) -> Pool:
            database = name or settings.database_name
            opened = await stack.enter_async_context(_open(settings, credentials, database, size, command_timeout))
            return Pool(opened, use, size, wait or settings.pool_acquire_timeout, metrics)

        reads = await pool("read", settings.pool_size, settings.database_command_timeout)
        standby = None
        if settings.database_read_name is not None:
            waits = settings.standby_command_timeout, settings.database_read_name, settings.standby_acquire_timeout
            standby = StandbyReads(await pool("standby", settings.pool_size, *waits), reads)
        checks = await pool("check", 1, settings.ready_timeout)
        # Without a timeout: asyncpg ends one with a cancel request.
        writes = await pool("write", settings.write_pool_size, None)
        yield Database(reads, standby, checks, Writes(writes, settings.database_command_timeout, metrics))


@asynccontextmanager
async def _open(
    settings: Settings, credentials: Credentials, database: str, size: int, command_timeout: float | None
) -> AsyncIterator[asyncpg.Pool]:
    password = credentials.database_password
    pool = asyncpg.create_pool(
        **settings.database_server,
        database=database,
        user=settings.database_user,
        password=password.get_secret_value() if password is not None else None,
        ssl=tls(settings),
        min_size=0,
        max_size=size,
        # Connections do not age: nothing in a session grows, and a renewal is a fork and a TLS handshake.
        max_queries=2**31 - 1,
        max_inactive_connection_lifetime=300.0,
        statement_cache_size=100,
        max_cached_statement_lifetime=0,
        timeout=settings.database_connect_timeout,
        command_timeout=command_timeout,
        connection_class=Connection,
        reset=_no_reset,
    )
    await pool
    try:
        yield pool
    finally:
        try:
            # A pool whose closing is cut short ends its connections itself, without a cancel request.
            await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT)
        except TimeoutError:
            pool.terminate()
