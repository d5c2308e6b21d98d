"""Photos in PostgreSQL: what a row is, and the statements. Each request is one statement (see `database`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import asyncpg

from photo_api.database import Database
from photo_api.exif import utc_offset_minutes
from photo_api.freshness import must_be_fresh
from photo_api.jpeg import Jpeg
from photo_api.problems import Problem, photo_not_found

if TYPE_CHECKING:
    from asyncpg import Record

_COLUMNS = (
    "id, user_id, sha256, size_bytes, width, height, caption, tags, camera, "
    "taken_at, taken_utc_offset_minutes, latitude, longitude, views, uploaded_at"
)

# Not "DO NOTHING": the first upload's commit may have been cut short in its wait for a standby, and then its row can be
# read and be lost by a failover. Writing the row again makes this commit wait for a standby, too, at a later position.
# xmax is 0 in a row that was inserted; one that was there has the lock of this transaction.
_INSERT = f"""
WITH photo AS (
    INSERT INTO photos (user_id, idempotency_key, sha256, size_bytes, width, height, caption, tags, camera,
                        taken_at, taken_utc_offset_minutes, latitude, longitude)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL
    DO UPDATE SET views = photos.views
    RETURNING {_COLUMNS}, xmax = 0 AS new
), tagged AS (
    INSERT INTO photo_tags (tag, photo_id) SELECT unnest(tags), id FROM photo WHERE new
)
SELECT {_COLUMNS}, new FROM photo
"""  # noqa: S608 - no value is in the text
_BY_ID = f"SELECT {_COLUMNS} FROM photos WHERE id = $1"  # noqa: S608
# Both pages walk an index from the newest backwards and stop at the limit, whatever the user or tag has in all.
_TIMELINE = f"SELECT {_COLUMNS} FROM photos WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"  # noqa: S608
_TAGGED = f"""
SELECT {_COLUMNS} FROM photo_tags JOIN photos ON photos.id = photo_tags.photo_id
WHERE tag = $1 AND photo_id < $2 ORDER BY photo_id DESC LIMIT $3
"""  # noqa: S608
_VIEW = "UPDATE photos SET views = views + 1 WHERE id = $1 RETURNING views"
# A photo that is not there may have been deleted by a commit that no standby has. To answer that it is gone is to
# promise it, so a message is logged where no row is written: the commit waits as any other.
_DELETE = """
WITH gone AS (
    DELETE FROM photos WHERE id = $1 RETURNING user_id, sha256
), noted AS (
    INSERT INTO photo_removals (user_id, sha256) SELECT user_id, sha256 FROM gone
    ON CONFLICT (user_id, sha256) DO UPDATE SET removed_at = now()
)
SELECT count(*) AS photos,
    CASE count(*) WHEN 0 THEN pg_logical_emit_message(true, 'photo-api', 'there was nothing to delete') END
FROM gone
"""
_UNLIST = """
WITH taken AS (
    DELETE FROM photo_removals WHERE user_id = $1 AND sha256 = $2 AND claimed_at IS NULL RETURNING user_id
)
SELECT EXISTS (SELECT FROM taken) AS taken,
    EXISTS (SELECT FROM photo_removals WHERE user_id = $1 AND sha256 = $2) AS listed
