"""Requests are bounded in size and time, whatever the application does."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from photo_api.metrics import Metrics
from photo_api.middleware import BodyLimit, Deadline, Measure

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Reader:
    """Reads the whole body, and counts it."""

    def __init__(self) -> None:
        self.taken = 0

    async def __call__(self, scope, receive, send):
        more = True
        while more:
            message = await receive()
            self.taken += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


async def pieces(count: int, size: int = 100):
    for _ in range(count):
        yield b"x" * size


def client(app) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")


async def test_a_declared_length_over_the_limit_is_refused_unread():
    reader = Reader()
    answer = await client(BodyLimit(reader, 1000)).post("/", content=b"x" * 1001)
    assert (answer.status_code, reader.taken) == (413, 0)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["limit_bytes"] == 1000
    assert answer.headers["connection"] == "close"


async def test_a_body_without_length_is_read_to_the_limit_and_no_further():
    reader = Reader()
    answer = await client(BodyLimit(reader, 1000)).post("/", content=pieces(1000))
    assert answer.status_code == 413
    assert reader.taken <= 1000


async def test_a_reader_that_swallows_the_interruption_changes_nothing():
    async def swallowing(scope, receive, send):
        try:
            await Reader()(scope, receive, send)
        except Exception:
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b"malformed"})

    answer = await client(BodyLimit(swallowing, 1000)).post("/", content=pieces(1000))
    assert answer.status_code == 413


async def test_a_body_of_exactly_the_limit_is_taken():
    reader = Reader()
    assert (await client(BodyLimit(reader, 1000)).post("/", content=pieces(10))).status_code == 200
    assert reader.taken == 1000


async def test_no_answer_in_time_is_a_503_and_the_work_is_ended():
    ended = asyncio.Event()

    async def slow(scope, receive, send):
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    answer = await client(Deadline(slow, 0.05)).get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert ended.is_set()


async def test_a_download_under_way_is_not_cut_off():
    async def streaming(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b"all"})

    assert (await client(Deadline(streaming, 0.05)).get("/")).text == "all"


async def test_a_timeout_inside_the_application_stays_its_own():
    async def failing(scope, receive, send):
        raise TimeoutError("inner")

    with pytest.raises(TimeoutError, match="inner"):
        await client(Deadline(failing, 5)).get("/")


async def test_requests_are_counted_by_route_and_status_and_unknown_methods_share_a_label():
    metrics = Metrics()

    async def app(scope, receive, send):
        if scope["path"] == "/photos/1":
            scope["route"] = type("Route", (), {"path": "/photos/{photo_id}"})()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    measured = client(Measure(app, metrics))
    await measured.get("/photos/1")
    await measured.request("BREW", "/pot")

    def count(**labels):
        return metrics.registry.get_sample_value("photo_api_request_duration_seconds_count", labels)

    assert count(method="GET", route="/photos/{photo_id}", status="204") == 1
    assert count(method="other", route="unmatched", status="204") == 1
    assert metrics.registry.get_sample_value("photo_api_requests_in_flight") == 0
    assert json.dumps(metrics.registry.get_sample_value("photo_api_build_info", {"version": "0.1.0"})) == "1.0"
