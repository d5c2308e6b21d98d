"""What the API accepts and returns, as pydantic models: they make the checks and the OpenAPI document.

A limit on text holds for the form in which it is kept (`text`). What the document declares is what is enforced on the
text as it was sent; a caption alone may be sent longer, by its line breaks and the spaces around it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import Header, Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from photo_api import text
from photo_api.photos import Photo

#: Ids are PostgreSQL bigint.
LARGEST_ID = 2**63 - 1
#: Photos a page.
DEFAULT_LIMIT, LARGEST_LIMIT = 20, 100
MAX_TAGS, MAX_TAG_LENGTH, MAX_CAPTION_LENGTH = 20, 50, 2000


#: What no tag holds, in a character class, and what is taken off its ends: spaces that are not control characters.
_SPLITS = r"\s,\x00-\x1f\x7f-\x9f"
_AROUND = rf"(?:[^\S\x1c-\x1f\x85]|[{text.INVISIBLE}])*"
_TAG = f"^{_AROUND}[^{_SPLITS}]*[^{_SPLITS}{text.INVISIBLE}{text.JOINERS}][^{_SPLITS}]*{_AROUND}$"


def _distinct(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


UserId = Annotated[int, Field(ge=1, le=LARGEST_ID, description="The user that the photo belongs to.")]
PhotoId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Caption = Annotated[
    str,
    Field(
        max_length=MAX_CAPTION_LENGTH,
        description="Line breaks of every kind are kept as line feeds, text in Unicode's form NFC.",
        json_schema_extra={"pattern": r"^[^\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]*$"},
    ),
    BeforeValidator(lambda given: text.caption(given) if isinstance(given, str) else given),
]
Tag = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_TAG_LENGTH,
        description="Compared without regard to case. No spaces or commas; characters that show nothing do not count.",
        json_schema_extra={"pattern": _TAG},
    ),
    AfterValidator(text.tag),
    # Again for the form that is kept: folding case may make it longer, and what shows nothing is gone.
    StringConstraints(min_length=1, max_length=MAX_TAG_LENGTH),
]
Tags = Annotated[list[Tag], AfterValidator(_distinct), Field(max_length=MAX_TAGS)]
Before = Annotated[
    int,
    Query(ge=1, le=LARGEST_ID, description="Only photos with smaller ids: the `next` of the page before."),
]
Limit = Annotated[int, Query(ge=1, le=LARGEST_LIMIT, description="Photos a page.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,64}$",
        description="Chosen by the client, one for each upload of a user, such as a UUID. An upload repeated with "
        "its key (after a timeout, say) answers 200 with the photo that the first one made.",
    ),
]


class LocationOut(BaseModel):
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


class PhotoOut(BaseModel):
    id: int
    user_id: int
    image: str = Field(description="Path of the JPEG itself.")
    caption: str
    tags: list[str]
    camera: str | None
    taken_at: str | None = Field(
        description="ISO 8601, the camera's own clock; with an offset from UTC only where the camera recorded one."
    )
    location: LocationOut | None
    width: int
    height: int
    size_bytes: int
    sha256: str
    views: int
    uploaded_at: datetime

    @classmethod
    def of(cls, photo: Photo) -> Self:
        located = photo.latitude is not None and photo.longitude is not None
        return cls(
            id=photo.id,
            user_id=photo.user_id,
            image=f"/photos/{photo.id}/image",
            caption=photo.caption,
            tags=list(photo.tags),
            camera=photo.camera,
            taken_at=photo.taken_at.isoformat() if photo.taken_at else None,
            location=LocationOut(latitude=photo.latitude, longitude=photo.longitude) if located else None,
            width=photo.width,
            height=photo.height,
            size_bytes=photo.size_bytes,
            sha256=photo.sha256.hex(),
            views=photo.views,
            uploaded_at=photo.uploaded_at,
        )


class PageOut(BaseModel):
    """Newest upload first. `next` is the `before` of the next page, null on the last one."""

    photos: list[PhotoOut]
    next: int | None

    @classmethod
    def of(cls, photos: list[Photo], limit: int) -> Self:
        """`photos` may hold one more than `limit`: it shows that there is a next page."""
        page = photos[:limit]
        return cls(photos=[PhotoOut.of(photo) for photo in page], next=page[-1].id if len(photos) > limit else None)


class ViewsOut(BaseModel):
    views: int


class ProblemOut(BaseModel):
    """RFC 9457. `type` is stable, `detail` says what is wrong and what would be right."""

    type: str
    title: str
    status: int
    detail: str