"""
# Those whose file is in use again go off the list; of the others, those that no process has claimed or has given up.
_IN_USE = "EXISTS (SELECT FROM photos WHERE photos.user_id = listed.user_id AND photos.sha256 = listed.sha256)"
_DUE = """
removed_at < now() - make_interval(secs => $1)
AND (claimed_at IS NULL OR claimed_at < now() - make_interval(secs => $1))
"""
_FORGET_USED = f"DELETE FROM photo_removals AS listed WHERE {_DUE} AND {_IN_USE}"  # noqa: S608
_CLAIM = f"""
UPDATE photo_removals SET claimed_at = now()
WHERE (user_id, sha256) IN (
    SELECT user_id, sha256 FROM photo_removals AS listed WHERE {_DUE} AND NOT {_IN_USE}
    ORDER BY removed_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING user_id, sha256
"""  # noqa: S608
_FORGET = "DELETE FROM photo_removals WHERE user_id = $1 AND sha256 = $2"
_VERSION = "SELECT max(version) FROM schema_versions"


@dataclass(frozen=True)
class Upload:
    """What a client says about a photo. `idempotency_key` is unique a user: the same upload repeated is one photo."""

    user_id: int
    caption: str
    tags: tuple[str, ...]
    idempotency_key: str | None


@dataclass(frozen=True)
class Photo:
    """A stored photo. `taken_at` is the camera's clock, with an offset only where the camera recorded one."""

    id: int
    user_id: int
    sha256: bytes
    size_bytes: int
    width: int
    height: int
    caption: str
    tags: tuple[str, ...]
    camera: str | None
    taken_at: datetime | None
    latitude: float | None
    longitude: float | None
    views: int
    uploaded_at: datetime


class Photos:
    """The statements. All raise `Problem` as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, upload: Upload, jpeg: Jpeg) -> tuple[Photo, bool]:
        """The stored photo, and whether it is new. Raises `Problem` (422) for a key used for another upload."""
        exif = jpeg.exif
        (row,) = await self._database.writes.run(
            _INSERT,
            upload.user_id,
            upload.idempotency_key,
            jpeg.sha256,
            jpeg.size_bytes,
            jpeg.width,
            jpeg.height,
            upload.caption,
            upload.tags,
            exif.camera,
            exif.taken_at.replace(tzinfo=None) if exif.taken_at else None,
            utc_offset_minutes(exif.taken_at),
            exif.location.latitude if exif.location else None,
            exif.location.longitude if exif.location else None,
        )
        photo = _photo(row)
        if row["new"]:
            return photo, True
        if (photo.sha256, photo.caption, photo.tags) != (jpeg.sha256, upload.caption, upload.tags):
            raise Problem(
                422,
                "idempotency-key-reused",
                f"the Idempotency-Key of photo {photo.id} came with another file, caption or tags; take a new key",
            )
        return photo, False

    async def get(self, photo_id: int) -> Photo:
        return _photo(await self.row(photo_id))

    async def row(self, photo_id: int) -> Record:
        """What `get` reads, as it comes from the database."""
        row = await self._row(_BY_ID, photo_id)
        if row is None:
            raise photo_not_found(photo_id)
        return row

    async def timeline(self, user_id: int, before: int, limit: int) -> list[Photo]:
        """The user's photos with ids under `before`, newest upload first."""
        return [_photo(row) for row in await self.timeline_rows(user_id, before, limit)]

    async def timeline_rows(self, user_id: int, before: int, limit: int) -> list[Record]:
        """What `timeline` reads, as it comes from the database."""
        return await self._stale_rows(_TIMELINE, user_id, before, limit)

    async def tagged(self, tag: str, before: int, limit: int) -> list[Photo]:
        """Photos that carry `tag` with ids under `before`, newest upload first."""
        return [_photo(row) for row in await self.tagged_rows(tag, before, limit)]

    async def tagged_rows(self, tag: str, before: int, limit: int) -> list[Record]:
        """What `tagged` reads, as it comes from the database."""
        return await self._stale_rows(_TAGGED, tag, before, limit)

    async def view(self, photo_id: int) -> int:
        """Count one view; the count after it."""
        rows = await self._database.writes.run(_VIEW, photo_id)
        if not rows:
            raise photo_not_found(photo_id)
        return int(rows[0]["views"])

    async def delete(self, photo_id: int) -> None:
        """Delete the row at once; its file is then on the list of removals (see `removals`)."""
        (row,) = await self._database.writes.run(_DELETE, photo_id)
        if row["photos"] == 0:
            raise photo_not_found(photo_id)

    async def claim_file(self, user_id: int, sha256: bytes) -> None:
        """Before an upload uses a file: it is not, or no longer, to be removed. Raises `Problem` (503) if it is."""
        # Where writes go: another server's older list would not do.
        (row,) = await self._database.writes.run(_UNLIST, user_id, sha256)
        if row["listed"] and not row["taken"]:
            raise Problem(
                503, "photo-being-removed", "the same photo is being removed now; send it again", retry_after=5
            )

    async def claim_removals(self, grace: float, most: int) -> list[tuple[int, bytes]]:
        """Users and hashes of files to remove now: listed for `grace` seconds, in use nowhere."""
        await self._database.writes.run(_FORGET_USED, grace)
        rows = await self._database.writes.run(_CLAIM, grace, most)
        return [(row["user_id"], row["sha256"]) for row in rows]

    async def forget_removal(self, user_id: int, sha256: bytes) -> None:
        """The file is gone."""
        await self._database.writes.run(_FORGET, user_id, sha256)

    async def schema_version(self) -> int:
        """The newest migration that the database has; 0 where it never saw one."""
        try:
            async with self._database.checks.connection() as connection:
                row = await connection.fetchrow(_VERSION)
        except asyncpg.UndefinedTableError:
            return 0
        return int(row["max"] or 0) if row else 0

    async def _row(self, statement: str, *values: Any) -> Record | None:
        async with self._database.reads.connection() as connection:
            return await connection.fetchrow(statement, *values)

    async def _stale_rows(self, statement: str, *values: Any) -> list[Record]:
        """Of a page of photos, which may be as old as a standby may be behind."""
        standby = self._database.standby
        if standby is not None and not must_be_fresh():
            return await standby.fetch(statement, *values)
        async with self._database.reads.connection() as connection:
            return await connection.fetch(statement, *values)


def taken_at(row: Record) -> datetime | None:
    """The camera's clock in a row, with its offset from UTC where that is known."""
    taken: datetime | None = row["taken_at"]
    offset = row["taken_utc_offset_minutes"]
    if taken is None or offset is None:
        return taken
    return taken.replace(tzinfo=timezone(timedelta(minutes=offset)))


def _photo(row: Record) -> Photo:
    return Photo(
        id=row["id"],
        user_id=row["user_id"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        width=row["width"],
        height=row["height"],
        caption=row["caption"],
        tags=tuple(row["tags"]),
        camera=row["camera"],
        taken_at=taken_at(row),
        latitude=row["latitude"],
        longitude=row["longitude"],
        views=row["views"],
        uploaded_at=row["uploaded_at"],
    )
