"""The structure of a JPEG file: its segments, its scans, and where the picture ends (ITU-T T.81, annex B).

Cameras append to a JPEG: further pictures (MPF), the video of a motion photo, previews. None of that belongs to the
picture, so the walk stops at the picture's end marker. The walk agrees with libjpeg on what a marker is: inside
compressed data 0xFF00 and restart markers are data, and markers below 0xC0 and restart markers have no length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
APP0, APP1, APP2, APP14, APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
#: A marker that ends compressed data: not a stuffed zero, not a restart marker, not a fill byte.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


@dataclass(frozen=True)
class Segment:
    """Bytes `start` to `end` of the file, marker included. A scan's segment is its header without its data."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True)
class Structure:
    """`segments` in order. `end` is the offset after the picture's end marker, None where the file has none."""

    segments: tuple[Segment, ...]
    end: int | None

    @property
    def scans(self) -> int:
        return sum(segment.marker == SOS for segment in self.segments)


def walk(data: bytes, most_scans: int) -> Structure:
    """The structure of `data`, which begins with SOI. Stops after `most_scans` + 1 scans: more are never counted."""
    segments: list[Segment] = []
    scans, at = 0, 2
    while scans <= most_scans and (found := _MARKER.search(data, at)):
        start, marker = found.start(), data[found.start() + 1]
        if marker == EOI:
            return Structure(tuple(segments), start + 2)
        if marker < 0xC0:
            at = start + 2
            continue
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        # A length below two is not one; libjpeg refuses the file.
        at = min(start + 2 + max(length, 2), len(data))
        segments.append(Segment(marker, start, at))
        scans += marker == SOS
    return Structure(tuple(segments), None)
