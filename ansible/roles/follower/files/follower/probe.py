"""Finds out when a member takes writes, by a connection of its own past pgBouncer.

libpq is used without blocking, so that connecting, TLS and each question end by the same deadline.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

#: Seconds for a connection with its first answer, and for an answer on one that is there.
CONNECT = 1.0
ANSWER = 0.5
#: Seconds between two questions; `LATER` once `SOON` seconds have brought no success.
STEP = 0.02
SOON = 10.0
LATER = 0.5

QUESTION = (
    "SELECT NOT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_replication"
    " WHERE sync_state = 'quorum' AND state = 'streaming')"
)


class Member(Protocol):
    """A connection to one member."""

    def ask(self) -> tuple[bool, int]:
        """Whether it takes writes, and how many standbys confirm them. Raises `OSError` without an answer."""

    def close(self) -> None:
        """Safe on one that is lost."""


class Libpq:
    """A `Member` by psycopg2, asynchronous; `parameters` are libpq's. Raises `OSError` for none in time."""

    def __init__(self, parameters: dict[str, str]) -> None:
        import psycopg2

        self.error: type[Exception] = psycopg2.Error
        self.end = time.monotonic() + CONNECT
        try:
            self.connection: Any = psycopg2.connect(**parameters, async_=1)
            self._wait()
        except psycopg2.Error as error:
            raise OSError(_line(error)) from error

    def ask(self) -> tuple[bool, int]:
        writable, standbys = self.row(QUESTION)
        return bool(writable), int(str(standbys))

    def row(self, question: str) -> tuple[object, ...]:
        """The answer's one row. Raises `OSError` without an answer."""
        self.end = max(self.end, time.monotonic() + ANSWER)
        try:
            cursor = self.connection.cursor()
            cursor.execute(question)
            self._wait()
            found: tuple[object, ...] = cursor.fetchone()
        except self.error as error:
            raise OSError(_line(error)) from error
        self.end = 0.0
        return found

    def close(self) -> None:
        self.connection.close()

    def _wait(self) -> None:
        """psycopg2's states: 0 is done, 1 wants to read, 2 wants to write."""
        while state := self.connection.poll():
            left = self.end - time.monotonic()
            here = [self.connection.fileno()]
            if left <= 0 or not any(
                select.select(here if state == 1 else [], here if state == 2 else [], [], left)
            ):
                self.connection.close()
                raise TimeoutError("no answer in time")


class Prober:
    """Asks one member at a time, in a thread of its own, until it is writable or another is to be asked."""

    def __init__(
        self,
        connect: Callable[[str], Member],
        quorum: bool,
        report: Callable[[str, object], None],
        say: Callable[[str], None],
    ) -> None:
        self.connect = connect
        self.quorum = quorum
        self.report = report
        self.say = say
        #: Which member is asked: a new token each time, so that an answer about a time before is known by it.
        self.token: object | None = None

    def start(self, member: str) -> None:
        token = self.token = object()
        threading.Thread(target=self._run, args=(member, token), name=f"probe {member}", daemon=True).start()

    def stop(self) -> None:
        self.token = None

    def _run(self, member: str, token: object) -> None:
        began = time.monotonic()
        connection: Member | None = None
        said = ""
        while token is self.token:
            try:
                connection = connection or self.connect(member)
                writable, standbys = connection.ask()
                fault = self._fault(writable, standbys)
                if not fault:
                    self.report(member, token)
                    break
            except OSError as error:
                fault = str(error)
                if connection is not None:
                    connection.close()
                    connection = None
            if fault != said:
                said = fault
                self.say(f"probe: {member}: {fault}")
            time.sleep(STEP if time.monotonic() < began + SOON else LATER)
        if connection is not None:
            connection.close()

    def _fault(self, writable: bool, standbys: int) -> str:
        if not writable:
            return "is in recovery"
        return "has no standby that confirms writes" if self.quorum and not standbys else ""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
