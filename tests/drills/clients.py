"""Clients outside the hosts that call at a rate of their own, each in a thread, while a block runs."""

from __future__ import annotations

import itertools
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

#: Seconds to connect, and without a byte. The edge answers earlier.
DEADLINE = (5, 30)


@dataclass
class Clients(ABC):
    """`rate` calls a second by `threads` clients. A call is due at its time, whatever came of the last."""

    rate: float = field(kw_only=True)
    threads: int = field(kw_only=True)

    def __enter__(self) -> Self:
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._numbers = itertools.count()
        self._begun = time.monotonic()
        self._running = [threading.Thread(target=self._client, daemon=True) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join(sum(DEADLINE) + 5)
        assert not any(thread.is_alive() for thread in self._running), "a client did not end"

    def _next(self) -> tuple[int, float] | None:
        """Number and time of this client's next call, at that time; None at the end."""
        with self._lock:
            number = next(self._numbers)
        due = self._begun + number / self.rate
        return None if self._stop.wait(max(0.0, due - time.monotonic())) else (number, due)

    @abstractmethod
    def _client(self) -> None:
        """Call each time that `_next` says so."""
