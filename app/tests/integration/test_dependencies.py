"""What clients see when the database or S3 is slow, full or down, and how queries run on many rows."""

from __future__ import annotations

import asyncio
import time

import pytest

from photo_api import photos
from photo_api.database import open_database
from photo_api.metrics import Metrics
from photo_api.problems import Problem
from tests.integration.conftest import client_of, credentials, free_port, make_settings

pytestmark = pytest.mark.anyio


async def test_ready_when_both_answer(client):
    assert (await client.get("/readyz")).json() == {"database": "ok", "storage": "ok"}


async def test_all_connections_busy_is_a_503_that_says_when_to_come_back(migrated, gateway):
    settings = make_settings(
        migrated, gateway.endpoint, pool_size=2, pool_acquire_timeout=0.5, database_connect_timeout=0.4
    )
    metrics = Metrics()
    async with open_database(settings, credentials(), metrics) as database:
        async with database.reads.connection(), database.reads.connection():
            begun = time.monotonic()
            with pytest.raises(Problem) as caught:
                async with database.reads.connection():
                    pass
            assert time.monotonic() - begun < 1.5
        assert caught.value.response().headers["retry-after"] == "2"
        assert (caught.value.status, caught.value.kind) == (503, "pool-exhausted")
        assert metrics.registry.get_sample_value("photo_api_pool_exhausted_total", {"pool": "read"}) == 1
        async with database.reads.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_a_transaction_left_open_does_not_reach_the_next_request(migrated, gateway):
    settings = make_settings(migrated, gateway.endpoint, pool_size=1)
    async with open_database(settings, credentials(), Metrics()) as database:
        async with database.reads.connection() as connection:
            await connection.execute("BEGIN")
        async with database.reads.connection() as connection:
            assert not connection.is_in_transaction()


async def test_giving_a_connection_back_costs_the_database_nothing(migrated, gateway):
    """No reset statement: what the server counts is what the application sent."""
    settings = make_settings(migrated, gateway.endpoint, pool_size=1)
    async with open_database(settings, credentials(), Metrics()) as database:
        for _ in range(2):
            async with database.reads.connection() as connection:
                await connection.fetchval("SELECT 42")
        observer = await migrated.connect("postgres")
        last = await observer.fetchval("SELECT query FROM pg_stat_activity WHERE usename = 'photos_app'")
        await observer.close()
    assert last == "SELECT 42"


async def test_starts_without_a_database_and_heals_when_it_comes(migrated, gateway):
    async with client_of(make_settings(migrated, gateway.endpoint)) as client:
        assert (await client.get("/users/1/timeline")).status_code == 200
        migrated.stop()
        try:
            assert (await client.get("/healthz")).status_code == 200
            answer = await client.get("/users/1/timeline")
            assert answer.status_code == 503
            assert answer.json()["type"].endswith("database-unavailable")
            ready = await client.get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["database"] != "ok"
            assert ready.json()["storage"] == "ok"
        finally:
            migrated.start()
        assert (await client.get("/users/1/timeline")).status_code == 200


async def test_a_database_that_accepts_and_never_answers_costs_a_bounded_wait(migrated, gateway):
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    try:
        async with client_of(make_settings(migrated, gateway.endpoint, database_port=port)) as client:
            begun = time.monotonic()
            assert (await client.get("/users/1/timeline")).status_code == 503
            assert time.monotonic() - begun < 7
            assert (await client.get("/readyz")).status_code == 503
    finally:
        silent.close()


async def test_a_schema_that_is_behind_is_not_ready(migrated, gateway):
    owner = await migrated.connect("photos_owner")
    await owner.execute("DELETE FROM schema_versions WHERE version > 3")
    await owner.close()
    async with client_of(make_settings(migrated, gateway.endpoint)) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "schema is at version 3" in answer.json()["database"]


async def test_a_server_whose_name_is_not_in_its_certificate_is_refused(migrated, gateway):
    async with client_of(make_settings(migrated, gateway.endpoint, database_host="127.0.0.1")) as client:
        answer = await client.get("/users/1/timeline")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:photo-api:problem:database-unavailable")


@pytest.mark.parametrize(
    ("endpoint", "secrets"),
    [
        (f"https://localhost:{free_port()}", {}),
        (None, {"s3_secret_key": "wrong"}),
    ],
)
async def test_s3_down_or_refusing_is_a_503_and_makes_no_row(migrated, gateway, endpoint, secrets):
    settings = make_settings(migrated, endpoint or gateway.endpoint)
    async with client_of(settings, credentials(**secrets)) as client:
        from tests.integration.helpers import problem, upload

        problem(await upload(client, user=404), 503, "storage-unavailable")
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (503, "ok")
        assert (await client.get("/users/404/timeline")).json()["photos"] == []


async def test_pages_of_a_busy_user_and_a_common_tag_walk_an_index(migrated):
    owner = await migrated.connect("photos_owner")
    await owner.execute("""
        INSERT INTO photos (user_id, sha256, size_bytes, width, height, caption, tags)
        SELECT 1 + n % 500, sha256(n::text::bytea), 1, 1, 1, '', '{common}' FROM generate_series(1, 50000) n
    """)
    await owner.execute("INSERT INTO photo_tags (tag, photo_id) SELECT 'common', id FROM photos")
    await owner.execute("INSERT INTO photo_tags SELECT 't' || n % 997, id FROM photos, generate_series(1, 4) n")
    await owner.execute("ANALYZE")
    plans = {}
    for name, statement, first in (("timeline", photos._TIMELINE, 2), ("tagged", photos._TAGGED, "common")):
        rows = await owner.fetch(f"EXPLAIN {statement}", first, 2**62, 21)
        plans[name] = "\n".join(row[0] for row in rows)
    await owner.close()
    assert "Index Scan Backward using photos_timeline" in plans["timeline"]
    assert "Backward using photo_tags_pkey" in plans["tagged"]
    assert not any(word in plan for plan in plans.values() for word in ("Sort", "Seq Scan"))


async def test_busy_readers_leave_a_host_ready(migrated, gateway):
    """A host taken out for that would send its calls to the others, and those out in their turn."""
    settings = make_settings(migrated, gateway.endpoint, pool_size=1, ready_timeout=1.0)
    metrics = Metrics()
    async with open_database(settings, credentials(), metrics) as database, database.reads.connection():
        assert await photos.Photos(database).schema_version() > 3


async def test_a_check_that_is_held_is_answered_in_its_time(migrated, gateway):
    owner = await migrated.connect("photos_owner")
    async with owner.transaction(), client_of(make_settings(migrated, gateway.endpoint, ready_timeout=0.5)) as client:
        await owner.execute("LOCK TABLE schema_versions")
        begun = time.monotonic()
        answer = await client.get("/readyz")
        assert time.monotonic() - begun < 0.9
        assert answer.json() == {"database": "no answer within 0.5 s", "storage": "ok"}
    await owner.close()
