"""No write is acknowledged that no standby has: not by the call that wrote it, and not by one that finds it written."""

from __future__ import annotations

import asyncio

import pytest

from photo_api import migrate
from tests import pictures
from tests.integration.conftest import PASSWORDS, client_of, make_settings
from tests.integration.helpers import problem, upload

pytestmark = pytest.mark.anyio
SHORT = {"database_connect_timeout": 0.8, "pool_acquire_timeout": 0.9, "database_command_timeout": 1.0}
DATA = pictures.jpeg(seed=700)


@pytest.fixture
async def hasty(migrated, gateway):
    """A client of an application that soon gives up on a statement."""
    async with client_of(make_settings(migrated, gateway.endpoint, **SHORT)) as client:
        yield client


def refused(answer) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"]


async def cut_short(standby, call) -> None:
    """What `call` wrote can be read, and no standby has it."""
    answer = asyncio.create_task(call)
    (pid,) = await standby.waiting()
    await standby.tell("pg_cancel_backend", pid)
    refused(await answer)


async def test_an_upload_sent_again_waits_for_a_standby_as_the_first_did(hasty, standby):
    await standby.lose()
    await cut_short(standby, upload(hasty, DATA, key="a", tags=["sea"]))
    (there,) = (await hasty.get("/users/7/timeline")).json()["photos"]
    refused(await upload(hasty, DATA, key="a", tags=["sea"]))
    await standby.find()
    again = await upload(hasty, DATA, key="a", tags=["sea"])
    assert (again.status_code, again.json()["id"]) == (200, there["id"])
    assert len((await hasty.get("/search?tag=sea")).json()["photos"]) == 1


async def test_a_photo_is_not_called_gone_before_a_standby_knows(hasty, standby):
    photo = (await upload(hasty, DATA)).json()
    await standby.lose()
    await cut_short(standby, hasty.delete(f"/photos/{photo['id']}"))
    assert (await hasty.get(f"/photos/{photo['id']}")).status_code == 404
    refused(await hasty.delete(f"/photos/{photo['id']}"))
    await standby.find()
    problem(await hasty.delete(f"/photos/{photo['id']}"), 404, "photo-not-found")


@pytest.mark.parametrize(
    ("function", "kind"),
    [("pg_cancel_backend", "write-unconfirmed"), ("pg_terminate_backend", "database-unavailable")],
)
@pytest.mark.parametrize("call", ["upload", "upload again", "delete", "view"])
async def test_a_commit_that_is_cut_short_in_its_wait_is_a_503(client, standby, call, function, kind):
    """The server reports success to a cancelled one, after a warning."""
    photo = (await upload(client, DATA, key="a")).json()
    await standby.lose()
    calls = {
        "upload": lambda: upload(client, DATA, key="b"),
        "upload again": lambda: upload(client, DATA, key="a"),
        "delete": lambda: client.delete(f"/photos/{photo['id']}"),
        "view": lambda: client.post(f"/photos/{photo['id']}/views"),
    }
    answer = asyncio.create_task(calls[call]())
    (pid,) = await standby.waiting()
    await standby.tell(function, pid)
    problem(await answer, 503, kind)
    assert (await answer).headers["retry-after"] == "5"


async def test_an_upload_that_is_repeated_changes_nothing(client):
    photo = (await upload(client, DATA, key="a", tags=["sea"])).json()
    seen = (await client.post(f"/photos/{photo['id']}/views")).json()["views"]
    again = await upload(client, DATA, key="a", tags=["sea"])
    assert (again.status_code, again.json()) == (200, photo | {"views": seen})


async def test_migrations_are_done_when_a_standby_has_them(database, standby):
    """Also by the run that finds nothing to do: the one before it may have been cut short."""

    async def run() -> int:
        return await migrate.migrate(database.settings(), PASSWORDS["photos_owner"], lambda _: None)

    assert await run() > 0
    await standby.lose()
    running = asyncio.create_task(run())
    (pid,) = await standby.waiting(role="photos_owner")
    await standby.tell("pg_cancel_backend", pid)
    with pytest.raises(migrate.MigrationFailed, match="cancelled in its wait"):
        await running
    await standby.find()
    assert await run() == 0
