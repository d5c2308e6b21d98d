"""Reads that may be stale: from a standby, on the leader where that fails, and never the client's own writes."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from photo_api import standby as subject
from photo_api.database import open_database
from photo_api.freshness import COOKIE
from photo_api.metrics import Metrics
from photo_api.photos import Photos
from tests.integration.conftest import client_of, credentials, make_settings
from tests.integration.helpers import upload

pytestmark = pytest.mark.anyio
STALE = "photos_stale"


@pytest.fixture
async def stale(migrated):
    """A database that is as a standby which has fallen behind: it has the schema, and none of the photos."""
    admin = await migrated.connect("postgres")
    await admin.execute(f"DROP DATABASE IF EXISTS {STALE} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {STALE} TEMPLATE photos")
    await admin.execute(f"GRANT CONNECT ON DATABASE {STALE} TO photos_app")
    yield admin
    await admin.execute(f"DROP DATABASE {STALE} WITH (FORCE)")
    await admin.close()


def pages(answer: httpx.Response) -> int:
    assert answer.status_code == 200, answer.text
    return len(answer.json()["photos"])


async def test_pages_come_from_the_standby_and_ones_own_writes_do_not(migrated, gateway, stale):
    settings = make_settings(migrated, gateway.endpoint, database_read_name=STALE, read_lag=2.0)
    async with client_of(settings) as client:
        made = await upload(client, user=77, tags=["mine"])
        assert made.status_code == 201
        cookie = made.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=1; Max-Age=6; ")
        own = {"cookie": cookie.partition(";")[0]}
        client.cookies.clear()
        for path in ("/users/77/timeline", "/search?tag=mine", "/search?tag=%6dine"):
            assert pages(await client.get(path)) == 0, path
            assert pages(await client.get(path, headers=own)) == 1, path
            assert pages(await client.get(path, headers={"Cache-Control": "no-cache"})) == 1, path
        # What is promised at once for every reader.
        assert (await client.get(f"/photos/{made.json()['id']}")).status_code == 200


async def test_without_a_standby_nothing_is_set(client):
    assert "set-cookie" not in (await upload(client, user=78)).headers


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("gone", "InvalidCatalogNameError"),
        ("cancelled", "SerializationError"),
        ("killed", "ConnectionDoesNotExistError"),
        ("behind the schema", "UndefinedTableError"),
    ],
)
async def test_what_fails_on_a_standby_is_repeated_on_the_leader(migrated, gateway, stale, fault, error, caplog):
    caplog.set_level("INFO")
    async with client_of(make_settings(migrated, gateway.endpoint)) as client:
        assert (await upload(client, user=79)).status_code == 201
    name = "nowhere" if fault == "gone" else STALE
    settings = make_settings(migrated, gateway.endpoint, database_read_name=name)
    owner = await migrated.connect("photos_owner", STALE)
    match fault:
        case "cancelled":
            # As a standby does: "canceling statement due to conflict with recovery".
            await owner.execute("ALTER TABLE photos RENAME TO there")
            await owner.execute("""CREATE FUNCTION conflict() RETURNS SETOF there LANGUAGE plpgsql AS
                $$BEGIN RAISE 'conflict with recovery' USING ERRCODE = '40001'; END$$""")
            await owner.execute("CREATE VIEW photos AS SELECT * FROM conflict()")
            await owner.execute("GRANT SELECT ON photos TO photos_app")
        case "killed":
            await owner.execute("ALTER TABLE photos RENAME TO there")
            await owner.execute("""CREATE FUNCTION killed() RETURNS SETOF there LANGUAGE plpgsql AS
                $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); END$$""")
            await owner.execute("CREATE VIEW photos AS SELECT * FROM killed()")
            await owner.execute("GRANT SELECT ON photos TO photos_app")
        case "behind the schema":
            await owner.execute("DROP TABLE photo_tags, photos")
    await owner.close()
    async with open_database(settings, credentials(), Metrics()) as database:
        assert len(await Photos(database).timeline(79, 2**62, 5)) == 1
    assert [record.name for record in caplog.records if error in record.getMessage()][-1] == subject.__name__


async def test_a_silent_standby_costs_its_wait_once_and_not_each_call(migrated, gateway, stale):
    settings = make_settings(migrated, gateway.endpoint, database_read_name=STALE, standby_command_timeout=0.3)
    blocker = await migrated.connect("photos_owner", STALE)
    loop = asyncio.get_running_loop()
    async with open_database(settings, credentials(), Metrics()) as database, blocker.transaction():
        await blocker.execute("LOCK TABLE photos")
        photos, begun = Photos(database), loop.time()
        await photos.timeline(80, 2**62, 5)
        first = loop.time() - begun
        for _ in range(10):
            await photos.timeline(80, 2**62, 5)
        assert first >= 0.3
        assert loop.time() - begun - first < 0.3 < subject.AWAY
    await blocker.close()
