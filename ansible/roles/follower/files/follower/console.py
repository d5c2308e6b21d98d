"""A session with pgBouncer's console over its unix socket, every step of it with a deadline.

PostgreSQL's protocol 3.0 as far as the console speaks it: a login by peer, and simple queries.
https://www.postgresql.org/docs/17/protocol-message-formats.html
"""

from __future__ import annotations

import socket
import struct
import time

#: Seconds for a login, and for a command that pgBouncer answers at once.
DEADLINE = 1.0
PROTOCOL = 196608
Row = dict[str, str | None]


class ConsoleError(Exception):
    """pgBouncer does not answer. The session is over."""


class Refused(ConsoleError):
    """pgBouncer answered a command with an error. The session goes on."""


class Session:
    """One login. Raises `ConsoleError` where there is none, or it is lost."""

    def __init__(self, path: str, user: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.received = b""
        try:
            self._until(time.monotonic() + DEADLINE)
            self.socket.connect(path)
            names = b"".join(word.encode() + b"\0" for word in ("user", user, "database", "pgbouncer"))
            start = struct.pack("!I", PROTOCOL) + names + b"\0"
            self.socket.sendall(struct.pack("!I", len(start) + 4) + start)
            self.finish(DEADLINE)
        except OSError as error:
            self.close()
            raise ConsoleError(f"{path}: {error}") from error
        except ConsoleError:
            self.close()
            raise

    def ask(self, command: str, seconds: float = DEADLINE) -> list[Row]:
        """The rows of the answer, by the names of their columns."""
        self.send(command)
        try:
            return self.finish(seconds)
        except TimeoutError as error:
            self.close()
            raise ConsoleError(f"{command}: {error}") from error

    def send(self, command: str) -> None:
        text = command.encode() + b"\0"
        try:
            self._until(time.monotonic() + DEADLINE)
            self.socket.sendall(b"Q" + struct.pack("!I", len(text) + 4) + text)
        except OSError as error:
            self.close()
            raise ConsoleError(f"{command}: {error}") from error

    def finish(self, seconds: float) -> list[Row]:
        """The answer to what was sent. Raises `TimeoutError` where it has no end yet; ask again."""
        end = time.monotonic() + seconds
        names: list[str] = []
        rows: list[Row] = []
        fault = ""
        while True:
            try:
                kind, body = self._message(end)
            except ConsoleError as error:
                self.close()
                raise ConsoleError(fault or str(error)) from error
            match kind:
                case b"Z":
                    if fault:
                        raise Refused(fault)
                    return rows
                case b"T":
                    names = _columns(body)
                case b"D":
                    rows.append(dict(zip(names, _values(body), strict=True)))
                case b"E":
                    fault = _fault(body)
                case b"R" if struct.unpack("!I", body[:4]) != (0,):
                    self.close()
                    raise ConsoleError("pgBouncer asks for a password where it should know the account")

    def close(self) -> None:
        self.socket.close()

    def _message(self, end: float) -> tuple[bytes, bytes]:
        head = self._take(5, end, keep=True)
        length = struct.unpack("!I", head[1:5])[0] + 1
        whole = self._take(length, end)
        return whole[:1], whole[5:]

    def _take(self, count: int, end: float, keep: bool = False) -> bytes:
        while len(self.received) < count:
            self._until(end)
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                raise
            except OSError as error:
                raise ConsoleError(f"the console's session is lost: {error}") from error
            if not more:
                raise ConsoleError("pgBouncer ended the console's session")
            self.received += more
        taken = self.received[:count]
        if not keep:
            self.received = self.received[count:]
        return taken

    def _until(self, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("pgBouncer did not answer in time")
        self.socket.settimeout(left)


def quoted(name: str) -> str:
    """A database's name as the console wants it."""
    return '"' + name.replace('"', '""') + '"'


def _columns(body: bytes) -> list[str]:
    found = []
    rest = body[2:]
    for _ in range(struct.unpack("!H", body[:2])[0]):
        name, _, rest = rest.partition(b"\0")
        found.append(name.decode())
        rest = rest[18:]
    return found


def _values(body: bytes) -> list[str | None]:
    found: list[str | None] = []
    at = 2
    for _ in range(struct.unpack("!H", body[:2])[0]):
        length = struct.unpack("!i", body[at : at + 4])[0]
        at += 4
        found.append(None if length < 0 else body[at : at + length].decode(errors="replace"))
        at += max(length, 0)
    return found


def _fault(body: bytes) -> str:
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return fields.get(b"M", "an error without a text")
