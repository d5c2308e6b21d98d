"""The API on a real PostgreSQL and a real S3 gateway."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io

import pytest
from PIL import ExifTags, Image
from starlette.datastructures import UploadFile

from photo_api.storage import Storage
from tests import pictures
from tests.integration.conftest import client_of, make_settings
from tests.integration.helpers import problem, upload

pytestmark = pytest.mark.anyio


async def test_a_photo_comes_back_as_it_was_sent(client, gateway):
    data = pictures.jpeg((640, 480), meta=pictures.camera_exif())
    answer = await upload(client, data, caption=" At the\nharbour ", tags=["Sydney", "opera", "sydney"])
    assert answer.status_code == 201, answer.text
    stored = answer.json()
    assert answer.headers["location"] == f"/photos/{stored['id']}"
    assert stored == (await client.get(f"/photos/{stored['id']}")).json()
    assert stored["caption"] == "At the\nharbour"
    assert stored["tags"] == ["sydney", "opera"]
    assert stored["camera"] == "Acme P9"
    assert stored["taken_at"] == "2026-03-04T05:06:07+11:00"
    assert stored["location"] == {"latitude": -33.8568, "longitude": 151.2152}
    assert (stored["width"], stored["height"], stored["size_bytes"]) == (640, 480, len(data))
    image = await client.get(stored["image"])
    assert image.content == data
    assert image.headers["content-type"] == "image/jpeg"
    assert image.headers["x-content-type-options"] == "nosniff"
    assert image.headers["content-length"] == str(len(data))
    assert (gateway.bucket / "7" / f"{hashlib.sha256(data).hexdigest()}.jpg").read_bytes() == data


async def test_text_as_browsers_and_people_write_it(client):
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    answer = await upload(
        client, pictures.jpeg(seed=12), caption="two\r\nlines", tags=[family, "\u0645\u06cc\u200c\u0634"]
    )
    assert answer.status_code == 201, answer.text
    assert (answer.json()["caption"], answer.json()["tags"][0]) == ("two\nlines", family)
    assert (await client.get("/search", params={"tag": family})).json()["photos"][0]["id"] == answer.json()["id"]


async def test_a_caption_too_long_in_its_last_form_leaves_nothing(client, gateway):
    answer = await upload(client, user=88, caption="x" * 1990 + "\u095c" * 10)
    assert "body.caption" in problem(answer, 422, "invalid-request")
    assert not (gateway.bucket / "88").exists()


async def test_a_stored_file_is_never_overwritten(client, gateway):
    """Its key follows from its bytes, so who comes second has nothing new to say; a thief of keys is not obeyed."""
    data = pictures.jpeg(seed=13)
    await upload(client, data, user=89)
    stored = next((gateway.bucket / "89").iterdir())
    before = stored.stat()
    assert (await upload(client, data, user=89)).status_code == 201
    assert (stored.stat().st_ino, stored.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_where_a_photo_was_taken_is_not_kept_with_strip(migrated, gateway):
    sent = pictures.jpeg(meta=pictures.camera_exif())
    async with client_of(make_settings(migrated, gateway.endpoint, exif_location="strip")) as client:
        first, again = await upload(client, sent, user=90, key="k"), await upload(client, sent, user=90, key="k")
        assert (first.status_code, again.status_code) == (201, 200)
        stored = first.json()
        assert (stored["location"], stored["camera"]) == (None, "Acme P9")
        image = (await client.get(stored["image"])).content
    assert hashlib.sha256(image).hexdigest() == stored["sha256"]
    assert ExifTags.IFD.GPSInfo in Image.open(io.BytesIO(sent)).getexif()
    assert ExifTags.IFD.GPSInfo not in Image.open(io.BytesIO(image)).getexif()


async def test_no_room_for_an_upload_is_the_hosts_fault(client, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    answer = await upload(client)
    problem(answer, 507, "no-room")
    assert answer.headers["retry-after"] == "30"
    assert "No space left on device" in caplog.text


async def test_photos_wait_on_disk_for_their_place_in_memory(migrated, gateway, monkeypatch):
    """Twelve at once, two in memory: none is read into memory before it has a place."""
    held, most = 0, 0
    read, put = UploadFile.read, Storage.put

    async def counted_read(self, size=-1):
        nonlocal held, most
        held += 1
        most = max(most, held)
        return await read(self, size)

    async def counted_put(self, *arguments):
        nonlocal held
        await put(self, *arguments)
        held -= 1

    monkeypatch.setattr(UploadFile, "read", counted_read)
    monkeypatch.setattr(Storage, "put", counted_put)
    settings = make_settings(migrated, gateway.endpoint, photos_in_memory=2, decode_wait_timeout=30)
    async with client_of(settings) as client:
        answers = await asyncio.gather(*(upload(client, pictures.jpeg(seed=n), user=91) for n in range(12)))
    assert {a.status_code for a in answers} == {201}
    assert most == 2


async def test_an_upload_repeated_with_its_key_is_one_photo(client):
    first = await upload(client, key="k1", caption="a", tags=["t"])
    again = await upload(client, key="k1", caption="a", tags=["t"])
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await upload(client, key="k1", user=8, caption="a", tags=["t"])
    assert other.status_code == 201


async def test_two_uploads_at_once_with_one_key_are_one_photo(client):
    answers = await asyncio.gather(*(upload(client, key="k2") for _ in range(4)))
    assert sorted(a.status_code for a in answers) == [200, 200, 200, 201]
    assert len({a.json()["id"] for a in answers}) == 1


async def test_a_key_does_not_serve_for_another_photo(client):
    await upload(client, key="k3", caption="a")
    for change in ({"caption": "b"}, {"caption": "a", "tags": ["t"]}, {"caption": "a", "data": pictures.jpeg(seed=9)}):
        problem(await upload(client, key="k3", **change), 422, "idempotency-key-reused")


async def test_without_a_key_each_upload_is_a_photo_and_equal_files_are_one_object(client, gateway):
    data = pictures.jpeg(seed=77)
    ids = {(await upload(client, data, user=77)).json()["id"] for _ in range(2)}
    assert len(ids) == 2
    assert len(list((gateway.bucket / "77").iterdir())) == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"user": 0}, "body.user_id"),
        ({"user": 2**63}, "body.user_id"),
        ({"user": "me"}, "body.user_id"),
        ({"caption": "x" * 2001}, "body.caption"),
        ({"caption": "nul\0"}, "body.caption"),
        ({"tags": ["two words"]}, "body.tags.0"),
        ({"tags": [f"t{n}" for n in range(21)]}, "body.tags"),
        ({"key": "has space"}, "header.idempotency-key"),
        ({"key": "x" * 65}, "header.idempotency-key"),
    ],
)
async def test_a_wrong_field_is_named(client, fields, field):
    assert field in problem(await upload(client, **fields), 422, "invalid-request")


async def test_a_form_without_a_photo_and_no_form_at_all(client):
    answer = await client.post("/photos", data={"user_id": 1})
    assert "body.photo" in problem(answer, 422, "invalid-request")
    answer = await client.post("/photos", json={"user_id": 1})
    assert "body.photo" in problem(answer, 422, "invalid-request")
    answer = await client.post("/photos", content=b"xx", headers={"Content-Type": "multipart/form-data"})
    problem(answer, 400, "malformed-request")


@pytest.mark.parametrize(
    ("data", "kind"),
    [(pictures.png(), "photo-not-jpeg"), (pictures.jpeg((800, 800))[:5000], "photo-broken")],
)
async def test_a_file_that_is_not_a_whole_jpeg_is_refused_and_not_kept(client, gateway, data, kind):
    problem(await upload(client, data, user=66), 400, kind)
    assert not (gateway.bucket / "66").exists()


async def test_a_photo_or_body_over_the_limit_is_refused(client):
    answer = await upload(client, pictures.jpeg() + bytes(1024 * 1024))
    assert "1048576" in problem(answer, 413, "photo-too-large")
    answer = await upload(client, bytes(2 * 1024 * 1024))
    problem(answer, 413, "body-too-large")


async def test_views_count_and_lose_none(client):
    stored = (await upload(client)).json()
    answers = await asyncio.gather(*(client.post(f"/photos/{stored['id']}/views") for _ in range(30)))
    assert sorted(a.json()["views"] for a in answers) == list(range(1, 31))
    assert (await client.get(f"/photos/{stored['id']}")).json()["views"] == 30


async def test_a_timeline_is_whole_in_pages_and_the_users_own(client):
    ids = [(await upload(client, pictures.jpeg(seed=n), user=5)).json()["id"] for n in range(5)]
    await upload(client, user=6)
    seen, before = [], None
    while True:
        parameters = {"limit": 2} | ({"before": before} if before else {})
        page = (await client.get("/users/5/timeline", params=parameters)).json()
        seen += [photo["id"] for photo in page["photos"]]
        assert len(page["photos"]) <= 2
        if (before := page["next"]) is None:
            break
    assert seen == ids[::-1]
    assert (await client.get("/users/999/timeline")).json() == {"photos": [], "next": None}


async def test_search_finds_a_tag_in_any_case_and_pages(client):
    ids = [(await upload(client, pictures.jpeg(seed=n), tags=["Sunset", f"n{n}"])).json()["id"] for n in range(3)]
    page = (await client.get("/search", params={"tag": "SUNSET", "limit": 2})).json()
    assert [photo["id"] for photo in page["photos"]] == [ids[2], ids[1]]
    rest = (await client.get("/search", params={"tag": "sunset", "limit": 2, "before": page["next"]})).json()
    assert ([photo["id"] for photo in rest["photos"]], rest["next"]) == ([ids[0]], None)
    assert (await client.get("/search", params={"tag": "sunse"})).json()["photos"] == []


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/photos/424242", 404, "photo-not-found"),
        ("GET", "/photos/424242/image", 404, "photo-not-found"),
        ("POST", "/photos/424242/views", 404, "photo-not-found"),
        ("GET", "/photos/0", 422, "invalid-request"),
        ("GET", "/photos/9223372036854775808", 422, "invalid-request"),
        ("GET", "/photos/one", 422, "invalid-request"),
        ("GET", "/users/1/timeline?limit=0", 422, "invalid-request"),
        ("GET", "/users/1/timeline?limit=101", 422, "invalid-request"),
        ("GET", "/users/1/timeline?before=-1", 422, "invalid-request"),
        ("GET", "/search", 422, "invalid-request"),
        ("GET", "/search?tag=%00", 422, "invalid-request"),
        ("GET", "/nowhere", 404, "no-such-path"),
        ("DELETE", "/photos/424242", 404, "photo-not-found"),
        ("PUT", "/photos/1", 405, "method-not-allowed"),
    ],
)
async def test_other_refusals(client, method, path, status, kind):
    problem(await client.request(method, path), status, kind)


async def test_a_stored_photo_whose_file_is_gone_says_so(client, gateway):
    stored = (await upload(client, pictures.jpeg(seed=31), user=31)).json()
    next((gateway.bucket / "31").iterdir()).unlink()
    problem(await client.get(stored["image"]), 500, "photo-lost")


async def test_metrics_and_openapi_describe_what_was_done(client):
    stored = (await upload(client)).json()
    await client.get(f"/photos/{stored['id']}")
    await upload(client, pictures.png())
    figures = (await client.get("/metrics")).text
    assert (
        'photo_api_request_duration_seconds_count{method="GET",route="/photos/{photo_id}",status="200"} 1.0' in figures
    )
    assert 'photo_api_refused_photos_total{reason="not-jpeg"} 1.0' in figures
    assert 'photo_api_storage_duration_seconds_count{operation="put",outcome="ok"} 1.0' in figures
    assert 'photo_api_pool_connections_max{pool="read"} 5.0' in figures
    assert 'photo_api_pool_connections_max{pool="write"} 3.0' in figures
    assert f"photo_api_uploaded_bytes_total {stored['size_bytes']}.0" in figures
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) == {
        "/photos",
        "/photos/{photo_id}",
        "/photos/{photo_id}/image",
        "/photos/{photo_id}/views",
        "/users/{user_id}/timeline",
        "/search",
    }
    assert "application/problem+json" in document["paths"]["/photos"]["post"]["responses"]["422"]["content"]
