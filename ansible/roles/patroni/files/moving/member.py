"""The member on this host: what the cluster says of it, and its stop and start."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from holding.config import Config
from holding.server import Server
from moving.errors import MoveError, run

UNIT = "patroni.service"
#: Seconds. Its unit has 15 minutes to write what the buffers hold.
STOPS = 960
STARTS = 120
#: Seconds for it to replay what it missed, and to count as a copy again.
FOLLOWS = 3600
#: Seconds for Patroni to answer.
ANSWERS = 5
#: Seconds between two questions.
PERIOD = 0.5
#: Bytes that another member may be behind: what it has to replay before it can lead is time without one.
BEHIND = 16 << 20


class Member:
    def __init__(self, config: Config, synchronous: bool) -> None:
        self.config = config
        self.name = config.name
        self.synchronous = synchronous

    def may_leave(self) -> None:
        """Raises `MoveError` unless it follows, and all others are there and count."""
        cluster = self._cluster()
        if cluster.get("pause"):
            raise MoveError(
                f"{self.name}: Patroni is paused (maintenance); end that, then start the move again"
            )
        members: list[dict[str, Any]] = cluster.get("members", [])
        leaders = [member["name"] for member in members if member["role"] == "leader"]
        if self.name in leaders:
            raise MoveError(
                f"{self.name} leads now; start the move again: it goes on with a member that follows"
            )
        if len(leaders) != 1:
            raise MoveError(f"{self.name}: {len(leaders) or 'no'} members lead; wait until one does")
        others = [member for member in members if member["name"] not in (self.name, *leaders)]
        out = [
            member["name"] for member in members if member["role"] != "leader" and not self._counts(member)
        ]
        if out or not others:
            raise MoveError(
                f"{self.name} stays: {', '.join(out) or 'no other member'} does not stream as a copy that"
                " commits wait for; with one member less writes would wait"
            )
        late = [member["name"] for member in others if not _is_close(member.get("lag"))]
        if late:
            raise MoveError(
                f"{self.name} stays: {', '.join(late)} is more than {BEHIND >> 20} MiB behind; wait until it"
                " has caught up"
            )

    def stop(self) -> None:
        """Raises `MoveError` unless the server has written all that it received and ended as a standby."""
        run(["systemctl", "stop", UNIT], STOPS)
        server = Server(self.config.data, self.config.programs)
        if (left := server.postmaster()) is not None:
            left.stop()
            ended = left.ends_within(STOPS)
            left.close()
            if not ended:
                raise MoveError(f"{self.name}: its server ({left.pid}) does not end")
        if (state := server.ended_as()) != "shut down in recovery":
            raise MoveError(
                f"{self.name}: its server ended as '{state}', not as a standby that was shut down"
            )

    def start(self) -> None:
        run(["systemctl", "start", UNIT], STARTS)

    def is_up(self) -> bool:
        """Whether systemd has it running, or on its way."""
        said = run(["systemctl", "show", "--property=ActiveState", "--value", UNIT], 30)
        return said.strip() in ("active", "activating", "reloading")

    def wait_until_it_counts(self) -> None:
        """Raises `MoveError` after an hour."""
        end = time.monotonic() + FOLLOWS
        said = "no answer"
        while time.monotonic() < end:
            try:
                own = [one for one in self._cluster().get("members", []) if one["name"] == self.name]
                if own and (own[0]["role"] == "leader" or self._counts(own[0])):
                    return
                said = f"{own[0]['role']}, {own[0]['state']}" if own else "not a member"
            except MoveError as error:
                said = str(error)
            time.sleep(PERIOD)
        raise MoveError(f"{self.name}: does not follow after {FOLLOWS} s ({said}); its journal says why")

    def received(self) -> int:
        """The position in the WAL up to which it has received; 0 where it does not say."""
        xlog = self._ask("/patroni").get("xlog", {})
        return int(xlog.get("received_location") or xlog.get("location") or 0)

    def _counts(self, member: dict[str, Any]) -> bool:
        """Whether it streams and, where commits wait for copies, is one of those that they wait for."""
        role = member["role"] in ("quorum_standby", "sync_standby") or not self.synchronous
        return bool(member.get("state") == "streaming" and role)

    def _cluster(self) -> dict[str, Any]:
        return self._ask("/cluster")

    def _ask(self, path: str) -> dict[str, Any]:
        context = self.config.context() if self.config.context else None
        connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(self.config.rest, timeout=ANSWERS, context=context)
            if context
            else http.client.HTTPConnection(self.config.rest, timeout=ANSWERS)
        )
        try:
            connection.request("GET", path)
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise MoveError(f"{self.name}: Patroni at {self.config.rest} does not answer: {error}") from error
        finally:
            connection.close()
        return found


def _is_close(lag: object) -> bool:
    """Patroni says `unknown` where it does not know."""
    return isinstance(lag, int) and lag <= BEHIND
