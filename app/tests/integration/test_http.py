"""HTTP of the API: conditional and range requests, HEAD, slashes and methods, on real stores."""

from __future__ import annotations

import pytest

from tests import pictures
from tests.integration.helpers import problem, upload

pytestmark = pytest.mark.anyio


async def test_conditional_and_range_requests_for_an_image(client):
    data = pictures.jpeg(seed=8)
    stored = (await upload(client, data)).json()
    whole = await client.get(stored["image"])
    assert whole.headers["accept-ranges"] == "bytes"

    async def get(**headers: str):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.get(stored["image"], headers=names)

    for condition in ({"If_None_Match": whole.headers["etag"]}, {"If_Modified_Since": whole.headers["last-modified"]}):
        answer = await get(**condition)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == whole.headers["etag"]
    problem(await get(If_Match='"other"'), 412, "precondition-failed")
    part = await get(Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert (await get(Range="bytes=-7")).content == data[-7:]
    assert (await get(Range="bytes=0-3", If_Range='"other"')).content == data
    refused = await get(Range=f"bytes={len(data)}-")
    problem(refused, 416, "range-not-satisfiable")
    assert refused.headers["content-range"] == f"bytes */{len(data)}"


async def test_head_is_get_without_its_body(client):
    stored = (await upload(client)).json()
    for path in (f"/photos/{stored['id']}", stored["image"], "/users/7/timeline", "/search?tag=x", "/healthz"):
        get, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers == get.headers, path
    assert (await client.head("/photos/424242")).status_code == 404
    figures = (await client.get("/metrics")).text
    head = 'photo_api_request_duration_seconds_count{method="HEAD",route="/photos/{photo_id}",status="200"} 1.0'
    assert head in figures
    # The file was read once, for the GET.
    assert 'photo_api_storage_duration_seconds_count{operation="get",outcome="ok"} 1.0' in figures


@pytest.mark.parametrize("path", ["/photos/", "/photos/1/", "/search/?tag=x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_slash_too_many_is_no_redirect_to_http(client, method, path):
    answer = await client.request(method, path)
    assert "location" not in answer.headers
    problem(answer, 404, "no-such-path")


async def test_a_method_that_a_path_does_not_have_names_those_that_it_has(client):
    answer = await client.request("PATCH", "/photos/1")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD, DELETE"
    assert (await client.request("TRACE", "/photos")).headers["allow"] == "POST"
