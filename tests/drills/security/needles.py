"""What to look for where nothing of a secret may be seen: each value in every form a program may write it in.

Whole forms only, and none that is short, so that a hit is a hit.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path

#: Name of a secret -> the byte strings that give it away.
Needles = dict[str, list[bytes]]

#: Shorter forms would be found by accident.
_SHORTEST = 16


def needles(secrets: Mapping[str, str]) -> Needles:
    return {name: forms(value) for name, value in secrets.items()}


def forms(value: str) -> list[bytes]:
    """Plain, escaped for JSON and shells, URL-encoded, hexadecimal and base64 at each of its three phases.

    Of a text with several lines (a key in PEM) each line that is not a header counts as well: a program that
    indents or joins lines still shows them.
    """
    plain = value.strip().encode()
    found = {
        plain,
        json.dumps(value.strip()).strip('"').encode(),
        urllib.parse.quote(value.strip(), safe="").encode(),
        urllib.parse.quote_plus(value.strip()).encode(),
        plain.hex().encode(),
        plain.hex().upper().encode(),
        repr(value.strip()).strip("'\"").encode(),
    }
    for phase in range(3):
        found |= _encoded(plain, phase)
    if "\n" in value.strip():
        found |= {line.encode() for line in value.split() if len(line) >= 40 and "-----" not in line}
        found |= {body for line in value.split() if len(line) >= 40 for body in _encoded(line.encode(), 0)}
    return sorted(form for form in found if len(form) >= _SHORTEST)


def _encoded(plain: bytes, phase: int) -> set[bytes]:
    """Base64 of `plain` after `phase` bytes: without the characters that its neighbours have a part in."""
    text = base64.b64encode(bytes(phase) + plain)
    first = -(-phase * 8 // 6)
    whole = (phase + len(plain)) * 8 // 6
    kept = text[first:whole]
    return {kept, kept.replace(b"+", b"-").replace(b"/", b"_")}


class Finder:
    """Tells which secrets a text gives away."""

    def __init__(self, wanted: Needles) -> None:
        self._name = {form: name for name, all_forms in wanted.items() for form in all_forms}
        self._any = re.compile(b"|".join(re.escape(form) for form in sorted(self._name, reverse=True)))

    def names(self, text: bytes) -> set[str]:
        return {self._name[found] for found in self._any.findall(text)}


def patterns(wanted: Needles) -> bytes:
    """One a line, for `grep --fixed-strings --file=-`: the values then are in no command line."""
    single = {form for all_forms in wanted.values() for form in all_forms if b"\n" not in form}
    return b"\n".join(sorted(single)) + b"\n"


def first_line(path: Path) -> str:
    """The first line of a file that holds one secret."""
    return path.read_text().split("\n", 1)[0].strip()


def named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
