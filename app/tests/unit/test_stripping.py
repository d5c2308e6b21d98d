"""With `strip` a stored photo has its picture, orientation, camera and time, and no byte that may say where."""

from __future__ import annotations

import io

import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps

from photo_api import jpeg
from tests import pictures

LIMIT = 1_000_000
PLACE = b"33deg51min-Bennelong-Point"


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def with_places_everywhere(orientation: int = 6) -> bytes:
    """EXIF with GPS, maker note and thumbnail; XMP, IPTC, a comment, MPF; and a video behind the picture."""
    meta = pictures.camera_exif()
    meta[ExifTags.Base.Orientation] = orientation
    meta[ExifTags.Base.Artist] = "Jane of " + PLACE.decode()
    meta.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = PLACE
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = pictures.jpeg((64, 48), meta=meta, icc_profile=profile)
    more = (
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<exif:GPSLatitude>" + PLACE)
        + segment(0xED, b"Photoshop 3.0\0" + PLACE)
        + segment(0xE2, b"MPF\0" + PLACE)
        + segment(0xEB, b"JP" + PLACE)
        + segment(0xFE, PLACE)
    )
    return data[:2] + more + data[2:] + b"\0\0\0\x18ftypmp42" + PLACE + data


@pytest.fixture(scope="module")
def sent() -> bytes:
    return with_places_everywhere()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_no_byte_says_where(sent):
    kept = jpeg.read(sent, LIMIT, strip=True)
    assert PLACE in sent
    assert PLACE not in kept.content
    exif = opened(kept.content).getexif()
    assert exif.get_ifd(ExifTags.IFD.GPSInfo) == {}
    assert set(exif) == {ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Orientation, ExifTags.IFD.Exif}
    assert kept.exif.location is None


def test_the_picture_is_the_same(sent):
    kept = jpeg.read(sent, LIMIT, strip=True).content
    assert opened(kept).tobytes() == opened(sent).tobytes()
    assert opened(kept).info["icc_profile"] == opened(sent).info["icc_profile"]
    upright = [ImageOps.exif_transpose(opened(data)).size for data in (sent, kept)]
    assert upright == [(48, 64)] * 2


def test_camera_and_time_stay(sent):
    plain, kept = jpeg.read(sent, LIMIT, strip=False), jpeg.read(sent, LIMIT, strip=True)
    assert (kept.exif.camera, kept.exif.taken_at) == (plain.exif.camera, plain.exif.taken_at)
    again = jpeg.read(kept.content, LIMIT, strip=False)
    assert (again.exif.camera, again.exif.taken_at) == (plain.exif.camera, plain.exif.taken_at)


def test_stripped_twice_is_the_same_file(sent):
    once = jpeg.read(sent, LIMIT, strip=True)
    assert jpeg.read(once.content, LIMIT, strip=True).content == once.content


def test_keep_keeps_every_byte(sent):
    kept = jpeg.read(sent, LIMIT, strip=False)
    assert kept.content == sent
    assert kept.exif.location is not None


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 10}, {"subsampling": 0}, {"optimize": True}])
def test_every_common_kind(options):
    sent = pictures.jpeg(meta=pictures.camera_exif(), **options)
    assert opened(jpeg.read(sent, LIMIT, strip=True).content).tobytes() == opened(sent).tobytes()


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_print_colours(mode):
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").convert(mode).save(out, "JPEG")
    kept = jpeg.read(out.getvalue(), LIMIT, strip=True).content
    assert opened(kept).mode == mode
    assert opened(kept).tobytes() == opened(out.getvalue()).tobytes()


@pytest.mark.parametrize("restart", [1, 7])
def test_restart_markers_are_data(restart):
    sent = pictures.jpeg(restart_marker_blocks=restart)
    assert b"\xff\xd0" in sent
    assert opened(jpeg.read(sent, LIMIT, strip=True).content).tobytes() == opened(sent).tobytes()


def test_broken_exif_is_left_out():
    sent = pictures.jpeg(meta=b"Exif\0\0II*\0\xff\xff\xff\xff" + PLACE)
    kept = jpeg.read(sent, LIMIT, strip=True)
    assert PLACE not in kept.content
    assert opened(kept.content).tobytes() == opened(sent).tobytes()
