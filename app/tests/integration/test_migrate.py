"""Migrations against a real PostgreSQL: once, whole or not at all, and never in the way of others for long."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from photo_api import migrate as subject
from tests.integration.conftest import PASSWORDS

pytestmark = pytest.mark.anyio
OWNER = PASSWORDS["photos_owner"]


async def run(cluster, *statements: str) -> int:
    files = {f"{n:04d}_step.sql": statement for n, statement in enumerate(statements, start=1)}
    return await subject.migrate(cluster.settings(), OWNER, lambda _: None, subject.load(files))


async def versions(cluster) -> list[int]:
    connection = await cluster.connect("photos_owner")
    rows = await connection.fetch("SELECT version FROM schema_versions ORDER BY version")
    await connection.close()
    return [row["version"] for row in rows]


async def test_the_releases_schema_is_applied_once(database):
    todo = await subject.plan(database.settings(), OWNER)
    assert [m.version for m in todo] == [m.version for m in subject.load()]
    said: list[str] = []
    assert await subject.migrate(database.settings(), OWNER, said.append) == len(todo) == len(said)
    assert await subject.migrate(database.settings(), OWNER, said.append) == 0
    assert await subject.plan(database.settings(), OWNER) == ()


async def test_two_at_once_apply_each_version_once(database):
    applied = await asyncio.gather(*(run(database, "CREATE TABLE a (i int)", "SELECT pg_sleep(0.3)") for _ in "ab"))
    assert sorted(applied) == [0, 2]


async def test_a_statement_that_fails_leaves_the_versions_before_it(database):
    with pytest.raises(subject.MigrationFailed, match=r"version 2 \(step\): relation \"nowhere\" does not exist"):
        await run(database, "CREATE TABLE a (i int)", "INSERT INTO nowhere VALUES (1)", "CREATE TABLE c (i int)")
    assert await versions(database) == [1]


async def test_a_version_is_one_statement(database):
    with pytest.raises(subject.MigrationFailed, match="multiple commands"):
        await run(database, "CREATE TABLE a (i int); CREATE TABLE b (i int)")
    assert await versions(database) == []


async def test_an_index_can_be_made_without_blocking_writers(database):
    statement = f"{subject.OUTSIDE}\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_i ON a (i)"
    assert await run(database, "CREATE TABLE a (i int)", statement) == 2


async def test_gives_up_on_a_held_lock_and_names_the_version(database, monkeypatch):
    monkeypatch.setattr(subject, "LOCK_TIMEOUT", 1)
    monkeypatch.setattr(subject, "TRIES", 1)
    await run(database, "CREATE TABLE a (i int)")
    holder = await database.connect("photos_owner")
    async with holder.transaction():
        await holder.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        with pytest.raises(subject.MigrationFailed, match=r"version 2 .* found no lock in 1 tries of 1 s"):
            await run(database, "CREATE TABLE a (i int)", "ALTER TABLE a ADD b int")
    await holder.close()


async def test_tries_again_when_the_lock_comes_free(database, monkeypatch):
    monkeypatch.setattr(subject, "LOCK_TIMEOUT", 1)
    await run(database, "CREATE TABLE a (i int)")
    holder = await database.connect("photos_owner")
    held = holder.transaction()
    await held.start()
    await holder.execute("LOCK TABLE a IN ACCESS SHARE MODE")
    waiting = asyncio.create_task(run(database, "CREATE TABLE a (i int)", "ALTER TABLE a ADD b int"))
    await asyncio.sleep(1.5)
    await held.rollback()
    assert await asyncio.wait_for(waiting, 10) == 1
    await holder.close()


async def test_waits_its_turn_no_longer_than_it_says(database, monkeypatch):
    monkeypatch.setattr(subject, "TURN_TIMEOUT", 1)
    holder = await database.connect("photos_owner")
    await holder.execute("SELECT pg_advisory_lock($1)", subject._ADVISORY_LOCK)
    with pytest.raises(subject.MigrationFailed, match="another migration has been running for 1 s"):
        await run(database, "SELECT 1")
    await holder.close()


async def test_says_where_it_could_not_connect(database):
    with pytest.raises(subject.MigrationFailed, match=r"photos_owner@localhost:.*password authentication failed"):
        await subject.migrate(database.settings(), "wrong", lambda _: None)


#: Table to rights on it; a column's right is `RIGHT(column)`.
RIGHTS = {
    "photos": {"SELECT", "INSERT", "DELETE", "UPDATE(views)"},
    "photo_tags": {"SELECT", "INSERT"},
    "photo_removals": {"SELECT", "INSERT", "DELETE", "UPDATE(removed_at)", "UPDATE(claimed_at)"},
    "schema_versions": {"SELECT"},
}
HELD = """
SELECT relname, privilege_type AS held FROM pg_class, aclexplode(relacl)
 WHERE relnamespace = 'public'::regnamespace AND grantee = 'photos_app'::regrole
UNION ALL
SELECT relname, privilege_type || '(' || attname || ')'
  FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl)
 WHERE relnamespace = 'public'::regnamespace AND grantee = 'photos_app'::regrole
UNION ALL
SELECT 'default', privilege_type FROM pg_default_acl, aclexplode(defaclacl) WHERE grantee = 'photos_app'::regrole
"""


async def rights(cluster) -> dict[str, set[str]]:
    connection = await cluster.connect("postgres")
    found: dict[str, set[str]] = {}
    for row in await connection.fetch(HELD):
        found.setdefault(row["relname"], set()).add(row["held"])
    await connection.close()
    return found


async def test_the_rights_of_the_app_are_those_of_the_migrations(migrated):
    assert await rights(migrated) == RIGHTS


async def test_the_application_can_do_what_the_api_does_and_no_more(migrated):
    connection = await migrated.connect("photos_app")
    for statement in (
        "DELETE FROM photo_tags",
        "UPDATE photos SET caption = ''",
        "UPDATE photo_tags SET tag = 'x'",
        "UPDATE photo_removals SET sha256 = ''",
        "TRUNCATE photos",
        "CREATE TABLE mine (i int)",
        "SELECT nextval('photos_id_seq')",
        "INSERT INTO schema_versions VALUES (99, 'x', 'x')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.execute("UPDATE photos SET views = views + 1")
    await connection.close()
