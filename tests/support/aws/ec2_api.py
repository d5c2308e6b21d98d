"""A stand-in for the photo API behind a balancer of AWS, as far as tests/hosts asks it."""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from PIL import Image
from werkzeug.wrappers import Request

from infra.contract import Contract

HSTS = {"Strict-Transport-Security": "max-age=31536000"}


class Api(requests.adapters.BaseAdapter):
    """Answers HTTP requests to the contract's URL. `objects` are keys in the bucket."""

    def __init__(self, contract: Contract, objects: list[str]) -> None:
        super().__init__()
        self._contract = contract
        self._objects = objects
        self.photos: dict[int, dict[str, Any]] = {}
        self._bytes: dict[int, bytes] = {}

    def session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", self)
        session.mount("http://", self)
        return session

    def close(self) -> None:
        pass

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        url = urlsplit(request.url or "")
        if url.hostname != urlsplit(self._contract.url).hostname:
            raise requests.ConnectionError(f"{url.hostname}: no address")
        status, body, headers = self._answer(request, url)
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response.url, response.request = request.url or "", request
        return response

    def _answer(self, request: requests.PreparedRequest, url: Any) -> tuple[int, Any, dict[str, str]]:
        if url.scheme == "http":
            query = f"?{url.query}" if url.query else ""
            return 301, b"", {"Location": f"https://{url.hostname}:443{url.path}{query}"}
        if re.match(r"/+(%6d|m)etrics|/readyz", url.path):
            return 403, b"for operators", {}
        if url.path == "/healthz":
            return 200, {}, HSTS
        if request.method == "POST" and url.path == "/photos":
            return (*self._upload(request), {})
        return (*self._read(request.method, url), {})

    def _upload(self, request: requests.PreparedRequest) -> tuple[int, Any]:
        body = request.body if isinstance(request.body, bytes) else b""
        form = Request(
            {
                "REQUEST_METHOD": "POST",
                "CONTENT_TYPE": request.headers["Content-Type"],
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.input": io.BytesIO(body),
            }
        )
        data = form.files["photo"].read()
        user, tags = form.form.get("user_id", ""), form.form.getlist("tags")
        limit = self._contract.app.max_upload_mib << 20
        if not user.isdigit():
            return 422, {"detail": "user_id"}
        if any(" " in tag for tag in tags):
            return 422, {"detail": "tags"}
        if len(data) > limit:
            return 413, {"detail": "too large", "limit_bytes": limit}
        try:
            picture = Image.open(io.BytesIO(data))
            picture.load()
        except OSError:
            return 400, {"detail": "no JPEG"}
        if picture.format != "JPEG":
            return 400, {"detail": "no JPEG"}
        if self._contract.app.exif_location == "strip":
            exif, kept = Image.Exif(), io.BytesIO()
            exif[0x0110] = picture.getexif().get(0x0110)
            picture.save(kept, "JPEG", exif=exif)
            data = kept.getvalue()
        number, sha256 = len(self.photos) + 1, hashlib.sha256(data).hexdigest()
        self._objects.append(f"{user}/{sha256}.jpg")
        self._bytes[number] = data
        self.photos[number] = {
            "id": number,
            "sha256": sha256,
            "size_bytes": len(data),
            "width": picture.width,
            "height": picture.height,
            "taken_at": "2024-02-29T12:34:56",
            "camera": picture.getexif().get(0x0110),
            "tags": tags,
            "views": 0,
            "location": {"latitude": 52.5} if self._contract.app.exif_location == "keep" else None,
            "image": f"/photos/{number}/image",
        }
        return 201, dict(self.photos[number])

    def _read(self, method: str | None, url: Any) -> tuple[int, Any]:
        asked = parse_qs(url.query)
        if url.path == "/search":
            return (200, {"photos": list(self.photos.values())}) if set(asked) == {"tag"} else (422, UNFIT)
        if re.fullmatch(r"/users/\d+/timeline", url.path):
            return 200, {"photos": list(self.photos.values())}
        if not (found := re.fullmatch(r"/photos/([^/]+)(/image|/views)?", url.path)):
            return 404, {"detail": "no such path"}
        if not found[1].isdigit() or found[1] == "0":
            return 422, UNFIT
        if (photo := self.photos.get(int(found[1]))) is None:
            return 404, {"detail": "no such photo"}
        if method == "DELETE":
            del self.photos[photo["id"]]
            return 204, b""
        if found[2] == "/image":
            return 200, self._bytes[photo["id"]]
        if found[2] == "/views":
            assert method == "POST"
            photo["views"] += 1
            return 200, {"views": photo["views"]}
        return 200, dict(photo)


UNFIT = {"detail": "is no such number, or lacks something"}
