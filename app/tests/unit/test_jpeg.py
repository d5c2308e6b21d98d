"""What counts as a JPEG, and what is read from EXIF."""

from __future__ import annotations

import hashlib
import io
import struct
import time
from datetime import datetime, timedelta, timezone

import pytest
from PIL import ExifTags, Image

from photo_api import jpeg as subject
from photo_api.jpeg_segments import walk
from tests import pictures

LIMIT = 1_000_000


def refused(data: bytes, limit: int = LIMIT) -> subject.NotAJpeg:
    with pytest.raises(subject.NotAJpeg) as caught:
        subject.read(data, limit, strip=False)
    return caught.value


def test_reads_a_phones_photo_whole():
    data = pictures.jpeg((640, 400), meta=pictures.camera_exif())
    read = subject.read(data, LIMIT, strip=False)
    assert (read.width, read.height, read.size_bytes) == (640, 400, len(data))
    assert read.sha256 == hashlib.sha256(data).digest()
    assert read.exif.camera == "Acme P9"
    assert read.exif.taken_at == datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=11)))
    assert read.exif.location is not None
    assert read.exif.location.latitude == pytest.approx(-33.8568, abs=1e-6)
    assert read.exif.location.longitude == pytest.approx(151.2152, abs=1e-6)


def test_a_photo_without_exif_has_no_metadata():
    read = subject.read(pictures.jpeg(), LIMIT, strip=False)
    assert (read.exif.camera, read.exif.taken_at, read.exif.location) == (None, None, None)


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 10}, {"subsampling": 0}])
def test_accepts_every_common_kind(options):
    assert subject.read(pictures.jpeg(**options), LIMIT, strip=False).width == 320


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_accepts_grey_and_print_colours(mode):
    out = io.BytesIO()
    Image.new(mode, (50, 40)).save(out, "JPEG")
    assert subject.read(out.getvalue(), LIMIT, strip=False).height == 40


def test_accepts_a_single_pixel():
    assert subject.read(pictures.jpeg((1, 1)), LIMIT, strip=False).width == 1


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\xff\xd8", "not-jpeg"),
        (b"GIF89a" + bytes(100), "not-jpeg"),
        (pictures.png(), "not-jpeg"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "not-jpeg"),
    ],
)
def test_refuses_what_is_not_a_jpeg(data, kind):
    assert refused(data).kind == kind


@pytest.mark.parametrize("keep", [0.4, 0.7, 0.95])
@pytest.mark.parametrize("progressive", [False, True])
def test_refuses_a_truncated_file(keep, progressive):
    data = pictures.jpeg((800, 600), progressive=progressive)
    assert refused(data[: int(len(data) * keep)]).kind == "broken"


def test_refuses_by_the_header_before_decoding():
    """A header that claims 65,000 x 65,000 pixels would need 12 GB to decode."""
    data = bytearray(pictures.jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65000, 65000)
    assert refused(bytes(data)).kind == "too-many-pixels"


def test_the_limit_is_inclusive():
    data = pictures.jpeg((100, 100))
    assert subject.read(data, 10_000, strip=False).width == 100
    assert "100 x 100" in str(refused(data, 9_999))


def with_scans(data: bytes, more: int) -> bytes:
    """Progressive `data` with its last scan repeated."""
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * (more + 1) + b"\xff\xd9"


def test_refuses_thousands_of_scans():
    """Each start-of-scan makes the decoder walk the picture again."""
    data = pictures.jpeg(progressive=True)
    assert refused(with_scans(data, 5_000)).kind == "too-many-scans"


def test_many_scans_are_for_small_pictures():
    """100 scans of a large picture would cost ten times what a plain one costs."""
    data = with_scans(pictures.jpeg((320, 240), progressive=True), 50)
    scans = walk(data, subject.MAX_SCANS).scans
    pixels = 320 * 240
    limit = scans * pixels // subject.SCANS_AT_MAX_PIXELS
    assert subject.read(data, limit + 1, strip=False).width == 320
    assert refused(data, limit - 1).kind == "too-many-scans"


def test_the_dearest_picture_costs_little_more_than_an_ordinary_progressive_one():
    """By CPU time of this thread: the budget is what bounds an attacker. 100 scans would cost 16 times as much."""
    size = (1600, 1200)
    ordinary = pictures.jpeg(size, progressive=True)
    more = subject.SCANS_AT_MAX_PIXELS - walk(ordinary, subject.MAX_SCANS).scans
    dearest = with_scans(ordinary, more)

    def cost(picture: bytes) -> float:
        begun = time.thread_time()
        subject.read(picture, size[0] * size[1], strip=False)
        return time.thread_time() - begun

    assert walk(dearest, subject.MAX_SCANS).scans == subject.SCANS_AT_MAX_PIXELS
    assert min(cost(dearest) for _ in range(3)) < 5 * min(cost(ordinary) for _ in range(3))


