"""The hot routes answer as the framework does, byte by byte, and the document is the framework's."""

from __future__ import annotations

import itertools

import httpx
import pytest
from fastapi import FastAPI

from photo_api import api, description, problems
from photo_api.database import open_database
from photo_api.head import Head
from photo_api.hot import Hot
from photo_api.metrics import Metrics
from photo_api.middleware import Measure
from photo_api.photos import Photos
from photo_api.schemas import LARGEST_ID
from tests import pictures
from tests.integration.conftest import client_of, credentials
from tests.integration.helpers import upload

pytestmark = pytest.mark.anyio

NUMBERS = [
    *(
        "1",
        "2",
        "3",
        "4",
        "5",
        "20",
        "100",
        "101",
        "0",
        "-1",
        "+1",
        "01",
        "1.0",
        "1.5",
        "1e2",
        "1_0",
        " 1",
        "%201",
        "%31",
    ),
    *("", "none", "\u0661", "%D9%A1", "\u00b2", "1;2", "0x1", "true", "1%0A", "1%00", "9" * 18, "9" * 19, "9" * 20),
    *(str(LARGEST_ID - 1), str(LARGEST_ID), str(LARGEST_ID + 1), "1" * 400),
]
TAGS = [
    *(
        "sea",
        "sunset-2",
        "Sea",
        "SEA",
        "%73ea",
        "sea%20",
        "+sea",
        "two+words",
        "a,b",
        "",
        "-",
        "s\u00e9a",
        "%C3%9F",
        "%FF",
    ),
    *(
        "x" * 50,
        "x" * 51,
        "sea%00",
        "sea%0A",
        "sea\u200b",
        "\u200d",
        "none",
        "s_a",
        "#",
        "%23",
        "a=b",
        "=",
        "sea;limit=1",
    ),
]
PATHS = [
    *(f"/photos/{number}" for number in NUMBERS),
    *(f"/users/{number}/timeline" for number in NUMBERS),
    *(f"/users/1/timeline?{name}={number}" for name, number in itertools.product(("before", "limit"), NUMBERS)),
    *(f"/search?tag={tag}" for tag in TAGS),
    *(f"/search?tag=sea&{name}={number}" for name, number in itertools.product(("before", "limit"), NUMBERS)),
    *(
        *("/search", "/search?", "/search?tag", "/search?&tag=sea", "/search?tag=sea&", "/search?tag=sea&tag=sky"),
        *(
            "/search?tag=sea&limit=1&limit=2",
            "/search?limit=2&tag=sea&before=4",
            "/search?TAG=sea",
            "/search?tag=sea&x=1",
        ),
        *("/search/", "/search/?tag=sea", "//search?tag=sea", "/search?tag=sea&x", "/search?tag=sea&limit=1;before=3"),
        *("/users/1/timeline?tag=sea", "/users/1/timeline?x=1", "/users/1/timeline/", "/users//timeline", "/users/1"),
        *("/users/1/timeline?limit=1&before=3", "/users/1/timeline?limit", "/users/1/timeline?limit=1&limit=none"),
        *(
            "/photos",
            "/photos/",
            "/photos//",
            "/photos/1/",
            "/photos/1?",
            "/photos/1?x=1",
            "/photos/1/none",
            "/Photos/1",
        ),
        *(
            "/photos/1/views",
            "/photos/1/image",
            "/photos/1%2Fviews",
            "/photos/1;a",
            "/./photos/1",
            "/photos/../photos/1",
        ),
    ),
]


@pytest.fixture
async def ways(settings):
    """The same application with the hot routes, and without."""
    metrics = Metrics()
    async with open_database(settings, credentials(), metrics) as database:
        app = FastAPI(redirect_slashes=False)
        photos = Photos(database)
        problems.install(app)
        api.install(app, photos, None, None, metrics, settings.max_upload_bytes)
        description.install(app)
        answering = [Measure(Head(way), metrics) for way in (Hot(app, photos), app)]
        clients = [
            httpx.AsyncClient(transport=httpx.ASGITransport(way, raise_app_exceptions=False), base_url="http://app")
            for way in answering
        ]
        yield clients, photos
        for client in clients:
            await client.aclose()


