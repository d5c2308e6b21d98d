"""A server on this machine with the recorded answers of etcd's JSON gateway (data/etcd-gateway.yaml)."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.http_server import Handler, running

RECORDED: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "etcd-gateway.yaml").read_text()
)
#: Seconds within which what a test waits for happens.
PATIENCE = 10.0


@dataclass
class Gateway:
    """`answers` names the recorded answers of a path; the last of them is given again and again.

    A name that is not recorded is the answer's text itself. `silent` holds every answer back.
    """

    answers: dict[str, list[str]]
    asked: list[tuple[str, Any, str | None]] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    #: Lines for the watches that are open; None ends them.
    lines: queue.Queue[str | None] = field(default_factory=queue.Queue)
    watching: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def line(self, name: str) -> None:
        """Send a line to whoever watches."""
        self.lines.put(RECORDED[name]["text"] if name in RECORDED else name)

    def next(self, path: str) -> tuple[int, str]:
        names = self.answers[path]
        name = names.pop(0) if len(names) > 1 else names[0]
        recorded = RECORDED.get(name, {"status": 200, "text": name})
        return int(recorded["status"]), str(recorded["text"])


DEFAULT = {
    "/v3/auth/authenticate": ["login"],
    "/v3/kv/txn": ["snapshot"],
    "/v3/watch": ["watch made"],
    "/v3/lease/grant": ["lease"],
    "/v3/lease/keepalive": ["lease renewed"],
    "/v3/lease/revoke": ["written"],
    "/v3/kv/put": ["written"],
}


def handler(gateway: Gateway) -> type[Handler]:
    class Of(Handler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            bodies = [json.loads(line) for line in text.splitlines()]
            body = bodies if self.path == "/v3/watch" else bodies[0]
            gateway.asked.append((self.path, body, self.headers["Authorization"]))
            while gateway.silent.is_set() and not gateway.over.is_set():
                time.sleep(0.01)
            status, answer = gateway.next(self.path)
            if self.path == "/v3/watch":
                self.stream(answer)
                return
            self.answer(status, answer.encode())

        def stream(self, first: str) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            line: str | None = first
            while line is not None and not gateway.over.is_set():
                data = line.encode() + b"\n"
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                gateway.watching.set()
                line = self.following()
            self.wfile.write(b"0\r\n\r\n")

        def following(self) -> str | None:
            while not gateway.over.is_set():
                try:
                    return gateway.lines.get(timeout=0.05)
                except queue.Empty:
                    continue
            return None

    return Of


@contextmanager
def serving(**answers: list[str]) -> Iterator[Gateway]:
    """`answers` by the last word of the path: txn, watch, put, grant, keepalive, authenticate."""
    paths = {path.rpartition("/")[2]: path for path in DEFAULT}
    gateway = Gateway({**DEFAULT, **{paths[word]: list(names) for word, names in answers.items()}})
    with running(handler(gateway), gateway.over) as gateway.url:
        yield gateway


def until(condition: Any, what: str = "it") -> None:
    """Wait for what another thread does. Fails when it does not come."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.005)
