"""Removes from a JPEG whatever may say where it was taken, without touching the picture.

A place hides in more than EXIF's GPS directory: XMP, IPTC, maker notes, EXIF's thumbnail, and the pictures and videos
that cameras append. So this is a list of what stays, not of what goes: the compressed picture and its tables, the
JFIF and Adobe segments and the colour profile, which decoders need, and a new EXIF segment with orientation, camera
and time. The same input gives the same output in every release, because an object's key follows from its bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image

from photo_api.jpeg_segments import APP0, APP1, APP2, APP14, APP15, COM, SOI, SOS, Segment, Structure

_ICC = b"ICC_PROFILE\0"
_EXIF = b"Exif\0\0"
#: Types of TIFF 6.0.
_ASCII, _SHORT, _LONG = 2, 3, 4
_MAIN = (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Orientation)
_DETAIL = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal)


def strip(data: bytes, structure: Structure, image: Image.Image) -> bytes:
    """`data` without metadata but orientation, camera and time. `image` is `data`, opened."""
    segments = structure.segments
    end = len(data) if structure.end is None else structure.end - 2
    pieces = [bytes((0xFF, SOI))]
    # JFIF wants to come first; EXIF comes after it, before everything else.
    first = next((s for s in segments if s.marker == APP0), None)
    if first is not None:
        pieces.append(data[first.start : first.end])
    pieces.append(_exif_segment(image))
    for number, segment in enumerate(segments):
        if segment is first or not _stays(data, segment):
            continue
        # What follows a scan's header, up to the next marker, is its data.
        follows = segments[number + 1].start if number + 1 < len(segments) else end
        pieces.append(data[segment.start : follows if segment.marker == SOS else segment.end])
    return b"".join((*pieces, b"\xff\xd9"))


def _stays(data: bytes, segment: Segment) -> bool:
    if segment.marker == APP2:
        return data.startswith(_ICC, segment.start + 4)
    return segment.marker == APP14 or not (APP0 <= segment.marker <= APP15 or segment.marker == COM)


def _exif_segment(image: Image.Image) -> bytes:
    try:
        exif = image.getexif()
        main, detail = dict(exif), dict(exif.get_ifd(ExifTags.IFD.Exif))
    except Exception:  # broken EXIF counts as absent, as in `exif`
        return b""
    kept, detailed = _entries(main, _MAIN), _entries(detail, _DETAIL)
    if not kept and not detailed:
        return b""
    header = b"II*\0\x08\0\0\0"
    if detailed:
        # The pointer's own size counts: the directory is laid out once for its length, then with the address.
        length = len(_directory({**kept, ExifTags.IFD.Exif: (_LONG, bytes(4))}, 8))
        kept[ExifTags.IFD.Exif] = (_LONG, struct.pack("<I", 8 + length))
    tiff = header + _directory(kept, 8)
    body = _EXIF + tiff + (_directory(detailed, len(tiff)) if detailed else b"")
    return struct.pack(">BBH", 0xFF, APP1, len(body) + 2) + body


def _entries(tags: Mapping[Any, Any], wanted: tuple[int, ...]) -> dict[int, tuple[int, bytes]]:
    found = {}
    for tag in wanted:
        value = tags.get(tag)
        if tag == ExifTags.Base.Orientation:
            if isinstance(value, int) and 1 <= value <= 8:
                found[int(tag)] = (_SHORT, struct.pack("<H", value))
        elif isinstance(value, str):
            # Latin-1 is how Pillow decoded the bytes, so these are the bytes again.
            text = value.split("\0", 1)[0][:200].encode("latin-1", "replace")
            found[int(tag)] = (_ASCII, text + b"\0")
    return found


def _directory(entries: Mapping[int, tuple[int, bytes]], offset: int) -> bytes:
    """An image file directory at `offset` of the TIFF structure, values included."""
    size = 2 + 12 * len(entries) + 4
    rows, values = [], b""
    for tag, (kind, value) in sorted(entries.items()):
        count = len(value) if kind == _ASCII else 1
        if len(value) <= 4:
            where = value.ljust(4, b"\0")
        else:
            where = struct.pack("<I", offset + size + len(values))
            values += value + bytes(len(value) % 2)  # values begin at even offsets
        rows.append(struct.pack("<HHI", tag, kind, count) + where)
    return struct.pack("<H", len(entries)) + b"".join(rows) + bytes(4) + values
