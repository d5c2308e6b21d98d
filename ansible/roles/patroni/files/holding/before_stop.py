"""Patroni's `before_stop`: `python -m holding.before_stop /etc/patroni/patroni.yml`.

Patroni runs it before each stop of the server, and goes on whatever it ends with. On the member that leads it
has the web hosts hold new statements, stops the server, and waits for its end by its pidfd: Patroni asks once
a second. Where the leader's key is another's, or etcd is silent, it does nothing: that stop must not wait.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from holding.config import read
from holding.hold import Hold
from holding.release import when_over
from holding.server import Server

#: Seconds in which the followers answer. One that is late keeps no other waiting.
HELD = 0.5
#: Seconds for the server to end; then Patroni goes on by its own rules (`primary_stop_timeout`).
ENDS = 8


def run(server: Server, hold: Hold, after: Callable[[Callable[[], None]], None]) -> str:
    """What it did. `after` runs what outlives this program."""
    postmaster = server.postmaster()
    if postmaster is None:
        return "nothing to hold: no server runs"
    try:
        if server.is_standby():
            return "nothing to hold: the server is a standby"
        if not hold.take():
            return "nothing held: another member leads, or etcd does not answer"
        late = hold.wait_held(HELD)
        after(lambda: when_over(hold, lambda: server.serves_after(postmaster.pid), _say))
        begun = time.monotonic()
        postmaster.stop()
        ended = postmaster.ends_within(ENDS)
    finally:
        postmaster.close()
    return (
        ("held" + (f", but not by {', '.join(late)}" if late else ""))
        + f"; server {'ended' if ended else 'not ended'} after {time.monotonic() - begun:.3f} s"
    )


def _beside(work: Callable[[], None]) -> None:
    """In a process of its own, for which Patroni does not wait."""
    if os.fork():
        return
    os.setsid()
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def _say(line: str) -> None:
    print(f"before_stop: {line}", file=sys.stderr, flush=True)


def main() -> int:
    try:
        config = read(Path(sys.argv[1]))
        _say(run(Server(config.data, config.programs), Hold(config, "its server stops"), _beside))
    except (OSError, ValueError) as error:
        _say(f"nothing held: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
