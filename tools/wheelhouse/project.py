"""The projects whose wheels hosts install, and the name of what this checkout would install."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent.parent


class Failed(Exception):
    """One line: what could not be done, and what to do."""


@dataclass(frozen=True)
class Project:
    """A folder of the tree with pyproject.toml and uv.lock."""

    folder: Path
    #: The wheel that is built from the folder itself, as its file is named; None if it has no code.
    builds: str | None
    #: Files, and folders with all that is in them, that the wheels follow from.
    made_of: tuple[str, ...]
    #: The locked package that the files in patches/ change; its wheel gets the local version of the project.
    patched: str | None = None

    def sources(self) -> list[Path]:
        found: list[Path] = []
        for name in self.made_of:
            path = self.folder / name
            inside = sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
            found += inside if path.is_dir() else [path]
        return found

    def patches(self) -> list[Path]:
        return sorted((self.folder / "patches").glob("*.patch"))

    def version(self) -> str:
        text = (self.folder / "pyproject.toml").read_text()
        version = re.search(r'^version = "([^"]+)"', text, re.MULTILINE)
        if version is None:
            raise Failed(f"{self.folder}/pyproject.toml: has no version; write one")
        return version[1]

    def release_name(self, python: str, machine: str) -> str:
        digest = hashlib.sha256(f"{python} {machine}".encode())
        for path in self.sources():
            content = path.read_bytes()
            digest.update(f"\0{path.relative_to(self.folder)}\0{len(content)}\0".encode())
            digest.update(content)
        return f"{self.version()}-{digest.hexdigest()[:12]}"

    def without_wheel(self) -> set[str]:
        """The locked packages that their authors publish as source only."""
        packages = tomllib.loads((self.folder / "uv.lock").read_text())["package"]
        return {one["name"] for one in packages if "registry" in one["source"] and not one.get("wheels")}

    def archive(self, release: str) -> Path:
        return cache() / self.folder.name / f"{release}.tar"


def cache() -> Path:
    return Path(os.environ.get("FLASHTIER_CACHE") or "/var/cache/flashtier") / "wheels"


LOCKED = ("pyproject.toml", "uv.lock")
PROJECTS = {
    "app": Project(TREE / "app", "photo_api", (*LOCKED, "README.md", "src")),
    "patroni": Project(TREE / "patroni", None, (*LOCKED, "patches"), patched="patroni"),
}
