"""Patroni's `before_stop`: `python -m holding.before_stop /etc/patroni/patroni.yml`.

Patroni runs it before each stop of the server, and goes on whatever it ends with. On the member that leads it
has the web hosts hold new statements, stops the server, and waits for its end by its pidfd: Patroni asks once
a second. Where the leader's key is another's, or etcd is silent, it does nothing: that stop must not wait.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from holding.config import read
from holding.hold import Hold
from holding.server import Server

#: Seconds in which the followers answer. One that is late keeps no other waiting.
HELD = 0.5
#: Seconds for the server to end; then Patroni goes on by its own rules, whose time begins then.
ENDS = 2


def run(server: Server, hold: Hold, after: Callable[[str, int], object]) -> str:
    """What it did. `after`, given lease and number of the server, starts what ends the hold."""
    postmaster = server.postmaster()
    if postmaster is None:
        return "nothing to hold: no server runs"
    try:
        if server.is_standby():
            return "nothing to hold: the server is a standby"
        if not hold.take():
            return "nothing held: another member leads, or etcd does not answer"
        late = hold.wait_held(HELD)
        begun = time.monotonic()
        postmaster.stop()
        ended = postmaster.ends_within(ENDS)
        seconds = time.monotonic() - begun
        after(hold.lease, postmaster.pid)
    finally:
        postmaster.close()
    return (
        "held" + (f", but not by {', '.join(late)}" if late else "")
    ) + f"; server {'ended' if ended else 'not ended'} after {seconds:.3f} s"


def _releasing(file: Path, lease: str, pid: int) -> object:
    """A process of its own, for which Patroni does not wait."""
    return subprocess.Popen(
        [sys.executable, "-Bm", "holding.release", file, lease, str(pid)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _say(line: str) -> None:
    print(f"before_stop: {line}", file=sys.stderr, flush=True)


def main() -> int:
    try:
        file = Path(sys.argv[1])
        config = read(file)
        hold = Hold(config, "its server stops")
        _say(run(Server(config.data, config.programs), hold, partial(_releasing, file)))
    except (OSError, ValueError) as error:
        _say(f"nothing held: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
