"""What a move is at, in a file that the controller reads."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path("/run/flashtier-move")
#: What the controller asked for, what it is at, and that it has stopped the member.
PLAN, STATE, STOPPED = "plan.json", "state.json", "stopped"


class Report:
    """`folder` holds the state. Each change is a line in the journal, too."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder
        self._state: dict[str, Any] = {"number": number, "phase": "", "since": 0.0, "done": 0, "all": 0}
        self._seconds: dict[str, float] = {}
        self._begun = time.monotonic()

    def phase(self, name: str) -> None:
        """From now on it does this."""
        self._count()
        self._state |= {"phase": name, "since": time.time(), "done": 0, "all": 0}
        self._begun = time.monotonic()
        print(name, file=sys.stderr, flush=True)
        self._write()

    def progress(self, done: int, whole: int) -> None:
        """Bytes, of the phase."""
        self._state |= {"done": done, "all": whole}
        self._write()

    def end(self, error: str = "", **figures: float) -> None:
        """`error` is "" where it went well; `figures` are kept with the seconds of each phase."""
        self._count()
        self._state |= {"phase": "ended", "error": error, "seconds": self._seconds, "figures": figures}
        print(error or "ended well", file=sys.stderr, flush=True)
        self._write()

    def _count(self) -> None:
        if self._state["phase"]:
            name = self._state["phase"]
            self._seconds[name] = round(self._seconds.get(name, 0) + time.monotonic() - self._begun, 2)

    def _write(self) -> None:
        unfinished = self.folder / f"{STATE}.new"
        unfinished.write_text(json.dumps(self._state | {"at": time.time()}))
        unfinished.replace(self.folder / STATE)
