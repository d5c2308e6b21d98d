"""The certificates that the host serves with and trusts: they are public."""

from __future__ import annotations

import pathlib
from typing import Any


def certificates(question: dict[str, Any]) -> dict[str, str]:
    """Text of each file by its name: PEM, maybe several in one."""
    files = sorted(pathlib.Path(question["folder"]).glob("*.crt"))
    return {path.name: path.read_text() for path in files}
