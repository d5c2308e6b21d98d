"""Keeps the lock of procedures while a playbook runs: `python -m infra.procedure.keeper`.

A process of its own: it outlives the playbook's workers, and ends with the playbook, however that ends. Its
standard input is one JSON object (`Given`), its standard output one line that says what became of the lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import IO, Any

from infra.reach.sent import program

#: Seconds between two bytes to the host, which takes 12 s of silence for the end.
BEAT = 2.0
#: Seconds that a host has, once it is connected, to say what became of the lock.
ANSWERS = 12.0
#: What runs on the host: a program of one line, which leaves the rest of standard input to be read.
RUNS = "exec(open(0,'rb',buffering=0,closefd=False).readline())"
#: ssh itself notices a host that went silent.
ALIVE = ("-o", "ServerAliveInterval=3", "-o", "ServerAliveCountMax=3")
STOPPED = "killed or interrupted"


@dataclass(frozen=True)
class Given:
    """`pidfd`: of the playbook's process, whose number is `pid`. `connect`: seconds for a connection.

    `hosts`: by name, the command line that runs RUNS there. `question`: of `infra.procedure.onhost.answer`.
    """

    pid: int
    pidfd: int
    connect: float
    hosts: dict[str, list[str]]
    question: dict[str, Any]


def address(pid: int) -> str:
    """Where the keeper of a playbook's process hears how the playbook ended: an abstract socket."""
    return f"\0flashtier-procedure-{pid}"


class Contact:
    """The program on one host. Ends with its standard input."""

    def __init__(self, line: list[str], question: dict[str, Any]) -> None:
        self.ssh = subprocess.Popen(
            [line[0], *ALIVE, *line[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.input, self.output = _pipe(self.ssh.stdin).fileno(), _pipe(self.ssh.stdout).fileno()
        self.text = b""
        self.send(program("infra.procedure.onhost", f"answer({question!r})"))
        os.set_blocking(self.input, False)

    def send(self, line: str) -> None:
        """What cannot be sent is missed by the host, which then ends by itself."""
        with contextlib.suppress(OSError):
            os.write(self.input, line.encode() + b"\n")

    def first_line(self, seconds: float, besides: int) -> dict[str, Any]:
        """What became of the lock there, `unavailable` where it does not say, or `besides` is readable."""
        end = time.monotonic() + seconds
        while b"\n" not in self.text:
            ready = select.select([self.output, besides], [], [], max(0.0, end - time.monotonic()))[0]
            if self.output not in ready:
                return {"state": "unavailable", "why": f"no answer within {seconds:.0f} s"}
            if not self.read():
                return {"state": "unavailable", "why": self._said()}
        try:
            found = json.loads(self.text.partition(b"\n")[0])
        except ValueError:
            return {"state": "unavailable", "why": f"it answers no JSON: {self.text[:80]!r}"}
        return found if isinstance(found, dict) else {"state": "unavailable", "why": "it answers no object"}

    def read(self) -> bool:
        """Whether it goes on."""
        read = os.read(self.output, 65536)
        self.text += read
        return bool(read)

    def close(self, seconds: float = 5.0) -> None:
        """End of its standard input, then of ssh and what carries it."""
        with contextlib.suppress(OSError):
            _pipe(self.ssh.stdin).close()
        try:
            self.ssh.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.ssh.pid, signal.SIGKILL)
            self.ssh.wait(seconds)

    def _said(self) -> str:
        self.close()
        lines = [
            line
            for line in _pipe(self.ssh.stderr).read().decode(errors="replace").splitlines()
            if line.strip()
        ]
        return f"ssh ended with {self.ssh.returncode}: {lines[-1].strip() if lines else 'no reason given'}"


class Keeper:
    """One for each run of ansible-playbook."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.question = dict(given.question)
        self.hosts = list(given.hosts)
        self.contact: Contact | None = None
        self.ends = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.outcome = ""

    def bind(self) -> bool:
        """Whether no other keeper serves this run of the playbook."""
        try:
            self.ends.bind(address(self.given.pid))
        except OSError:
            return False
        return True

    def reach(self) -> dict[str, Any]:
        """The answer of the first host that has one, or why none has."""
        said = []
        for name in list(self.hosts):
            self.contact = Contact(self.given.hosts[name], self.question)
            found = self.contact.first_line(self.given.connect + ANSWERS, self.given.pidfd)
            if found["state"] != "unavailable":
                return found | {"host": name}
            said.append(f"{name}: {found['why']}")
            self.contact.close(1.0)
            self.contact = None
            if self.ended():
                break
            self.hosts.append(self.hosts.pop(0))
        return {"state": "unavailable", "why": "; ".join(said)}

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether the playbook's process has ended."""
        return bool(select.select([self.given.pidfd], [], [], seconds)[0])

    def keep(self) -> None:
        """Until the playbook ends. A contact that is lost is made again, with the next host first."""
        self.question |= {"resumed": True, "maintenance": None}
        while not self.ended():
            if self.contact is None:
                if self.reach()["state"] == "unavailable":
                    self.ended(BEAT)
                continue
            watched = [self.given.pidfd, self.ends.fileno(), self.contact.output]
            ready = select.select(watched, [], [], BEAT)[0]
            if self.ends.fileno() in ready:
                self.outcome = self.ends.recv(200).decode(errors="replace")
            if self.contact.output in ready and not self.contact.read():
                self.contact.close(1.0)
                self.contact = None
                self.hosts.append(self.hosts.pop(0))
                continue
            self.contact.send("")

    def end(self) -> None:
        """The lock goes, and the last line of the audit is written, by another host if it must be."""
        if select.select([self.ends], [], [], 0)[0]:
            self.outcome = self.ends.recv(200).decode(errors="replace")
        if self.contact is None:
            self.reach()
        if self.contact is not None:
            self.contact.send(json.dumps({"outcome": self.outcome or STOPPED}))
            self.contact.close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise OSError("ssh has no pipe")
    return stream


def main() -> int:
    given = Given(**json.load(sys.stdin))
    keeper = Keeper(given)
    found = keeper.reach() if keeper.bind() else {"state": "held already"}
    print(json.dumps(found), flush=True)
    # The plugin that waits for the line has it; nothing may wait for the end of this process.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    if found["state"] == "taken":
        keeper.keep()
        keeper.end()
    elif keeper.contact is not None:
        keeper.contact.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
