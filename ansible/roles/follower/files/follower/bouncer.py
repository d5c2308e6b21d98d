"""What the follower does to pgBouncer: pause and resume its pools, and point them at a member.

How the console behaves was read in pgBouncer 1.24.1 (src/admin.c, janitor.c, objects.c):
- `PAUSE db` holds new statements from that moment, and answers when no statement of any paused pool runs.
  It may be given again. `PAUSE` without a name could be given once only.
- It closes a login that is under way, and takes that for a failed one: until the next login, new statements
  would be refused.
- A leader that says nothing would keep it waiting for the statements sent to it. `KILL_CLIENT` ends these,
  client and server connection, and leaves the statements that wait alone; `KILL db` would end them all.
- While logins on a member fail, each new statement is refused at once. One that waited before the first of
  them failed goes on waiting, until `query_wait_timeout`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from follower.console import ConsoleError, Refused, Row, Session, quoted

#: Seconds that a planned pause waits for logins under way, and between two questions for them.
LOGINS = 0.05
STEP = 0.005
#: Seconds that statements under way have to end, before their clients are ended; then until it is given up.
GRACE = 0.3
PATIENCE = 1.0


@dataclass(frozen=True)
class State:
    """`paused` and `host` of each pool, as pgBouncer has them."""

    paused: dict[str, bool]
    hosts: dict[str, str]


@dataclass(frozen=True)
class Paused:
    """`done`: no statement is under way any more. `ended`: clients whose statement was ended."""

    done: bool
    ended: int
    seconds: float


class Bouncer:
    """pgBouncer on this host. Every method raises `ConsoleError` where it does not answer."""

    def __init__(self, socket_path: str, user: str, pools: Iterable[str]) -> None:
        self.socket_path = socket_path
        self.user = user
        self.pools = tuple(pools)
        self.session: Session | None = None

    def ask(self, command: str) -> list[Row]:
        """Over a session that is kept; once more over a new one where pgBouncer was restarted since."""
        if self.session is not None:
            try:
                return self.session.ask(command)
            except Refused:
                raise
            except ConsoleError:
                self.close()
        self.session = Session(self.socket_path, self.user)
        try:
            return self.session.ask(command)
        except Refused:
            raise
        except ConsoleError:
            self.close()
            raise

    def close(self) -> None:
        if self.session is not None:
            self.session.close()
            self.session = None

    def state(self) -> State:
        rows = {row["name"]: row for row in self.ask("SHOW DATABASES") if row["name"] in self.pools}
        if missing := set(self.pools) - set(rows):
            raise ConsoleError(f"pgBouncer has no pool {', '.join(sorted(missing))}")
        return State(
            {name: rows[name]["paused"] == "1" for name in self.pools},
            {name: rows[name]["host"] or "" for name in self.pools},
        )

    def reload(self) -> None:
        self.ask("RELOAD")

    def resume(self) -> None:
        """Those that are paused; a pool that is not is as it should be."""
        for name, paused in self.state().paused.items():
            if paused:
                self.ask(f"RESUME {quoted(name)}")

    def pause(self, planned: bool) -> Paused:
        """Hold all pools. Each has a session of its own, which waits for its answer."""
        began = time.monotonic()
        if planned:
            self._let_logins_end(began + LOGINS)
        waiting: list[Session] = []
        try:
            for name in self.pools:
                session = Session(self.socket_path, self.user)
                waiting.append(session)
                session.send(f"PAUSE {quoted(name)}")
            done, ended = self._drained(waiting, began), 0
            while not done and time.monotonic() < began + PATIENCE:
                ended += self._end_statements()
                done = self._answered(waiting, 0.05)
            return Paused(done, ended, time.monotonic() - began)
        finally:
            for session in waiting:
                session.close()

    def end_waiting(self, seconds: float) -> int:
        """End clients that have waited so long in a pool without a connection to the member; how many."""
        connected = ("sv_active", "sv_idle", "sv_used", "sv_tested")
        pools = [row for row in self.ask("SHOW POOLS") if row["database"] in self.pools]
        cut = {
            (row["database"], row["user"])
            for row in pools
            if int(row["cl_waiting"] or 0) and not any(int(row[state] or 0) for state in connected)
        }
        if not cut:
            return 0
        return self._kill(
            client
            for client in self.ask("SHOW CLIENTS")
            if (client["database"], client["user"]) in cut
            and client["state"] == "waiting"
            and int(client["wait"] or 0) + int(client["wait_us"] or 0) / 1e6 >= seconds
        )

    def logins(self) -> int:
        rows = [row for row in self.ask("SHOW POOLS") if row["database"] in self.pools]
        return sum(int(row["sv_login"] or 0) for row in rows)

    def _let_logins_end(self, end: float) -> None:
        while self.logins() and time.monotonic() < end:
            time.sleep(STEP)

    def _drained(self, waiting: list[Session], began: float) -> bool:
        return self._answered(waiting, began + GRACE - time.monotonic())

    def _answered(self, waiting: list[Session], seconds: float) -> bool:
        """Whether all have their answer within that time. Those that have it leave the list."""
        end = time.monotonic() + seconds
        while waiting:
            try:
                waiting[0].finish(max(end - time.monotonic(), 0.001))
            except TimeoutError:
                return False
            waiting.pop(0).close()
        return True

    def _end_statements(self) -> int:
        """End the clients whose statement is under way; how many there were."""
        servers = [row for row in self.ask("SHOW SERVERS") if row["database"] in self.pools]
        busy = {row["link"] for row in servers if row["state"] == "active" and row["link"]}
        clients = [
            row for row in self.ask("SHOW CLIENTS") if row["ptr"] in busy and row["database"] in self.pools
        ]
        return self._kill(clients)

    def _kill(self, clients: Iterable[Row]) -> int:
        ended = 0
        for client in clients:
            try:
                self.ask(f"KILL_CLIENT {client['id']}")
                ended += 1
            except Refused:
                continue  # it has ended by itself
        return ended
