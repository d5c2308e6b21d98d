"""A follower that runs in a thread, with a prober of the test's own and tests/support/console.py."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from follower.access import Tls
from follower.bouncer import Bouncer
from follower.config import Config
from follower.daemon import Daemon
from follower.etcd import Login
from follower.ini import Pool
from tests.support.gateway import until

HOLD = 1.0
MEMBERS = {"db1": "10.0.0.1", "db2": "10.0.0.2"}


@dataclass
class Probe:
    """Says that a member is writable when the test does."""

    token: object | None = None
    asked: list[str] = field(default_factory=list)

    def start(self, member: str) -> None:
        self.token = object()
        self.asked.append(member)

    def stop(self) -> None:
        self.token = None


@dataclass
class Running:
    daemon: Daemon
    thread: threading.Thread
    probe: Probe
    published: list[dict[str, Any]]
    lines: list[str]

    def writable(self, member: str) -> None:
        until(lambda: self.probe.asked[-1:] == [member], "the probe")
        self.daemon.writable(member, self.probe.token)

    def end(self) -> None:
        self.daemon.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()

    @property
    def states(self) -> list[str]:
        return [state["state"] for state in self.published]


def configured(tmp_path: Path) -> Config:
    return Config(
        stack="lab", host="web1", members=MEMBERS, database_port=5432, etcd=("http://127.0.0.1:1",),
        login=Login("follower", "x"), tls=Tls("", "", ""), console=str(tmp_path / "socket"),
        console_user="flashtier-follower", pools=(Pool("photos", "photos", {"pool_size": 10}),),
        databases_file=tmp_path / "databases.ini", state_file=tmp_path / "state.json", probe_user="p",
        probe_password="x", quorum=True, hold=HOLD,  # noqa: S106
    )  # fmt: skip


def started(config: Config, boot: str = "this boot") -> Running:
    published: list[dict[str, Any]] = []
    lines: list[str] = []
    probe = Probe()
    asked = Bouncer(config.console, config.console_user, ["photos"])
    made = Daemon(config, asked, probe, published.append, lines.append, boot)
    made.seed()
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    return Running(made, thread, probe, published, lines)


def saved(config: Config) -> dict[str, Any]:
    text: dict[str, Any] = json.loads(config.state_file.read_text())
    return text
