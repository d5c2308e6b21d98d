"""The API's resources, and the order in which an upload happens.

An upload is: decode, S3, PostgreSQL. The row comes last, so that a photo that can be found has its file. What fails
between the two leaves an object without a row; its key follows from user and content, so the client's retry writes
the same object and completes it. What is never retried costs its bytes and is reached by nobody.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import StreamingResponse

from photo_api.decoding import Decoder
from photo_api.metrics import Metrics
from photo_api.photos import Photos, Upload
from photo_api.problems import MEDIA_TYPE, Problem
from photo_api.schemas import (
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


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    # `model` puts the schema into the document; the content type is ours.
    return {status: {"model": ProblemOut, "content": content} for status in (*statuses, 422, 503)}


def install(
    app: FastAPI, photos: Photos, storage: Storage, decoder: Decoder, metrics: Metrics, max_upload_bytes: int
) -> None:
    """Add the routes to `app`."""
    router = APIRouter()

    @router.post("/photos", status_code=201, responses={200: {"model": PhotoOut}, **_problems(400, 413)})
    async def upload(
        response: Response,
        photo: Annotated[UploadFile, File(description="A JPEG.")],
        user_id: Annotated[UserId, Form()],
        caption: Annotated[Caption, Form()] = "",
        tags: Annotated[Tags, Form()] = [],  # noqa: B006 - FastAPI copies it
        idempotency_key: IdempotencyKey = None,
    ) -> PhotoOut:
        """Store a photo. 201 for a new one, 200 where the same upload was stored before."""
        data = await photo.read(max_upload_bytes + 1)
        if len(data) > max_upload_bytes:
            raise Problem(
                413,
                "photo-too-large",
                f"photo: larger than the {max_upload_bytes} bytes that are taken; scale it down",
                limit_bytes=max_upload_bytes,
            )
        picture = await decoder.read(data)
        await storage.put(object_key(user_id, picture.sha256), data, picture.sha256)
        stored, new = await photos.add(Upload(user_id, caption, tuple(tags), idempotency_key), picture)
        if new:
            metrics.uploaded_bytes.inc(picture.size_bytes)
        else:
            response.status_code = 200
        response.headers["Location"] = f"/photos/{stored.id}"
        return PhotoOut.of(stored)

    @router.get("/photos/{photo_id}", responses=_problems(404))
    async def read(photo_id: PhotoId) -> PhotoOut:
        """A photo's metadata."""
        return PhotoOut.of(await photos.get(photo_id))

    @router.get(
        "/photos/{photo_id}/image",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"image/jpeg": {}}},
            304: {"description": "Not modified"},
            **_problems(404),
        },
    )
    async def image(photo_id: PhotoId, request: Request) -> Response:
        """The photo itself, as it was uploaded."""
        found = await photos.get(photo_id)
        headers = {
            "ETag": f'"{found.sha256.hex()}"',
            "Cache-Control": _FOR_EVER,
            "X-Content-Type-Options": "nosniff",
        }
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        pieces = await storage.get(object_key(found.user_id, found.sha256))
        headers["Content-Length"] = str(found.size_bytes)
        return StreamingResponse(pieces, media_type="image/jpeg", headers=headers)

    @router.post("/photos/{photo_id}/views", responses=_problems(404))
    async def view(photo_id: PhotoId) -> ViewsOut:
        """Count one view of a photo."""
        return ViewsOut(views=await photos.view(photo_id))

    @router.get("/users/{user_id}/timeline", responses=_problems())
    async def timeline(user_id: PhotoId, before: Before = LARGEST_ID, limit: Limit = 20) -> PageOut:
        """A user's photos, newest upload first; empty for a user who has none."""
        return PageOut.of(await photos.timeline(user_id, before, limit + 1), limit)

    @router.get("/search", responses=_problems())
    async def search(tag: Annotated[Tag, Query()], before: Before = LARGEST_ID, limit: Limit = 20) -> PageOut:
        """Photos that carry a tag, newest upload first."""
        return PageOut.of(await photos.tagged(tag, before, limit + 1), limit)

    app.include_router(router)
