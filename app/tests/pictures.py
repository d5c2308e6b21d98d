"""JPEG files for tests, made by Pillow and not kept as fixtures: what they hold can be read here."""

from __future__ import annotations

import io
from typing import Any

from PIL import ExifTags, Image, TiffImagePlugin

GPS = ExifTags.GPS


def rational(value: float) -> TiffImagePlugin.IFDRational:
    return TiffImagePlugin.IFDRational(round(value * 1000), 1000)


def exif(
    main: dict[int, Any] | None = None, detail: dict[int, Any] | None = None, gps: dict[int, Any] | None = None
) -> Image.Exif:
    made = Image.Exif()
    for tag, value in (main or {}).items():
        made[tag] = value
    made.get_ifd(ExifTags.IFD.Exif).update(detail or {})
    made.get_ifd(ExifTags.IFD.GPSInfo).update(gps or {})
    return made


def camera_exif() -> Image.Exif:
    """A phone's: maker, model, time with offset, and Sydney's opera house."""
    return exif(
        {ExifTags.Base.Make: "Acme", ExifTags.Base.Model: "Acme P9"},
        {ExifTags.Base.DateTimeOriginal: "2026:03:04 05:06:07", ExifTags.Base.OffsetTimeOriginal: "+11:00"},
        {
            GPS.GPSLatitudeRef: "S",
            GPS.GPSLatitude: (rational(33), rational(51), rational(24.48)),
            GPS.GPSLongitudeRef: "E",
            GPS.GPSLongitude: (rational(151), rational(12), rational(54.72)),
        },
    )


def jpeg(
    size: tuple[int, int] = (320, 240), *, seed: int = 0, meta: Image.Exif | bytes | None = None, **options: Any
) -> bytes:
    """A gradient that differs by `seed`."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.putpixel((0, 0), (seed % 256, seed // 256 % 256, 0))
    out = io.BytesIO()
    # Without subsampling and at full quality, so that one pixel's difference is a different file.
    image.save(out, "JPEG", quality=options.pop("quality", 95), exif=Image.Exif() if meta is None else meta, **options)
    return out.getvalue()


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (10, 10)).save(out, "PNG")
    return out.getvalue()
