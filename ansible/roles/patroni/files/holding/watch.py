"""flashtier-postmaster: `python -m holding.watch /etc/patroni/patroni.yml`, as a unit of systemd.

Patroni is not the server's parent and finds out in its next turn that it has ended. Here the kernel says so:
where the leader's server ended by anything but a shutdown, Patroni is woken and the web hosts hold at once. A
pause of Patroni that no one declared, or whose time is over, is ended (pause.py).
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import threading
import time
from pathlib import Path

from holding.config import Config, read
from holding.hold import Hold
from holding.pause import Pause
from holding.release import when_over
from holding.server import Postmaster, Server

#: Seconds between two looks for a server where none runs.
PERIOD = 0.2
#: Seconds after which the login at etcd is used once, so that it is there when it counts.
KEPT = 60
#: Seconds for Patroni to answer.
WAKES = 2


class Watch:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.server = Server(config.data, config.programs)
        self.hold = self._new_hold()

    def run(self) -> None:
        """For ever."""
        while True:
            postmaster = self.server.postmaster()
            if postmaster is None:
                time.sleep(PERIOD)
                continue
            try:
                self._until_its_end(postmaster)
            finally:
                postmaster.close()
            self.ended(postmaster.pid)

    def ended(self, pid: int) -> None:
        """A shutdown is Patroni's, which knows of it. A standby's end holds no one up."""
        if self.server.is_standby() or self.server.ended_as() != "in production":
            return
        _say(f"the server ({pid}) ended without a shutdown")
        waking = threading.Thread(target=self._wake, daemon=True)
        waking.start()
        if self.hold.take():
            when_over(self.hold, lambda: self.server.serves_after(pid), _say)
        else:
            # What was asked may be answered yet, and each connection serves one thread.
            self.hold = self._new_hold()
        waking.join(WAKES)

    def _until_its_end(self, postmaster: Postmaster) -> None:
        self.hold.leads()
        while not postmaster.ends_within(KEPT):
            self.hold.leads()

    def _new_hold(self) -> Hold:
        return Hold(self.config, "its server ended without a shutdown")

    def _wake(self) -> None:
        """A change of a key that the settings do not have changes nothing, and wakes Patroni's loop."""
        login = self.config.rest_login
        basic = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
        connection = http.client.HTTPSConnection(
            self.config.rest, timeout=WAKES, context=self.config.context and self.config.context()
        )
        try:
            connection.request(
                "PATCH",
                "/config",
                json.dumps({"flashtier_wake": None}),
                {"Authorization": f"Basic {basic}", "Content-Type": "application/json"},
            )
            status = connection.getresponse().status
            if status != http.client.OK:
                raise OSError(f"status {status}")
        except (OSError, http.client.HTTPException) as error:
            _say(f"Patroni was not woken: {error}; it finds out in its next turn")
        finally:
            connection.close()


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    try:
        config = read(Path(sys.argv[1]))
    except (OSError, ValueError) as error:
        print(f"flashtier-postmaster: {error}", file=sys.stderr)
        return 2
    threading.Thread(target=Pause(config, _say).run, daemon=True).start()
    Watch(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
