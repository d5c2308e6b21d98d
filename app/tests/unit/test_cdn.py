"""With a CDN the API sends clients there, by the object's key, and reads nothing from S3 itself."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from photo_api import api
from photo_api.settings import Settings


class Photos:
    """One photo, number 7."""

    async def get(self, photo_id: int) -> Any:
        assert photo_id == 7
        return SimpleNamespace(id=7, user_id=1, sha256=bytes(32), size_bytes=3)


def client(cdn_url: str | None) -> TestClient:
    app = FastAPI()
    nothing: Any = None  # storage, decoder and metrics: a redirect needs none of them
    photos: Any = Photos()
    api.install(app, photos, nothing, nothing, nothing, 1, cdn_url)
    return TestClient(app, follow_redirects=False)


def test_a_photo_is_at_the_cdn_by_its_key() -> None:
    answer = client("https://cdn.photos.example.com").get("/photos/7/image")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"https://cdn.photos.example.com/1/{'00' * 32}.jpg"
    assert answer.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("url", ["http://cdn.example.com", "https://cdn.example.com/", "cdn.example.com"])
def test_a_cdn_is_https_and_a_name_alone(url: str) -> None:
    [pattern] = [one.pattern for one in Settings.model_fields["cdn_url"].metadata if hasattr(one, "pattern")]
    assert not re.match(pattern, url)
    assert re.match(pattern, "https://cdn.photos.example.com")
