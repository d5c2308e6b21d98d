"""Changes of ours to a locked wheel: unified diffs, each against that wheel as it was published.

A diff must fit to the letter, at the line that it names, and no two change the same place: each can go alone.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .project import Failed

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass
class _Edits:
    """What becomes of the lines of one file: their numbers count from 0, as published."""

    removed: dict[int, str] = field(default_factory=dict)
    #: Lines that come before the one of this number.
    inserted: dict[int, list[str]] = field(default_factory=dict)
    by: dict[int, str] = field(default_factory=dict)

    def claim(self, line: int, patch: str) -> None:
        if self.by.setdefault(line, patch) != patch:
            raise Failed(f"{patch}: changes line {line + 1} as {self.by[line]} does; make one patch of them")


def applied(texts: Mapping[str, str], patches: Iterable[Path]) -> dict[str, str]:
    """The files that `patches` change, by name, as they become. `texts` has what was published."""
    edits: dict[str, _Edits] = {}
    for patch in patches:
        _read(patch, texts, edits)
    return {name: _edited(texts[name], found) for name, found in edits.items()}


def _read(patch: Path, texts: Mapping[str, str], edits: dict[str, _Edits]) -> None:
    name, lines, at, old, new = "", [""], 0, 0, 0
    for line in patch.read_text().splitlines(keepends=True):
        # A blank line of context may have lost the space that it starts with.
        kind, text = (line[0], line[1:]) if line != "\n" else (" ", line)
        if old or new:  # in a hunk: `old` and `new` lines are still to come
            if kind not in " +-" or (kind in " -" and lines[at : at + 1] != [text]):
                raise Failed(f"{patch.name}: {name}: line {at + 1}: not {text.rstrip()!r}; make it again")
            if kind != " ":
                edits[name].claim(at, patch.name)
            if kind == "-":
                edits[name].removed[at] = patch.name
            if kind == "+":
                edits[name].inserted.setdefault(at, []).append(text)
            old, new = old - (kind in " -"), new - (kind in " +")
            at += kind in " -"
        elif line.startswith("--- a/"):
            name = line[len("--- a/") :].strip()
            if name not in texts:
                raise Failed(f"{patch.name}: {name}: the wheel has no such file")
            lines = texts[name].splitlines(keepends=True)
            edits.setdefault(name, _Edits())
        elif name and (hunk := HUNK.match(line)):
            at = int(hunk[1]) - 1
            old, new = int(hunk[2] or 1), int(hunk[4] or 1)
    if not name or old or new:
        raise Failed(f"{patch.name}: not a whole unified diff; make it again")


def _edited(text: str, edits: _Edits) -> str:
    lines = text.splitlines(keepends=True)
    out: list[str] = []
    for number in range(len(lines) + 1):
        out += edits.inserted.get(number, [])
        if number < len(lines) and number not in edits.removed:
            out.append(lines[number])
    return "".join(out)


def rebuild(wheel: Path, patches: Iterable[Path], local: str) -> Path:
    """The wheel with `patches` and the local version `local`, next to `wheel`, which goes."""
    name, version, tags = wheel.name.removesuffix(".whl").split("-", 2)
    changed = f"{version}+{local}"
    with zipfile.ZipFile(wheel) as archive:
        # RECORD comes last, as the format wants it.
        members = [info for info in archive.infolist() if not info.filename.endswith(".dist-info/RECORD")]
        content = {info.filename: archive.read(info) for info in members}
    texts = {path: data.decode() for path, data in content.items() if path.endswith(".py")}
    content |= {path: text.encode() for path, text in applied(texts, patches).items()}
    info, other = f"{name}-{version}.dist-info", f"{name}-{changed}.dist-info"
    metadata = content[f"{info}/METADATA"].decode()
    content[f"{info}/METADATA"] = metadata.replace(
        f"\nVersion: {version}\n", f"\nVersion: {changed}\n", 1
    ).encode()
    made = wheel.with_name(f"{name}-{changed}-{tags}.whl")
    record: list[tuple[str, str, str]] = []
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            path = re.sub(f"^{re.escape(info)}/", f"{other}/", member.filename)
            data = content[member.filename]
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append((path, f"sha256={digest}", str(len(data))))
            _add(archive, path, data, member)
        record.append((f"{other}/RECORD", "", ""))
        listing = io.StringIO()
        csv.writer(listing, lineterminator="\n").writerows(record)
        _add(archive, f"{other}/RECORD", listing.getvalue().encode(), members[-1])
    wheel.unlink()
    return made


def _add(archive: zipfile.ZipFile, path: str, data: bytes, like: zipfile.ZipInfo) -> None:
    info = zipfile.ZipInfo(path, like.date_time)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, like.external_attr
    archive.writestr(info, data)