@pytest.fixture
async def stored(settings):
    """Photos of every shape: with and without a camera, a time, an offset, a place, a caption, tags."""
    async with client_of(settings) as client:
        for seed, fields in enumerate(
            (
                {},
                {
                    "caption": 'line\nbreak "quoted" \\ </script> \u00e9\u4e2d\U0001f30a \u2028',
                    "tags": ["sea", "sunset-2"],
                },
                {"tags": ["sea", "\u00df", "s\u00e9a"]},
                {"tags": ["sea"]},
                {"tags": ["sea"]},
            )
        ):
            answer = await upload(client, pictures.jpeg(seed=900 + seed), user=1, **fields)
            assert answer.status_code == 201, answer.text


def parts(answer: httpx.Response) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return answer.status_code, answer.headers.raw, answer.content


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_read_is_answered_as_the_framework_does(ways, stored, method):
    (hot, plain), _ = ways
    differ = []
    for path in PATHS:
        answers = [parts(await client.request(method, path)) for client in (hot, plain)]
        if answers[0] != answers[1]:
            differ.append((path, answers))
    assert differ == []


async def test_photos_of_every_shape(ways, stored, migrated):
    """Times, places and numbers that pictures seldom hold, as the database may."""
    admin = await migrated.connect("postgres")
    for photo, change in enumerate(
        (
            "camera = 'EOS \"R5\"', taken_at = '2024-05-01 10:20:30', taken_utc_offset_minutes = 330",
            "taken_at = '2024-05-01 10:20:30.5', latitude = -33.8567844, longitude = 151.2152967",
            "taken_at = '0001-01-01', latitude = 1e-7, longitude = -180, views = 9223372036854775807",
            "taken_at = '9999-12-31 23:59:59', taken_utc_offset_minutes = -839, uploaded_at = '2026-01-01'",
            "latitude = 0, longitude = 0, uploaded_at = '2026-01-01 00:00:00.000001+00', size_bytes = 2147483647",
        ),
        start=1,
    ):
        await admin.execute(f"UPDATE photos SET {change} WHERE id = {photo}")  # noqa: S608
    await admin.close()
    (hot, plain), _ = ways
    for path in (*(f"/photos/{photo}" for photo in range(1, 6)), "/users/1/timeline", "/search?tag=sea&limit=2"):
        answers = [parts(await client.get(path)) for client in (hot, plain)]
        assert answers[0] == answers[1]
        assert answers[0][0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_answered_as_the_framework_does(ways, stored, method):
    (hot, plain), _ = ways
    paths = [
        "/photos/77",
        "/photos/77/views",
        "/photos/none/views",
        "/photos/0/views",
        "/users/1/timeline",
        "/search?tag=sea",
    ]
    for path in (*paths, "/photos/077/views", "/photos/77/views?x=1"):
        answers = [parts(await client.request(method, path)) for client in (hot, plain)]
        assert answers[0] == answers[1], path


async def test_a_view_is_counted_once_and_answered_as_the_framework_does(ways, stored):
    (hot, plain), _ = ways
    assert parts(await hot.post("/photos/1/views")) == parts(await plain.post("/photos/2/views"))
    assert (await hot.get("/photos/1")).json()["views"] == 1


async def test_failures_are_answered_as_the_framework_does(ways, stored, monkeypatch):
    (hot, plain), photos = ways
    for error in (problems.database_unavailable("gone"), RuntimeError("a bug")):

        async def fail(*_, error=error):
            raise error

        monkeypatch.setattr(photos, "_row", fail)
        monkeypatch.setattr(photos, "_stale_rows", fail)
        for path in ("/photos/1", "/users/1/timeline", "/search?tag=sea"):
            answers = [parts(await client.get(path)) for client in (hot, plain)]
            assert answers[0] == answers[1]
            assert answers[0][0] in (500, 503)


async def test_nearly_all_calls_are_answered_by_the_hot_routes(ways, stored, monkeypatch):
    """And are counted by their route."""
    (hot, _), _ = ways
    with monkeypatch.context() as without:
        without.setattr(FastAPI, "__call__", None)
        for path in (
            "/photos/1",
            "/users/1/timeline",
            "/users/1/timeline?limit=2&before=5",
            "/search?tag=sea&limit=100",
        ):
            assert (await hot.get(path)).status_code == 200
        assert (await hot.get("/photos/77")).status_code == 404
        assert (await hot.post("/photos/1/views")).json() == {"views": 1}
