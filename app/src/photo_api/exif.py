"""What the API keeps of a picture's EXIF: camera, time and place. All of it is optional and none of it is trusted."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from PIL import ExifTags, Image

_CAMERA_LENGTH = 200


@dataclass(frozen=True)
class Location:
    """Degrees, WGS 84: latitude -90 to 90 (north positive), longitude -180 to 180 (east positive)."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Exif:
    """`taken_at` is the camera's clock as EXIF has it: with an offset only if recorded."""

    taken_at: datetime | None
    camera: str | None
    location: Location | None


def read(image: Image.Image) -> Exif:
    """EXIF that cannot be read counts as absent: cameras and editors of every quality write it."""
    tags = _tags(image)
    return Exif(_taken_at(tags), _camera(tags), _location(tags.get("gps", {})))


def _tags(image: Image.Image) -> Mapping[Any, Any]:
    """Tags of the main and the Exif directory, and `gps`."""
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
    """Printable text, one line. PostgreSQL refuses NUL, and fixed-size EXIF fields are padded with it.

    EXIF text is ASCII by its standard; in practice cameras and editors write UTF-8, and some write Latin-1.
    """
    if isinstance(value, str):
        try:
            value = value.encode("latin-1")  # how Pillow decoded it
        except UnicodeEncodeError:
            value = value.encode("utf-8", "replace")
    if not isinstance(value, bytes):
        return ""
    raw = value.split(b"\0", 1)[0]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return " ".join("".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text)).split())


def _camera(exif: Mapping[Any, Any]) -> str | None:
    make, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
    # Many models repeat the maker: "Canon" and "Canon EOS 5D".
    name = model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
    return name[:_CAMERA_LENGTH].strip() or None


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
