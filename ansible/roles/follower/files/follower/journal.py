"""What a daemon says, for systemd's journal."""

from __future__ import annotations

import queue
import threading
import time


class Journal:
    """Lines with the time of day in milliseconds, written by a thread: nothing waits for them."""

    def __init__(self) -> None:
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self.thread.start()

    def say(self, line: str) -> None:
        now = time.time()
        stamp = time.strftime("%H:%M:%S", time.gmtime(now))
        self.lines.put(f"{stamp}.{int(now % 1 * 1000):03d} {line}")

    def close(self) -> None:
        self.lines.put(None)
        self.thread.join(timeout=1)

    def _write(self) -> None:
        while (line := self.lines.get()) is not None:
            print(line, flush=True)
