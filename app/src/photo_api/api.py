"""The API's resources, and the order in which an upload happens.

An upload is: decode, S3, PostgreSQL. The row comes last, so that a photo that can be found has its file. What fails
between the two leaves an object without a row; its key follows from user and content, so the client's retry finds
the same object and completes it. What is never retried costs its bytes and no one can reach it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import StreamingResponse

from photo_api import conditional
from photo_api.cdn import to_cdn
from photo_api.decoding import Decoder
from photo_api.head import is_head
from photo_api.metrics import Metrics
from photo_api.photos import Photo, Photos, Upload
from photo_api.problems import MEDIA_TYPE, Problem
from photo_api.schemas import (
    DEFAULT_LIMIT,
    LARGEST_ID,
    Before,
    Caption,
    IdempotencyKey,
    Limit,
    PageOut,
    PhotoId,
    PhotoOut,
    ProblemOut,
    Tag,
    Tags,
    UserId,
    ViewsOut,
)
from photo_api.storage import Storage, object_key

#: A photo's bytes never change under its id.
_FOR_EVER = "public, max-age=31536000, immutable"
_NO_BODY: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified: the client has these bytes."}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    # `model` puts the schema into the document; the content type is ours.
    return {status: {"model": ProblemOut, "content": content} for status in (*statuses, 422, 503)}


def install(
    app: FastAPI,
    photos: Photos,
    storage: Storage,
    decoder: Decoder,
    metrics: Metrics,
    max_upload_bytes: int,
    cdn_url: str | None = None,
) -> None:
    """Add the routes to `app`."""

    @app.post("/photos", status_code=201, responses={200: {"model": PhotoOut}, **_problems(400, 413, 507)})
    async def upload(
        response: Response,
        photo: Annotated[UploadFile, File(description="A JPEG.")],
        user_id: Annotated[UserId, Form()],
        caption: Annotated[Caption, Form()] = "",
        tags: Annotated[Tags, Form()] = [],  # noqa: B006 - FastAPI copies it
        idempotency_key: IdempotencyKey = None,
    ) -> PhotoOut:
        """Store a photo. 201 for a new one, 200 where the same upload was stored before."""
        if photo.size is not None and photo.size > max_upload_bytes:
            raise Problem(
                413,
                "photo-too-large",
                f"photo: larger than the {max_upload_bytes} bytes that are accepted; scale it down",
                limit_bytes=max_upload_bytes,
            )
        async with decoder.held():
            picture = await decoder.read(await photo.read())
            await photos.claim_file(user_id, picture.sha256)
            await storage.put(object_key(user_id, picture.sha256), picture.content, picture.sha256)
            stored, new = await photos.add(Upload(user_id, caption, tuple(tags), idempotency_key), picture)
        if new:
            metrics.uploaded_bytes.inc(picture.size_bytes)
        else:
            response.status_code = 200
        response.headers["Location"] = f"/photos/{stored.id}"
        return PhotoOut.of(stored)

    @app.get("/photos/{photo_id}", responses=_problems(404))
    async def read(photo_id: PhotoId) -> PhotoOut:
        """A photo's metadata."""
        return PhotoOut.of(await photos.get(photo_id))

    @app.delete("/photos/{photo_id}", status_code=204, responses=_problems(404))
    async def delete(photo_id: PhotoId) -> None:
        """Delete a photo: at once for every reader but in pages from a standby, its file within minutes."""
        await photos.delete(photo_id)

    @app.get(
        "/photos/{photo_id}/image",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"image/jpeg": {}}},
            206: {"content": {"image/jpeg": {}}, "description": "The range that was asked for."},
            307: {"description": "The CDN has it, where there is one."},
            **_NO_BODY,
            **_problems(404, 412, 416),
        },
    )
    async def image(photo_id: PhotoId, request: Request) -> Response:
        """The photo itself. Answers conditional requests, and requests for one range of bytes."""
        found = await photos.get(photo_id)
        if cdn_url is not None:
            return to_cdn(cdn_url, object_key(found.user_id, found.sha256))
        held = conditional.Representation(f'"{found.sha256.hex()}"', found.uploaded_at, found.size_bytes)
        method = "HEAD" if is_head(request.scope) else "GET"
        return await _image(found, held, conditional.evaluate(method, request.headers, held), method)

    async def _image(
        found: Photo, held: conditional.Representation, outcome: conditional.Outcome, method: str
    ) -> Response:
        headers = {
            "ETag": held.etag,
            "Last-Modified": held.last_modified,
            "Cache-Control": _FOR_EVER,
            "Accept-Ranges": "bytes",
            "X-Content-Type-Options": "nosniff",
        }
        match outcome.status:
            case HTTPStatus.PRECONDITION_FAILED:
                raise Problem(412, "precondition-failed", f"photo {found.id} is not what If-Match or its like asks for")
            case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise Problem(
                    416,
                    "range-not-satisfiable",
                    f"Range: begins behind the last of the photo's {held.size} bytes",
                    headers={"Content-Range": f"bytes */{held.size}"},
                )
            case HTTPStatus.NOT_MODIFIED:
                return Response(status_code=304, headers=headers)
        part = None
        headers["Content-Length"] = str(held.size)
        if outcome.status is HTTPStatus.PARTIAL_CONTENT:
            part = (outcome.first, outcome.last)
            headers["Content-Length"] = str(outcome.last - outcome.first + 1)
            headers["Content-Range"] = f"bytes {outcome.first}-{outcome.last}/{held.size}"
        if method == "HEAD":
            return Response(media_type="image/jpeg", headers=headers)
        pieces = await storage.get(object_key(found.user_id, found.sha256), part)
        return StreamingResponse(pieces, outcome.status, media_type="image/jpeg", headers=headers)

    @app.post("/photos/{photo_id}/views", responses=_problems(404))
    async def view(photo_id: PhotoId) -> ViewsOut:
        """Count one view of a photo."""
        return ViewsOut(views=await photos.view(photo_id))

    @app.get("/users/{user_id}/timeline", responses=_problems())
    async def timeline(user_id: PhotoId, before: Before = LARGEST_ID, limit: Limit = DEFAULT_LIMIT) -> PageOut:
        """A user's photos, newest upload first; empty for a user who has none."""
        return PageOut.of(await photos.timeline(user_id, before, limit + 1), limit)

    @app.get("/search", responses=_problems())
    async def search(
        tag: Annotated[Tag, Query()], before: Before = LARGEST_ID, limit: Limit = DEFAULT_LIMIT
    ) -> PageOut:
        """Photos that carry a tag, newest upload first."""
        return PageOut.of(await photos.tagged(tag, before, limit + 1), limit)
