"""Commits that wait for a standby: readers do not notice, writers are answered in time, and no wait is cancelled."""

from __future__ import annotations

import asyncio
import os
import socket
import time

import pytest

from photo_api.database import open_database
from photo_api.metrics import Metrics
from photo_api.photos import Photos
from photo_api.pool import SILENCE
from tests import pictures
from tests.integration.conftest import client_of, credentials, make_settings
from tests.integration.helpers import problem, upload

pytestmark = pytest.mark.anyio
DEADLINE = 1.5
SHORT = {
    "database_connect_timeout": DEADLINE / 2,
    "pool_acquire_timeout": DEADLINE * 2 / 3,
    "database_command_timeout": DEADLINE,
    "pool_size": 2,
    "write_pool_size": 2,
}
DATA = pictures.jpeg(seed=800)


@pytest.fixture
async def client(migrated, gateway):
    async with client_of(make_settings(migrated, gateway.endpoint, **SHORT)) as client:
        yield client


async def left(client) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("photo_api_writes_left "))


async def until_left(client, number: int) -> None:
    async with asyncio.timeout(20):
        while await left(client) != number:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_reads_go_on_while_every_write_waits(client, standby):
    """And writes go on by themselves, on the same connections, when a standby confirms them."""
    photo = (await upload(client, DATA)).json()
    await asyncio.gather(*(client.post(f"/photos/{photo['id']}/views") for _ in range(8)))
    await standby.lose()
    waiting = [asyncio.create_task(upload(client, DATA, user=user, key="a")) for user in (1, 2)]
    backends = await standby.waiting(2)
    while not all(task.done() for task in waiting):
        answers = await asyncio.gather(*(client.get("/users/7/timeline") for _ in range(4)))
        assert [answer.status_code for answer in answers] == [200] * 4
    for answer in waiting:
        problem(await answer, 503, "write-unconfirmed")
        assert (await answer).headers["retry-after"] == "5"

    assert await left(client) == 2
    begun = time.perf_counter()
    refused = await client.post(f"/photos/{photo['id']}/views")
    assert time.perf_counter() - begun < SHORT["pool_acquire_timeout"], "it waited for a connection"
    problem(refused, 503, "writes-waiting")
    assert refused.headers["retry-after"] == "5"
    assert (await client.get(f"/photos/{photo['id']}")).json()["views"] == 8
    assert sorted(await standby.waiting(2)) == sorted(backends)

    await standby.find()
    await until_left(client, 0)
    for user in (1, 2):
        (stored,) = (await client.get(f"/users/{user}/timeline")).json()["photos"]
        again = await upload(client, DATA, user=user, key="a")
        assert (again.status_code, again.json()["id"]) == (200, stored["id"])
    assert set(backends) <= set(await standby.backends())
    assert "canceling" not in standby.log()


async def test_what_was_acknowledged_while_the_standby_came_and_went_is_there(client, standby):
    acknowledged, refused = [], []

    async def write(number: int) -> None:
        while not stop.is_set():
            answer = await upload(client, DATA, user=number, key=f"{len(acknowledged)}-{len(refused)}")
            (acknowledged if answer.status_code == 201 else refused).append((number, answer))
            await asyncio.sleep(0.02)

    stop = asyncio.Event()
    writers = [asyncio.create_task(write(number)) for number in range(31, 35)]
    for _ in range(2):
        await standby.lose()
        await until_left(client, SHORT["write_pool_size"])
        before = len(acknowledged)
        await standby.find()
        async with asyncio.timeout(20):
            while len(acknowledged) < before + 4:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*writers)
    assert {answer.status_code for _, answer in refused} == {503}
    for number, answer in acknowledged:
        assert (await client.get(f"/photos/{answer.json()['id']}")).json()["user_id"] == number


async def test_a_caller_that_goes_away_cancels_nothing(migrated, gateway, standby):
    async with client_of(make_settings(migrated, gateway.endpoint)) as client:
        photo = (await upload(client, DATA)).json()
        await standby.lose()
        call = asyncio.create_task(client.post(f"/photos/{photo['id']}/views"))
        waiting = await standby.waiting()
        call.cancel()
        await until_left(client, 1)
        assert await standby.waiting() == waiting
        await standby.find()
        await until_left(client, 0)
        assert (await client.get(f"/photos/{photo['id']}")).json()["views"] == 1
    assert "canceling" not in standby.log()


async def test_the_end_of_the_process_cancels_nothing(migrated, gateway, standby):
    metrics = Metrics()
    async with client_of(make_settings(migrated, gateway.endpoint, **SHORT)) as client:
        photo = (await upload(client, DATA)).json()
        await standby.lose()
        problem(await client.post(f"/photos/{photo['id']}/views"), 503, "write-unconfirmed")
        waiting = await standby.waiting()
    assert await standby.waiting() == waiting
    await standby.find()
    async with open_database(make_settings(migrated, gateway.endpoint), credentials(), metrics) as database:
        async with asyncio.timeout(20):
            while (await Photos(database).get(photo["id"])).views == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert "canceling" not in standby.log()


async def test_a_statement_that_fails_after_its_deadline_gives_its_connection_back(client, standby):
    photo = (await upload(client, DATA)).json()
    await standby.lose()
    for _ in range(2):
        problem(await client.delete(f"/photos/{photo['id']}"), 503, "write-unconfirmed")
    # The second waits for the row that the first one deletes, until the server's lock_timeout.
    await until_left(client, 1)
    await standby.find()
    await until_left(client, 0)
    problem(await client.delete(f"/photos/{photo['id']}"), 404, "photo-not-found")


async def test_reads_need_no_right_to_write(client, migrated, gateway):
    """Their role, or a standby, may forbid it."""
    photo = (await upload(client, DATA, tags=["sea"])).json()
    admin = await migrated.connect("postgres")
    await admin.execute("ALTER ROLE photos_app SET default_transaction_read_only = on")
    await admin.close()
    async with client_of(make_settings(migrated, gateway.endpoint)) as reader:
        for path in (f"/photos/{photo['id']}", "/users/7/timeline", "/search?tag=sea"):
            assert (await reader.get(path)).status_code == 200
        assert (await reader.get("/readyz")).json()["database"] == "ok"
        problem(await reader.post(f"/photos/{photo['id']}/views"), 503, "database-unavailable")


async def test_a_connection_ends_when_the_other_host_falls_silent(migrated, gateway):
    """Also while a commit waits, when no byte is due; sooner than the caller's deadline."""
    settings = make_settings(migrated, gateway.endpoint)
    assert settings.database_command_timeout > SILENCE
    async with open_database(settings, credentials(), Metrics()) as database, database.reads.connection() as connection:
        peer = connection._transport.get_extra_info("socket")
        with socket.socket(fileno=os.dup(peer.fileno())) as same:
            assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENCE * 1000