@pytest.mark.parametrize("strip", [False, True])
def test_what_follows_the_picture_does_not_count(strip):
    """A motion photo: a video behind the picture, with every pair of bytes in it."""
    picture = pictures.jpeg(meta=pictures.camera_exif())
    data = picture + b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 5_000
    read = subject.read(data, LIMIT, strip=strip)
    assert (read.width, len(read.content)) == (320, len(data) if not strip else len(read.content))
    assert strip == (b"ftyp" not in read.content)


def test_bytes_in_metadata_are_not_scans():
    """An embedded preview has scans of its own."""
    exif = pictures.exif({ExifTags.Base.Make: "\xff\xda" * 200})
    assert subject.read(pictures.jpeg(meta=exif), LIMIT, strip=False).width == 320


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON", "D850", "NIKON D850"),
        ("Acme\0\0\0", "  P9 \n two ", "Acme P9 two"),
        ("", "P9", "P9"),
        ("Acme", "", "Acme"),
        ("", "", None),
        ("x" * 500, "y", "x" * 200),
    ],
)
def test_names_the_camera_once_and_clean(make, model, camera):
    meta = pictures.exif({ExifTags.Base.Make: make, ExifTags.Base.Model: model})
    assert subject.read(pictures.jpeg(meta=meta), LIMIT, strip=False).exif.camera == camera


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("strip", [False, True])
def test_text_of_exif_is_ascii_by_its_standard_and_utf_8_or_latin_1_in_practice(encoding, strip):
    make, model = (text.encode(encoding) for text in ("Société", "Zoë"))
    names = {ExifTags.Base.Make: "M" * len(make), ExifTags.Base.Model: "P" * len(model)}
    data = pictures.jpeg(meta=pictures.exif(names))
    for name, raw in zip(names.values(), (make, model), strict=True):
        assert data.count(name.encode() + b"\0") == 1
        data = data.replace(name.encode() + b"\0", raw + b"\0")
    read = subject.read(data, LIMIT, strip=strip)
    assert read.exif.camera == "Société Zoë"
    assert subject.read(read.content, LIMIT, strip=False).exif.camera == "Société Zoë"


@pytest.mark.parametrize(
    ("text", "offset", "taken"),
    [
        ("2026:03:04 05:06:07", None, datetime(2026, 3, 4, 5, 6, 7)),
        ("2026:03:04 05:06:07", "-03:30", datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=-3.5)))),
        ("2026:03:04 05:06:07", "somewhere", datetime(2026, 3, 4, 5, 6, 7)),
        ("0000:00:00 00:00:00", "+01:00", None),
        ("2026-03-04", None, None),
        ("", None, None),
    ],
)
def test_the_cameras_clock(text, offset, taken):
    detail = {ExifTags.Base.DateTimeOriginal: text}
    if offset:
        detail[ExifTags.Base.OffsetTimeOriginal] = offset
    read = subject.read(pictures.jpeg(meta=pictures.exif(detail=detail)), LIMIT, strip=False)
    assert read.exif.taken_at == taken
    assert (read.exif.taken_at and read.exif.taken_at.utcoffset()) == (taken and taken.utcoffset())


@pytest.mark.parametrize(
    ("latitude", "reference"),
    [((91, 0, 0), "N"), ((45, 0, 0), "X"), ((45, 0), "N"), ((float("nan"), 0, 0), "N")],
)
def test_a_place_that_cannot_be_is_absent(latitude, reference):
    meta = pictures.camera_exif()
    gps = meta.get_ifd(ExifTags.IFD.GPSInfo)
    gps[pictures.GPS.GPSLatitude] = tuple(
        pictures.rational(part) if part == part else pictures.TiffImagePlugin.IFDRational(0, 0) for part in latitude
    )
    gps[pictures.GPS.GPSLatitudeRef] = reference
    read = subject.read(pictures.jpeg(meta=meta), LIMIT, strip=False)
    assert read.exif.location is None
    assert read.exif.camera == "Acme P9"


def test_broken_exif_does_not_cost_the_photo():
    read = subject.read(pictures.jpeg(meta=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\x41" * 60), LIMIT, strip=False)
    assert (read.width, read.exif.camera) == (320, None)
