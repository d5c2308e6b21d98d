"""A console that answers as that of pgBouncer 1.24.1 does, on a unix socket, for any pools."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.gateway import PATIENCE


@dataclass
class Pooler:
    """`busy` are ids of clients whose statement is under way; `logins` is how many logins are.

    `waiting`: ids of clients whose statement waits for a connection; client 3 has waited for 3.5 s.
    """

    path: Path
    #: Host and whether it is paused, of each pool.
    hosts: dict[str, str]
    paused: dict[str, bool]
    #: The list of pools, which RELOAD reads.
    list_file: Path | None = None
    busy: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    logins: int = 0
    #: Whether the pools have connections to the member that no client uses.
    connected: bool = True
    commands: list[str] = field(default_factory=list)
    refuses_login: bool = False
    #: It accepts and says nothing.
    silent: bool = False
    #: Clients whose statement never ends, whatever is done.
    stubborn: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    open: list[socket.socket] = field(default_factory=list)

    def restart(self) -> None:
        """What a new process knows: nothing is paused, and no session is left."""
        self.paused = dict.fromkeys(self.paused, False)
        for peer in self.open:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.open.clear()

    def asked(self, word: str) -> list[str]:
        return [command for command in self.commands if command.startswith(word)]

    def answer(self, command: str) -> bytes:
        self.commands.append(command)
        verb, _, name = command.partition(" ")
        name = name.strip('"')
        match verb:
            case "SHOW":
                return self.shown(name)
            case "RELOAD":
                self.reload()
            case "RESUME" if not self.paused.get(name):
                return error(f"database {name} is not paused")
            case "RESUME":
                self.paused[name] = False
            case "PAUSE" if name not in self.paused:
                return error(f"no such database: {name}")
            case "PAUSE":
                self.paused[name] = True
                while (self.busy or self.stubborn) and not self.over.is_set():
                    time.sleep(0.002)
            case "KILL_CLIENT" if int(name) in self.waiting:
                self.waiting -= {int(name)}
            case "KILL_CLIENT" if int(name) not in self.busy:
                return error("client not found")
            case "KILL_CLIENT":
                self.busy -= set() if self.stubborn else {int(name)}
            case _:
                return error(f"invalid command '{command}', use SHOW HELP;")
        return message(b"C", verb.encode() + b"\0")

    def shown(self, what: str) -> bytes:
        match what:
            case "DATABASES":
                rows = [
                    {"name": name, "host": host, "paused": str(int(self.paused[name]))}
                    for name, host in self.hosts.items()
                ]
                return table(["name", "host", "paused"], [*rows, {"name": "pgbouncer", "paused": "0"}])
            case "POOLS":
                rows = [
                    {
                        "database": name,
                        "user": "app",
                        "cl_waiting": str(len(self.waiting)),
                        "sv_active": str(len(self.busy)),
                        "sv_idle": str(int(self.connected)),
                        "sv_used": "0",
                        "sv_tested": "0",
                        "sv_login": str(self.logins),
                    }
                    for name in self.hosts
                ]
                return table(list(rows[0]), rows)
            case "SERVERS":
                first = next(iter(self.hosts))
                rows = [
                    {"database": first, "state": "active", "link": f"c{number}"}
                    for number in sorted(self.busy)
                ]
                return table(
                    ["database", "state", "link"], [*rows, {"database": first, "state": "idle", "link": ""}]
                )
            case "CLIENTS":
                first = next(iter(self.hosts))
                rows = [
                    {
                        "database": first,
                        "user": "app",
                        "state": "waiting" if number in self.waiting else "active",
                        "wait": str(number),
                        "wait_us": "500000",
                        "ptr": f"c{number}",
                        "id": str(number),
                    }
                    for number in sorted(self.busy | self.waiting)
                ]
                return table(["database", "user", "state", "wait", "wait_us", "ptr", "id"], rows)
        return error(f"unsupported SHOW {what}")

    def reload(self) -> None:
        if self.list_file is not None:
            found = re.findall(r"(?m)^(\S+) = host=(\S+)", self.list_file.read_text())
            self.hosts |= {name: host for name, host in found if name in self.hosts}


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def error(text: str) -> bytes:
    fields = (b"SERROR", b"C08P01", b"M" + text.encode())
    return message(b"E", b"".join(one + b"\0" for one in fields) + b"\0")


def table(names: list[str], rows: list[dict[str, str]]) -> bytes:
    head = struct.pack("!H", len(names)) + b"".join(
        name.encode() + b"\0" + struct.pack("!IHIhIH", 0, 0, 25, -1, 0xFFFFFFFF, 0) for name in names
    )
    data = [message(b"T", head)]
    for row in rows:
        body = struct.pack("!H", len(names))
        for name in names:
            value = row.get(name)
            body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value.encode()
        data.append(message(b"D", body))
    return b"".join([*data, message(b"C", b"SHOW\0")])


READY = message(b"Z", b"I")
WELCOME = message(b"R", struct.pack("!I", 0)) + message(b"S", b"server_version\x001.24.1/bouncer\0") + READY


def serve(pooler: Pooler, peer: socket.socket) -> None:
    with peer:
        try:
            peer.settimeout(PATIENCE)
            stream = peer.makefile("rb")
            length = struct.unpack("!I", stream.read(4))[0]
            stream.read(length - 4)
            if pooler.refuses_login:
                peer.sendall(error("unix socket login rejected"))
                return
            while pooler.silent and not pooler.over.wait(0.01):
                continue
            peer.sendall(WELCOME)
            while head := stream.read(5):
                command = stream.read(struct.unpack("!I", head[1:])[0] - 4)[:-1].decode()
                while pooler.silent and not pooler.over.wait(0.01):
                    continue
                peer.sendall(pooler.answer(command) + READY)
        except (OSError, struct.error):
            return  # the other side hung up


@contextmanager
def listening(path: Path, list_file: Path | None = None, **hosts: str) -> Iterator[Pooler]:
    """A pooler with these pools and their hosts."""
    pooler = Pooler(path, dict(hosts), dict.fromkeys(hosts, False), list_file)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(32)
    server.settimeout(0.02)

    def accept() -> None:
        while not pooler.over.is_set():
            try:
                peer, _ = server.accept()
            except TimeoutError:
                continue
            pooler.open.append(peer)
            threading.Thread(target=serve, args=(pooler, peer), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield pooler
    finally:
        pooler.over.set()
        thread.join(PATIENCE)
        server.close()
        path.unlink()
