"""What to search for where no secret may be: each value in every form in which a program may write it.

Whole forms only, and no short ones, so that every hit is a real one.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519


class Needles(dict[str, list[bytes]]):
    """Name of a secret -> the byte strings that reveal it. repr hides them from failing tests."""

    def __repr__(self) -> str:
        return f"<forms of {', '.join(self)}>"


#: Shorter forms would be found by accident.
_SHORTEST = 16


def needles(secrets: Mapping[str, str]) -> Needles:
    return Needles({name: forms(value) for name, value in secrets.items()})


def forms(value: str) -> list[bytes]:
    """Plain, escaped for JSON and shells, URL-encoded, hexadecimal and base64 at each of its three phases.

    Of a private key in PEM its number counts by itself, and each line that contains a part of it, however
    they are joined and indented; lines that are common to all keys, or that the public half has, do not.
    """
    text = value.strip()
    plain = text.encode()
    found = {
        plain,
        json.dumps(text).strip('"').encode(),
        repr(text).strip("'\"").encode(),
        urllib.parse.quote(text, safe="").encode(),
        urllib.parse.quote_plus(text).encode(),
        *_hexadecimal(plain),
    }
    for phase in range(3):
        found |= _encoded(plain, phase)
    if "PRIVATE KEY-----" in text:
        private = _number(plain)
        found |= _hexadecimal(private)
        for phase in range(3):
            found |= _encoded(private, phase)
        inside = [form for phase in range(3) for form in _encoded(private, phase)]
        parts = {form[at : at + _SHORTEST] for form in inside for at in range(len(form) - _SHORTEST + 1)}
        found |= {line.encode() for line in text.split() if any(part in line.encode() for part in parts)}
    return sorted(form for form in found if len(form) >= _SHORTEST)


def _number(pem: bytes) -> bytes:
    """The secret part of a private key, in the file's binary form."""
    openssh = b"OPENSSH" in pem
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    key = load(pem + b"\n", password=None)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.private_bytes_raw()
    assert isinstance(key, ec.EllipticCurvePrivateKey), (
        f"drills do not support keys of type {type(key).__name__}"
    )
    return key.private_numbers().private_value.to_bytes(key.key_size // 8, "big")


def _hexadecimal(plain: bytes) -> set[bytes]:
    return {plain.hex().encode(), plain.hex().upper().encode()}


def _encoded(plain: bytes, phase: int) -> set[bytes]:
    """Base64 of `plain` after `phase` bytes, without the characters that encode neighbouring bytes too."""
    text = base64.b64encode(bytes(phase) + plain)
    first = -(-phase * 8 // 6)
    whole = (phase + len(plain)) * 8 // 6
    kept = text[first:whole]
    return {kept, kept.replace(b"+", b"-").replace(b"/", b"_")}


class Finder:
    """Finds which secrets a text reveals."""

    def __init__(self, wanted: Needles) -> None:
        self._name = {form: name for name, all_forms in wanted.items() for form in all_forms}
        self._any = re.compile(b"|".join(re.escape(form) for form in sorted(self._name, reverse=True)))

    def names(self, text: bytes) -> set[str]:
        return {self._name[found] for found in self._any.findall(text)}


def first_line(path: Path) -> str:
    """The first line of a file that holds one secret."""
    return path.read_text().split("\n", 1)[0].strip()
