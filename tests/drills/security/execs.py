"""Records every program that starts on the machine or in hosts, with its arguments and environment.

The kernel reports each exec (proc connector, linux/cn_proc.h); the process is then read from /proc. One that
has ended by then cannot be read: `missed` counts them, and a canary proves that the search works. What a
process writes over its arguments later is found by reading all processes every `POLL` seconds.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.drills.security.needles import Finder

_CONNECTOR = 11  # NETLINK_CONNECTOR
_PROC = (1, 1)  # CN_IDX_PROC, CN_VAL_PROC
_LISTEN, _IGNORE = 1, 2
_EXEC = 2
#: Bytes before the event: struct nlmsghdr, struct cn_msg.
_HEADERS = 16 + 20
#: Seconds between two readings of all processes.
POLL = 3.0


class Shown(NamedTuple):
    """A secret in a process's arguments or environment. `program` is the script, not its interpreter."""

    where: str
    program: str
    secret: str


class Execs:
    """A context in which every exec is inspected. Root only."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self.shown: Counter[Shown] = Counter()
        self.observed = 0
        self.missed = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._poll)]

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _CONNECTOR)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((0, _PROC[0]))
        self._send(_LISTEN)
        self._socket.settimeout(0.5)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=30)
        self._send(_IGNORE)
        self._socket.close()

    def _send(self, what: int) -> None:
        message = struct.pack("=IIIIHHI", *_PROC, 0, 0, 4, 0, what)
        self._socket.send(struct.pack("=IHHII", 16 + len(message), 3, 0, 0, 0) + message)

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                event = self._socket.recv(4096)
            except TimeoutError:
                continue
            if struct.unpack_from("=I", event, _HEADERS)[0] == _EXEC:
                process = struct.unpack_from("=II", event, _HEADERS + 16)[1]
                self.observed += 1
                if not self._inspect(process):
                    self.missed += 1

    def _poll(self) -> None:
        while not self._ended.wait(POLL):
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    self._inspect(int(entry.name))

    def _inspect(self, process: int) -> bool:
        """Whether the process still existed when it was read."""
        try:
            arguments = Path(f"/proc/{process}/cmdline").read_bytes()
            environment = Path(f"/proc/{process}/environ").read_bytes()
        except OSError:
            return False
        program = program_of(os.fsdecode(arguments).split("\0"))
        for where, text in (("arguments", arguments), ("environment", environment)):
            for secret in self._finder.names(text):
                self.shown[Shown(where, program, secret)] += 1
        return bool(arguments)


def program_of(arguments: list[str]) -> str:
    """The base name of the program, without the interpreters before it."""
    names = [Path(word).name for word in arguments if word and not word.startswith("-")]
    started = [name for name in names if not name.startswith(("env", "python", "sh", "bash"))]
    return next(iter(started or names), "?")[:40]


def settle() -> None:
    """Wait for the last events."""
    time.sleep(1)
