"""Which image the hosts of this checkout boot from, and where its build lies.

An image is known by the hash of its recipe, tools/image/, so that a changed recipe is another image and two
checkouts with the same recipe share one. Only the standard library here: tools/image/build runs before the
venv exists.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from infra.errors import FlashtierError
from infra.paths import ROOT, cache_dir

RECIPE = ROOT / "tools" / "image"

#: Files of a finished build. `manifest.json` is written last: where it is missing, nothing is whole.
ROOTFS = "rootfs.squashfs"
METADATA = "metadata.tar.xz"
MANIFEST = "manifest.json"


def recipe_hash(recipe: Path = RECIPE) -> str:
    """16 hex digits over names, executable bits and contents of the recipe's files."""
    digest = hashlib.sha256()
    for path in sorted(recipe.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            executable = path.stat().st_mode & 0o100 != 0
            digest.update(f"{path.relative_to(recipe)}\0{executable}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def images_dir() -> Path:
    return cache_dir() / "images"


def expected_path() -> Path:
    """Where the image of this checkout's recipe lies, or will lie once it is built."""
    return images_dir() / recipe_hash()


def image_path() -> Path:
    """The directory of the built image (`ROOTFS`, `METADATA`, `MANIFEST`). Raises `FlashtierError`."""
    path = expected_path()
    if not (path / MANIFEST).is_file():
        raise FlashtierError(
            f"{path}: the hosts' image is not built; run tools/image/build (about a minute, as root)"
        )
    return path
