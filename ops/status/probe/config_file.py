"""Patroni's own file, read by Python's standard library alone."""

from __future__ import annotations

import json
import re


def section(text: str, name: str) -> dict[str, str]:
    """The plain values of one section of Patroni's file. Hosts have no YAML reader for their own Python.

    Enough for the template that renders it: two spaces, `key: value`, the value bare or in quotes.
    """
    found: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            inside = line.split("#")[0].rstrip() == f"{name}:"
        elif inside and (pair := re.fullmatch(r"  (\w+): (.+)", line.rstrip())):
            found[pair[1]] = unquoted(pair[2])
    return found


def unquoted(value: str) -> str:
    """A YAML scalar of one line."""
    if value.startswith('"'):
        return str(json.loads(value))
    if value.startswith("'"):
        return value[1:-1].replace("''", "'")
    return value
