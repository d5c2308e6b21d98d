"""What becomes of a process that has lost one of its threads."""

from __future__ import annotations

import os
import threading
import traceback


def die_with_threads() -> None:
    """Without one of them it would be blind, and what it said last would stand. systemd starts it again."""

    def die(failure: threading.ExceptHookArgs) -> None:
        traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)
        os._exit(1)

    threading.excepthook = die
