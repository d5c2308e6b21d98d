"""Reads an uploaded file as a JPEG, whole, and takes from its EXIF what the API keeps.

Nothing a client sends is trusted: size and number of scans are checked from the file's structure before anything is
decoded, and the picture is decoded to its end so that a broken or truncated file is refused now and not by the first
reader.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from photo_api import exif, stripping
from photo_api.jpeg_segments import walk

#: A baseline picture has one scan, a progressive one 8 to 14. Each scan walks all blocks again, so that a small file
#: of many empty scans keeps a decoder busy for minutes.
MAX_SCANS = 100
#: Of a picture with `max_pixels`; a smaller one may have more. Measured: 1 to 10 ms a megapixel for a plain picture,
#: and 1 ms more for each scan that holds little.
SCANS_AT_MAX_PIXELS = 16


class NotAJpeg(Exception):
    """The file is refused; the message says why, `kind` is for programs and metrics."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


@dataclass(frozen=True)
class Jpeg:
    """What is known of a picture. `content` is what is kept; `size_bytes` and `sha256` are of it."""

    width: int
    height: int
    content: bytes
    sha256: bytes
    exif: exif.Exif

    @property
    def size_bytes(self) -> int:
        return len(self.content)


def read(data: bytes, max_pixels: int, *, strip: bool) -> Jpeg:
    """Decode `data` to its end. Raises `NotAJpeg`. CPU-bound: run it in a thread.

    With `strip` what may say where the picture was taken is not kept (see `stripping`).
    """
    if not data:
        raise NotAJpeg("empty", "the file is empty; send the bytes of a JPEG")
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
        raise NotAJpeg("broken", f"the JPEG's header cannot be read ({error}); save it again") from error
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise NotAJpeg(
                "too-many-pixels",
                f"the picture has {width} x {height} pixels, at most {max_pixels} are accepted; scale it down",
            )
        structure = walk(data, MAX_SCANS)
        _check_scans(structure.scans, width * height, max_pixels)
        found = exif.read(image)
        content = stripping.strip(data, structure, image) if strip else data
        try:
            # Decodes every block, but keeps an eighth of each dimension: the check costs 1/64 of the memory.
            image.draft(None, (max(1, width // 8), max(1, height // 8)))
            image.load()
        except (OSError, ValueError, SyntaxError) as error:
            raise NotAJpeg("broken", f"the JPEG cannot be decoded ({error}); send the whole file") from error
    if strip:
        found = exif.Exif(found.taken_at, found.camera, None)
    return Jpeg(width, height, content, hashlib.sha256(content).digest(), found)


def _check_scans(scans: int, pixels: int, max_pixels: int) -> None:
    if scans > MAX_SCANS:
        raise NotAJpeg("too-many-scans", f"the JPEG has more than {MAX_SCANS} scans; save it as a baseline JPEG")
    budget = max_pixels * SCANS_AT_MAX_PIXELS
    if scans * pixels > budget:
        raise NotAJpeg(
            "too-many-scans",
            f"the JPEG has {scans} scans of {pixels} pixels, {scans * pixels} in all, at most {budget} are accepted; "
            "save it as a baseline JPEG",
        )
