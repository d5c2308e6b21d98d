"""The host image, imported into the stack's project so that it goes with the stack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from infra.errors import FlashtierError
from infra.local.image import METADATA, ROOTFS, images_dir
from infra.local.lxd import Lxd
from infra.local.names import MARK
from infra.local.provider.resource import Found, Resource, parts
from infra.local.provider.schema import Failure, ImageInputs

#: Image property that names the recipe; an image is known by it, as its fingerprint is LXD's to give.
RECIPE = "user.flashtier.recipe"
_BLOCK = 1 << 20
_BOUNDARY = "flashtier-image-parts"


class Image(Resource[ImageInputs]):
    model = ImageInputs

    def __init__(self, cancelled: threading.Event, say: Callable[[str], None]) -> None:
        super().__init__(cancelled, say)
        self._one_at_a_time = threading.Lock()

    def check(self, olds: Mapping[str, Any], news: ImageInputs) -> list[Failure]:
        if olds.get("recipe") == news.recipe:  # imported already: the files are not needed any more
            return []
        return [
            Failure(
                property=name, reason=f"{name} = {path!r}: there is no such file; tools/image/build makes it"
            )
            for name, path in (("metadataFile", news.metadata_file), ("rootfsFile", news.rootfs_file))
            if not Path(path).is_file()
        ]

    def identity(self, inputs: ImageInputs) -> str:
        return f"{inputs.project}/{inputs.recipe}"

    def converge(self, inputs: ImageInputs) -> dict[str, Any]:
        lxd = self.lxd(inputs.project)
        with self._one_at_a_time:
            lxd.settle()
            found = _find(lxd, inputs)
            if found is None:
                _import(lxd, inputs)
                found = _find(lxd, inputs)
        if found is None:
            raise FlashtierError(
                f"image {inputs.recipe}: LXD does not list it after its import; run it again"
            )
        return {"fingerprint": found}

    def read(self, inputs: ImageInputs) -> Found | None:
        if self.lxd().get("projects", inputs.project) is None:
            return None
        found = _find(self.lxd(inputs.project), inputs)
        return None if found is None else Found(inputs.wire(), {"fingerprint": found})

    def adopt(self, identity: str, stack: str) -> Found | None:
        project, recipe = parts(identity, "PROJECT/RECIPE")
        built = images_dir() / recipe
        files = {"metadata_file": str(built / METADATA), "rootfs_file": str(built / ROOTFS)}
        return self.read(ImageInputs(stack=stack, project=project, recipe=recipe, **files))

    def delete(self, inputs: ImageInputs) -> None:
        if self.lxd().get("projects", inputs.project) is None:
            return
        lxd = self.lxd(inputs.project)
        if (found := _find(lxd, inputs)) is not None:
            lxd.delete("images", found)


def recipes(lxd: Lxd, stack: str) -> list[str]:
    """The recipes of the stack's images that are there."""
    return [properties[RECIPE] for properties in _images(lxd, stack).values()]


def _find(lxd: Lxd, inputs: ImageInputs) -> str | None:
    for fingerprint, properties in _images(lxd, inputs.stack).items():
        if properties[RECIPE] == inputs.recipe:
            return fingerprint
    return None


def _images(lxd: Lxd, stack: str) -> dict[str, dict[str, str]]:
    """The stack's images: fingerprint -> properties."""
    found = {}
    for fingerprint in lxd.names("images"):
        properties = (lxd.get("images", fingerprint) or {}).get("properties") or {}
        if properties.get(MARK) == stack and RECIPE in properties:
            found[fingerprint] = properties
    return found


def _import(lxd: Lxd, inputs: ImageInputs) -> None:
    lxd.upload(
        "images",
        data=_multipart((("metadata", Path(inputs.metadata_file)), ("rootfs", Path(inputs.rootfs_file)))),
        headers={
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "X-LXD-public": "0",
            "X-LXD-properties": urlencode({MARK: inputs.stack, RECIPE: inputs.recipe}),
        },
    )


def _multipart(parts: tuple[tuple[str, Path], ...]) -> Iterator[bytes]:
    """The files as LXD's split image format takes them, a block at a time: they are too large for memory."""
    for name, path in parts:
        yield (
            f"--{_BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="{name}"; filename="{path.name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
        yield b"\r\n"
    yield f"--{_BOUNDARY}--\r\n".encode()
