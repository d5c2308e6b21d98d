"""Reads an uploaded file as a JPEG, whole, and takes from its EXIF what the API keeps.

Nothing a client sends is trusted: the size in pixels is checked from the header before anything is decoded, the
number of scans before the decoder could loop over them, and the picture is decoded to its end so that a broken
or truncated file is refused now and not by the first reader.
"""

from __future__ import annotations

import hashlib
import io
import math
import unicodedata
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

#: A baseline picture has one scan, a progressive one about ten. Each scan walks all blocks again, so that a small
#: file of thousands of empty scans keeps a decoder busy for minutes.
MAX_SCANS = 100
_START_OF_SCAN = b"\xff\xda"
_CAMERA_LENGTH = 200


class NotAJpeg(Exception):
    """The file is refused; the message says why, `kind` is for programs and metrics."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


@dataclass(frozen=True)
class Location:
    """Degrees, WGS 84: latitude -90 to 90 (north positive), longitude -180 to 180 (east positive)."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Jpeg:
    """What is known of a picture. `taken_at` is the camera's clock as EXIF has it: with an offset only if recorded."""

    width: int
    height: int
    size_bytes: int
    sha256: bytes
    taken_at: datetime | None
    camera: str | None
    location: Location | None


def read(data: bytes, max_pixels: int) -> Jpeg:
    """Decode `data` to its end. Raises `NotAJpeg`. CPU-bound: about 10 ms a megapixel; run it in a thread."""
    if not data:
        raise NotAJpeg("empty", "the file is empty; send the bytes of a JPEG")
    if data.count(_START_OF_SCAN) > MAX_SCANS:
        raise NotAJpeg("too-many-scans", f"the JPEG has more than {MAX_SCANS} scans; save it as a baseline JPEG")
    try:
        # The size is checked below, against our own limit; Pillow's warning is about its own.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=("JPEG",))
    except UnidentifiedImageError as error:
        raise NotAJpeg("not-jpeg", "the file is not a JPEG; convert it to JPEG first") from error
    except Image.DecompressionBombError as error:
        raise NotAJpeg("too-many-pixels", f"the picture has more than {max_pixels} pixels; scale it down") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise NotAJpeg("broken", f"the JPEG's header cannot be read ({error}); save it anew") from error
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise NotAJpeg(
                "too-many-pixels",
                f"the picture has {width} x {height} pixels, at most {max_pixels} are taken; scale it down",
            )
        exif = _exif(image)
        try:
            # Decodes every block, but keeps an eighth of each dimension: the check costs 1/64 of the memory.
            image.draft(None, (max(1, width // 8), max(1, height // 8)))
            image.load()
        except (OSError, ValueError, SyntaxError) as error:
            raise NotAJpeg("broken", f"the JPEG cannot be decoded ({error}); send the whole file") from error
    return Jpeg(
        width=width,
        height=height,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).digest(),
        taken_at=_taken_at(exif),
        camera=_camera(exif),
        location=_location(exif.get("gps", {})),
    )


def _exif(image: Image.Image) -> Mapping[Any, Any]:
    """Tags of the main and the Exif directory, and `gps`. EXIF that cannot be read counts as absent:

    it is written by cameras and editors of every quality, and the picture is good without it.
    """
    try:
        exif = image.getexif()
        return {
            **dict(exif),
            **dict(exif.get_ifd(ExifTags.IFD.Exif)),
            "gps": dict(exif.get_ifd(ExifTags.IFD.GPSInfo)),
        }
    except Exception:  # Pillow's parser raises whatever the broken bytes lead it to
        return {}


def _text(value: Any) -> str:
    """Printable text, one line. PostgreSQL refuses NUL, and fixed-size EXIF fields are padded with it."""
    if not isinstance(value, str):
        return ""
    text = value.split("\0", 1)[0]
    return " ".join("".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text)).split())


def _camera(exif: Mapping[Any, Any]) -> str | None:
    make, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
    # Many models repeat the maker: "Canon" and "Canon EOS 5D".
    name = model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
    return name[:_CAMERA_LENGTH] or None


def _taken_at(exif: Mapping[Any, Any]) -> datetime | None:
    try:
        taken = datetime.strptime(_text(exif.get(ExifTags.Base.DateTimeOriginal)), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    offset = _text(exif.get(ExifTags.Base.OffsetTimeOriginal))
    try:
        zone = datetime.strptime(offset, "%z").utcoffset()
    except ValueError:
        return taken
    whole_minutes = zone is not None and zone.total_seconds() % 60 == 0
    return taken.replace(tzinfo=timezone(zone)) if zone is not None and whole_minutes else taken


def utc_offset_minutes(taken_at: datetime | None) -> int | None:
    """Minutes east of UTC, or None where the camera did not record it."""
    offset = taken_at.utcoffset() if taken_at else None
    return None if offset is None else int(offset / timedelta(minutes=1))


def _location(gps: Mapping[Any, Any]) -> Location | None:
    latitude = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), "NS", 90)
    longitude = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), "EW", 180)
    return None if latitude is None or longitude is None else Location(latitude, longitude)


def _degrees(parts: Any, reference: Any, names: str, limit: float) -> float | None:
    sign = {names[0]: 1, names[1]: -1}.get(_text(reference).upper())
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if sign is None or not math.isfinite(value) or not 0 <= value <= limit:
        return None
    return round(sign * value, 7)
