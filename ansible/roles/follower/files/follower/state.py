"""The state file: what people and `flashtier status` read, and what the next process goes on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from follower.holds import Memory
from follower.ini import write

BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id(path: Path = BOOT) -> str:
    """Monotonic times of another boot mean nothing."""
    return path.read_text().strip()


def save(path: Path, shown: dict[str, Any], memory: Memory, boot: str) -> None:
    write(
        path,
        json.dumps({**shown, "memory": {**memory.dumped(), "boot": boot}}, indent=1, sort_keys=True) + "\n",
    )


def load(path: Path, boot: str) -> Memory | None:
    """What the process before this one knew; None where there was none in this boot, or it cannot be read."""
    try:
        memory = json.loads(path.read_text())["memory"]
        return Memory.loaded(memory) if memory["boot"] == boot else None
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return None
