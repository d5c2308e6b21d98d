"""Ends a hold as soon as what it was for is over: `python -m holding.release FILE LEASE PID`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from follower.etcd import EtcdError
from holding.config import read
from holding.hold import LASTS, PERIOD, Hold
from holding.server import Server


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


def main() -> int:
    """For a server that is stopped: FILE is Patroni's, LEASE the hold's, PID that of the server."""
    config = read(Path(sys.argv[1]))
    hold = Hold(config, "its server stops")
    hold.lease = sys.argv[2]
    server, pid = Server(config.data, config.programs), int(sys.argv[3])
    when_over(hold, lambda: server.serves_after(pid), lambda line: print(f"before_stop: {line}", flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
