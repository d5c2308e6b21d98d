"""Takes the lock and keeps it for as long as the controller is heard on standard input."""

from __future__ import annotations

import json
import os
import select
import syslog
import time
from datetime import UTC, datetime
from typing import Any

from infra.procedure.onhost.client import Client, Unavailable
from infra.procedure.onhost.lock import Lock

#: `journalctl -t` of it shows every procedure on this host.
IDENTIFIER = "flashtier-procedure"
#: Seconds without a byte after which the controller counts as gone; it sends one each two seconds.
SILENCE = 12.0
#: Seconds between two renewals of the lease.
RENEW = 4.0
STANDARD_INPUT = 0
CONTACT_LOST = "controller or its network gone"


def answer(question: dict[str, Any]) -> None:
    """One line of JSON on standard output says what became of it.

    `state`: taken, refused (by `holder`), unavailable (`why`), maintenance (what is declared); where it was
    only to be read, free or held.
    """
    client = Client(question["endpoints"], question["user"], question["password"])
    lock = Lock(client, question["key"], question["value"])
    try:
        declared = Lock(client, question["maintenance"], {}).holder() if question["maintenance"] else None
        if declared is not None:
            say({"state": "maintenance", "maintenance": declared})
            return
        holder = lock.holder() if question["only_read"] else lock.take()
    except Unavailable as error:
        say({"state": "unavailable", "why": str(error)})
        return
    if question["only_read"]:
        say({"state": "free" if holder is None else "held", "holder": holder})
    elif holder is not None:
        audit(question, "refused", held_by=f"{holder.get('procedure')}, {holder.get('holder')}")
        say({"state": "refused", "holder": holder})
    else:
        audit(question, "moved" if question["resumed"] else "begin")
        say({"state": "taken"})
        Keeping(question, lock).run(STANDARD_INPUT)


class Keeping:
    """From the moment that the lock is taken to its end."""

    def __init__(self, question: dict[str, Any], lock: Lock) -> None:
        self.question, self.lock = question, lock
        self.held = True
        self.lost: str | None = None

    def run(self, words: int) -> None:
        """`words`: where the controller is heard; it ends with a line of JSON that has the outcome."""
        outcome = self._until_the_end(words)
        try:
            self.lock.release()
        except Unavailable as error:
            audit(self.question, "left to its lease", why=str(error))
        audit(self.question, "end", outcome=outcome, end=now(), lost=self.lost)

    def _until_the_end(self, words: int) -> str:
        heard = renewed = time.monotonic()
        text = b""
        while True:
            left = min(heard + SILENCE, renewed + RENEW) - time.monotonic()
            if select.select([words], [], [], max(0.0, left))[0]:
                read = os.read(words, 65536)
                if not read:
                    return CONTACT_LOST
                heard = time.monotonic()
                text += read
                *lines, text = text.split(b"\n")
                for line in filter(None, lines):
                    return str(json.loads(line)["outcome"])
            elif time.monotonic() - heard >= SILENCE:
                return CONTACT_LOST
            if time.monotonic() - renewed >= RENEW:
                self.renew()
                renewed = time.monotonic()

    def renew(self) -> None:
        """Renew it, and take it again where it was lost; the play goes on meanwhile."""
        try:
            if self.held and self.lock.renew():
                return
            holder = self.lock.take()
        except Unavailable as error:
            self._note("etcd does not answer", str(error))
            return
        if holder is None:
            self.held = True
            audit(self.question, "taken again")
            return
        self._note("held by another", str(holder.get("holder")))

    def _note(self, what: str, why: str) -> None:
        if self.held:
            self.lost = now()
            audit(self.question, "lost", why=f"{what}: {why}")
        self.held = False


def audit(question: dict[str, Any], event: str, **more: str | None) -> None:
    """One line of JSON in this host's journal; without what is None."""
    value = question["value"]
    line = {
        "event": event,
        "procedure": value["procedure"],
        "holder": value["holder"],
        "arguments": question["arguments"],
        "begin": value["since"],
    }
    journal(json.dumps({name: value for name, value in (line | more).items() if value is not None}))


def journal(line: str) -> None:
    syslog.openlog(IDENTIFIER)
    syslog.syslog(syslog.LOG_NOTICE, line)


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
