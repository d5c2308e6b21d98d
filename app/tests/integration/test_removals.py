"""A deleted photo is gone at once; its file goes later, and never one that an upload may be about to use."""

from __future__ import annotations

import asyncio

import pytest

from photo_api import removals as subject
from photo_api.database import open_database
from photo_api.metrics import Metrics
from photo_api.photos import Photos
from photo_api.problems import Problem
from photo_api.storage import Storage, open_storage
from tests import pictures
from tests.integration.conftest import credentials
from tests.integration.helpers import problem, upload

pytestmark = pytest.mark.anyio
DATA = pictures.jpeg(seed=500)


@pytest.fixture
async def parts(settings):
    metrics = Metrics()
    async with (
        open_database(settings, credentials(), metrics) as database,
        open_storage(settings, credentials(), metrics) as storage,
    ):
        yield Photos(database), storage, metrics


async def sweep(parts, grace: float = 0.0) -> int:
    return await subject.sweep(*parts, grace)


async def stored(client, user: int) -> dict:
    answer = await upload(client, DATA, user=user, tags=["gone"])
    assert answer.status_code == 201, answer.text
    return answer.json()


def files(gateway, user: int) -> int:
    folder = gateway.bucket / str(user)
    return len(list(folder.iterdir())) if folder.exists() else 0


async def test_a_deleted_photo_is_gone_for_every_reader_and_then_its_file(client, gateway, parts):
    photo = await stored(client, 200)
    answer = await client.delete(f"/photos/{photo['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    for path in (f"/photos/{photo['id']}", photo["image"]):
        problem(await client.get(path), 404, "photo-not-found")
    assert (await client.get("/users/200/timeline")).json()["photos"] == []
    assert (await client.get("/search?tag=gone")).json()["photos"] == []
    problem(await client.delete(f"/photos/{photo['id']}"), 404, "photo-not-found")
    assert await sweep(parts, grace=60) == 0
    assert files(gateway, 200) == 1
    assert await sweep(parts) == 1
    assert files(gateway, 200) == 0
    assert await sweep(parts) == 0


async def test_a_file_that_another_photo_has_stays(client, gateway, parts):
    first, second = await stored(client, 201), await stored(client, 201)
    await client.delete(f"/photos/{first['id']}")
    assert await sweep(parts) == 0
    assert (await client.get(second["image"])).content == DATA
    await client.delete(f"/photos/{second['id']}")
    assert await sweep(parts) == 1
    assert files(gateway, 201) == 0


async def test_a_photo_that_is_uploaded_again_keeps_its_file(client, gateway, parts):
    photo = await stored(client, 202)
    await client.delete(f"/photos/{photo['id']}")
    again = await stored(client, 202)
    assert await sweep(parts) == 0
    assert (await client.get(again["image"])).content == DATA


async def test_an_upload_of_a_file_that_is_being_removed_is_asked_to_come_again(client, parts, monkeypatch):
    """The moment between the claim and the file's end, held open."""
    photo = await stored(client, 203)
    await client.delete(f"/photos/{photo['id']}")
    begun, go = asyncio.Event(), asyncio.Event()
    delete = Storage.delete

    async def slow(self, key):
        begun.set()
        await go.wait()
        await delete(self, key)

    monkeypatch.setattr(Storage, "delete", slow)
    sweeping = asyncio.create_task(sweep(parts))
    await asyncio.wait_for(begun.wait(), 10)
    answer = await upload(client, DATA, user=203)
    problem(answer, 503, "photo-being-removed")
    assert answer.headers["retry-after"] == "5"
    go.set()
    assert await sweeping == 1
    again = await stored(client, 203)
    assert (await client.get(again["image"])).content == DATA


async def test_what_s3_could_not_remove_is_removed_later(client, gateway, parts, monkeypatch):
    photo = await stored(client, 204)
    await client.delete(f"/photos/{photo['id']}")

    async def down(self, key):
        raise Problem(503, "storage-unavailable", "down")

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "delete", down)
        with pytest.raises(Problem):
            await sweep(parts)
    assert files(gateway, 204) == 1
    assert await sweep(parts, grace=60) == 0, "claimed a moment ago"
    assert await sweep(parts) == 1
    assert files(gateway, 204) == 0


async def test_two_processes_never_take_the_same_file(client, parts):
    photos, _, _ = parts
    for user in range(210, 216):
        await client.delete(f"/photos/{(await stored(client, user))['id']}")
    await asyncio.sleep(2.1)
    claims = await asyncio.gather(*(photos.claim_removals(2, 4) for _ in range(4)))
    users = sorted(user for claim in claims for user, _ in claim)
    assert users == sorted(set(users))
    assert len(users) >= 4


async def test_the_process_makes_its_rounds(client, gateway, monkeypatch, settings):
    from tests.integration.conftest import client_of

    monkeypatch.setattr(subject, "INTERVAL", 0.05)
    monkeypatch.setattr(subject, "GRACE", 0.0)
    async with client_of(settings) as other:
        photo = await stored(other, 220)
        await other.delete(f"/photos/{photo['id']}")
        async with asyncio.timeout(10):
            while files(gateway, 220):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
