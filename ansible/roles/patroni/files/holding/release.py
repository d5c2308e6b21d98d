"""Ends a hold as soon as what it was for is over."""

from __future__ import annotations

import time
from collections.abc import Callable

from follower.etcd import EtcdError
from holding.hold import LASTS, PERIOD, Hold


def when_over(hold: Hold, serves: Callable[[], bool], say: Callable[[str], None]) -> None:
    """Until this member leads no longer (the followers hold for that themselves), or serves again."""
    why = "its time is over"
    end = time.monotonic() + LASTS
    while time.monotonic() < end:
        if hold.leads() is False:
            why = "the leader's key is no longer this member's"
            break
        if serves():
            why = "the server takes writes again"
            break
        time.sleep(PERIOD)
    try:
        hold.release()
    except EtcdError as error:
        why += f"; its lease ends it: {error}"
    say(f"hold ended: {why}")
