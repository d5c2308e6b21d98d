"""The list of pools that pgbouncer.ini includes: which address each leads to, and its size."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MODE = 0o644


@dataclass(frozen=True)
class Pool:
    """A database as clients name it, and what stands behind it. `parameters` are those of pgBouncer."""

    name: str
    dbname: str
    parameters: Mapping[str, str | int]


def rendered(placed: Sequence[tuple[Pool, str]], port: int) -> str:
    """Each pool leads to the address beside it."""
    lines = [
        "; Written by flashtier-follower for the member that leads; what changes it here is lost.",
        "[databases]",
    ]
    for pool, address in placed:
        words = {"host": address, "port": port, "dbname": pool.dbname, **pool.parameters}
        lines.append(f"{pool.name} = " + " ".join(f"{key}={value}" for key, value in words.items()))
    return "\n".join([*lines, ""])


def address(text: str, pool: str) -> str:
    """Where the pool leads in a list; "" where it has no such pool."""
    found = re.search(rf"(?m)^{re.escape(pool)} = host=(\S+)", text)
    return found[1] if found else ""


def write(path: Path, text: str, mode: int = MODE) -> None:
    """Replace the file by a rename: a reader finds the old text or the new one."""
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
