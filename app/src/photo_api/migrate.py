"""Brings the schema forward, one statement a version. Why not a library: docs/decisions/migrations.md.

    migrations/0007_what_it_does.sql    one statement; versions are 1, 2, 3, ... without a gap, and are never edited

- Once at a time: an advisory lock. Connect to the primary itself, not through a pooler: the lock is the session's.
- Each statement and its record are one transaction, so that a version is there wholly or not at all. A file that
  begins with `-- outside a transaction` (CREATE INDEX CONCURRENTLY) must be safe to run again.
- A statement that waits for a lock makes every query behind it wait. It gives up after LOCK_TIMEOUT and tries again.
- Forward only: a release must run on the schema of the next one, so that rolling back the app needs no schema change.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources

import asyncpg

from photo_api.database import tls
from photo_api.pool import UNAVAILABLE
from photo_api.settings import DatabaseSettings
from photo_api.writes import wait_for_standby

OUTSIDE = "-- outside a transaction"
#: Any constant will do, as long as nothing else uses it in this database.
_ADVISORY_LOCK = 0x70686F746F73
#: Seconds to wait for another `migrate` to end; then for a table's lock; how often; longest statement.
TURN_TIMEOUT, LOCK_TIMEOUT, TRIES, STATEMENT_TIMEOUT = 60, 3, 5, 900

_VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_versions (
    version integer PRIMARY KEY CHECK (version > 0),
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
# What an earlier run applied can be there and yet be lost by a failover, if its commit was cut short in its wait for a
# standby. A commit that follows waits for it, too.
_CONFIRM = "SELECT pg_logical_emit_message(true, 'photo-api', 'migrated')"


class MigrationFailed(Exception):
    """The schema is as the last recorded version left it; the message names the version and the fault."""


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    statement: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.statement.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        return not self.statement.startswith(OUTSIDE)


def load(files: dict[str, str] | None = None) -> tuple[Migration, ...]:
    """The migrations of this release, in order; `files` is name to text. Raises `MigrationFailed` for a gap."""
    if files is None:
        folder = resources.files("photo_api") / "migrations"
        files = {f.name: f.read_text() for f in folder.iterdir() if f.name.endswith(".sql")}
    migrations = []
    for expected, (name, text) in enumerate(sorted(files.items()), start=1):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", name)
        if match is None or int(match[1]) != expected:
            raise MigrationFailed(f"migrations/{name}: must be named {expected:04d}_<what>.sql; versions have no gap")
        migrations.append(Migration(expected, match[2], text.strip()))
    return tuple(migrations)


def pending(migrations: tuple[Migration, ...], applied: dict[int, str]) -> tuple[Migration, ...]:
    """What is left to do, where `applied` is version to sha256. Raises `MigrationFailed` for an edited one.

    Versions that this release does not know are a newer release's: nothing to do, and no fault.
    """
    for migration in migrations:
        known = applied.get(migration.version, migration.sha256)
        if known != migration.sha256:
            raise MigrationFailed(
                f"version {migration.version} ({migration.name}) was edited after it had been applied; "
                "restore its file and write a new version"
            )
    return tuple(migration for migration in migrations if migration.version not in applied)


async def plan(settings: DatabaseSettings, password: str) -> tuple[Migration, ...]:
    """What `migrate` would apply. Changes nothing."""
    async with _session(settings, password) as connection:
        return pending(load(), await _applied(connection))


async def migrate(
    settings: DatabaseSettings,
    password: str,
    report: Callable[[str], None],
    migrations: tuple[Migration, ...] | None = None,
) -> int:
    """Apply what is pending; how many that were. Raises `MigrationFailed`, also where no standby has confirmed it."""
    migrations = load() if migrations is None else migrations
    async with _session(settings, password) as connection:
        with wait_for_standby(connection) as wait:
            applied = await _forward(connection, report, migrations)
            await connection.execute(_CONFIRM)
        if wait.cut:
            raise MigrationFailed("a commit was cancelled in its wait for a standby and may be lost; run it again")
        return applied


async def _forward(
    connection: asyncpg.Connection, report: Callable[[str], None], migrations: tuple[Migration, ...]
) -> int:
    await _take_turn(connection)
    if await connection.fetchval("SELECT to_regclass('schema_versions')") is None:
        await connection.execute(_VERSIONS)
    todo = pending(migrations, await _applied(connection))
    for migration in todo:
        report(f"applying version {migration.version} ({migration.name})")
        await _apply(connection, migration)
    return len(todo)


async def _applied(connection: asyncpg.Connection) -> dict[int, str]:
    if await connection.fetchval("SELECT to_regclass('schema_versions')") is None:
        return {}
    rows = await connection.fetch("SELECT version, sha256 FROM schema_versions")
    return {row["version"]: row["sha256"] for row in rows}


async def _take_turn(connection: asyncpg.Connection) -> None:
    await _set_timeout(connection, "lock_timeout", TURN_TIMEOUT)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationFailed(
            f"another migration has been running for {TURN_TIMEOUT} s; find its statement in pg_stat_activity"
        ) from error
    await _set_timeout(connection, "lock_timeout", LOCK_TIMEOUT)


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            if migration.transactional:
                async with connection.transaction():
                    await _run(connection, migration)
            else:
                await _run(connection, migration)
        except asyncpg.LockNotAvailableError as error:
            if attempt == TRIES:
                raise MigrationFailed(
                    f"version {migration.version} ({migration.name}) found no lock in {TRIES} tries of "
                    f"{LOCK_TIMEOUT} s; see who holds one in pg_locks, and run it again"
                ) from error
            await asyncio.sleep(attempt)
        except asyncpg.PostgresError as error:
            raise MigrationFailed(f"version {migration.version} ({migration.name}): {error}") from error
        else:
            return


async def _run(connection: asyncpg.Connection, migration: Migration) -> None:
    # As a prepared statement, which PostgreSQL refuses for more than one command: a version is one statement.
    await connection.fetch(migration.statement)
    await connection.execute(
        "INSERT INTO schema_versions (version, name, sha256) VALUES ($1, $2, $3)",
        migration.version,
        migration.name,
        migration.sha256,
    )


async def _set_timeout(connection: asyncpg.Connection, name: str, seconds: int) -> None:
    await connection.execute("SELECT set_config($1, $2, false)", name, f"{seconds}s")


@asynccontextmanager
async def _session(settings: DatabaseSettings, password: str) -> AsyncIterator[asyncpg.Connection]:
    where = f"{settings.database_owner}@{settings.database_host}:{settings.database_port}/{settings.database_name}"
    try:
        connection = await asyncpg.connect(
            **settings.database_server,
            database=settings.database_name,
            user=settings.database_owner,
            password=password,
            ssl=tls(settings),
            timeout=10,
            command_timeout=STATEMENT_TIMEOUT + 5,
        )
    except UNAVAILABLE as error:
        raise MigrationFailed(f"cannot connect to {where}: {str(error) or type(error).__name__}") from error
    try:
        await _set_timeout(connection, "statement_timeout", STATEMENT_TIMEOUT)
        yield connection
    except (asyncpg.PostgresError, *UNAVAILABLE) as error:
        raise MigrationFailed(f"{where}: {str(error) or type(error).__name__}") from error
    finally:
        await connection.close(timeout=5)
