"""Before the leader's server stops, and when it has ended: who holds, how long, and who is not waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from follower import etcd
from follower.etcd import Login
from holding import before_stop, hold, release
from holding.config import Config, read
from holding.hold import Hold
from holding.server import Server
from holding.watch import Watch
from tests.support.keyring import Keyring, serving

LEADER, HOLD = "/service/lab/leader", "/flashtier/lab/holds/db1"
#: A postmaster: it ends at SIGINT, after a moment, and says so in the control file's stead.
POSTMASTER = """
import os, pathlib, signal, sys, time
os.chdir(sys.argv[1])
def end(number, frame):
    time.sleep(0.1)
    pathlib.Path("state").write_text("shut down")
    pathlib.Path("postmaster.pid").unlink()
    raise SystemExit
signal.signal(signal.SIGINT, end)
pathlib.Path("state").write_text("in production")
lines = [str(os.getpid()), sys.argv[1], "0", "5432", "/run", "*", "0", "ready   "]
pathlib.Path("postmaster.pid.new").write_text("\\n".join(lines) + "\\n")
os.rename("postmaster.pid.new", "postmaster.pid")
while True:
    signal.pause()
"""
CONTROL = """#!/bin/sh
printf 'Database cluster state:               %s\\n' "$(cat {data}/state)"
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "DEADLINE", 0.5)
    monkeypatch.setattr(before_stop, "HELD", 0.3)


class Lab:
    """One member's files and processes, and etcd."""

    def __init__(self, folder: Path) -> None:
        self.data, self.programs = folder / "data", folder / "bin"
        self.data.mkdir()
        self.programs.mkdir()
        control = self.programs / "pg_controldata"
        control.write_text(CONTROL.format(data=self.data))
        control.chmod(0o755)
        self.server = Server(self.data, self.programs)
        self.running: list[subprocess.Popen[bytes]] = []

    def config(self, ring: Keyring) -> Config:
        return Config(
            scope="lab",
            name="db1",
            etcd=(ring.url,),
            login=Login("patroni", "secret"),
            context=None,
            rest="127.0.0.1:1",
            rest_login=Login("patroni", "secret"),
            data=self.data,
            programs=self.programs,
        )

    def start(self) -> int:
        # `postmaster.pid` of one that was killed is still there.
        before = self.server._lines()[:1]
        made = subprocess.Popen([sys.executable, "-c", POSTMASTER, str(self.data)])
        self.running.append(made)
        until(lambda: self.server._lines()[:1] not in ([], before))
        return made.pid

    def kill(self) -> None:
        self.running[-1].kill()
        self.running[-1].wait(10)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    with ExitStack() as stack:
        yield made
        for process in made.running:
            stack.callback(process.wait, 10)
            stack.callback(process.kill)


def follower(ring: Keyring, name: str, state: str, holds: list[str]) -> None:
    ring.keys[f"/flashtier/lab/followers/{name}"] = json.dumps({"state": state, "holds": holds})


def stopped(lab: Lab, ring: Keyring) -> tuple[str, list[Callable[[], None]]]:
    """What the hook did on a member, and what it leaves running."""
    left: list[Callable[[], None]] = []
    hold = Hold(lab.config(ring), "its server stops")

    def after(lease: str, pid: int) -> None:
        assert (lease, pid) == (hold.lease, lab.running[-1].pid)
        left.append(lambda: release.when_over(hold, lambda: lab.server.serves_after(pid), print))

    return before_stop.run(lab.server, hold, after), left


def test_the_leader_holds_stops_and_lets_go_when_it_leads_no_longer(lab: Lab) -> None:
    with serving(**{LEADER: "db1"}) as ring:
        follower(ring, "web1", "held", ["db1"])
        lab.start()
        said, (after,) = stopped(lab, ring)
        assert said.startswith("held; server ended after ")
        assert lab.server.postmaster() is None
        kept = json.loads(ring.keys[HOLD])
        assert kept["reason"] == "its server stops"
        assert 0 < kept["until"] - time.time() <= hold.LASTS
        del ring.keys[LEADER]
        after()
        assert HOLD not in ring.keys


def test_what_lets_go_waits_for_the_leaders_key(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier, statements would go to a server that is no more."""
    monkeypatch.setattr(release, "LASTS", 0.3)
    with serving(**{LEADER: "db1"}) as ring:
        lab.start()
        _, (after,) = stopped(lab, ring)
        begun = time.monotonic()
        after()
        assert time.monotonic() - begun >= 0.3
        assert HOLD not in ring.keys


def test_a_server_that_serves_again_is_held_no_longer(lab: Lab) -> None:
    """A restart in place: the leader's key stays."""
    with serving(**{LEADER: "db1"}) as ring:
        lab.start()
        _, (after,) = stopped(lab, ring)
        lab.start()
        begun = time.monotonic()
        after()
        assert time.monotonic() - begun < hold.LASTS / 2
        assert HOLD not in ring.keys


def test_a_host_that_does_not_hold_keeps_no_one_waiting(lab: Lab) -> None:
    with serving(**{LEADER: "db1"}) as ring:
        follower(ring, "web1", "held", ["db1"])
        follower(ring, "web2", "serving", [])
        follower(ring, "web3", "held", ["leader"])
        lab.start()
        said, _ = stopped(lab, ring)
        assert said.startswith("held, but not by web2, web3; server ended")


@pytest.mark.parametrize("keys", [{LEADER: "db2"}, {}], ids=["another leads", "no one leads"])
def test_a_member_that_lost_the_lead_is_not_kept_from_stopping(lab: Lab, keys: dict[str, str]) -> None:
    with serving(**keys) as ring:
        lab.start()
        said, left = stopped(lab, ring)
        assert said.startswith("nothing held")
        assert not left
        assert lab.server.postmaster() is not None
        assert HOLD not in ring.keys


def test_a_silent_etcd_keeps_no_one_waiting(lab: Lab) -> None:
    with serving(**{LEADER: "db1"}) as ring:
        ring.silent.set()
        lab.start()
        begun = time.monotonic()
        said, _ = stopped(lab, ring)
        assert said.startswith("nothing held")
        assert time.monotonic() - begun < 4 * hold.TAKES


def test_a_standby_holds_no_one(lab: Lab) -> None:
    with serving(**{LEADER: "db1"}) as ring:
        lab.start()
        (lab.data / "standby.signal").touch()
        said, _ = stopped(lab, ring)
        assert said == "nothing to hold: the server is a standby"
        assert not ring.leases


def test_a_server_that_was_killed_is_held_for_and_one_that_stopped_is_not(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(**{LEADER: "db1"}) as ring:
        watch = Watch(lab.config(ring))
        woken: list[bool] = []
        monkeypatch.setattr(watch, "_wake", lambda: woken.append(True))
        pid = lab.start()
        lab.kill()
        seen: list[str] = []
        monkeypatch.setattr("holding.watch.when_over", lambda hold, serves, say: seen.append(ring.keys[HOLD]))
        watch.ended(pid)
        assert woken == [True]
        assert json.loads(seen[0])["reason"] == "its server ended without a shutdown"

        pid = lab.start()
        stopped(lab, ring)
        watch.ended(pid)
        assert woken == [True]


def test_a_stale_file_is_no_server(lab: Lab) -> None:
    """Its number may be another process's by now, and what it says is of the one that was killed."""
    pid = lab.start()
    lab.kill()
    assert not lab.server.serves_after(0)
    lines = lab.server._lines()
    (lab.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert lab.server.postmaster() is None
    assert not lab.server.serves_after(pid)


def test_patronis_file_says_all(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "scope": "lab",
        "name": "db1",
        "etcd3": {
            **{"hosts": ["10.0.0.1:2379", "10.0.0.2:2379"], "protocol": "https", "cacert": "ca.crt"},
            **{"cert": "host.crt", "key": "host.key", "username": "patroni", "password": "p1"},
        },
        "restapi": {
            "connect_address": "10.0.0.3:8008",
            "authentication": {"username": "patroni", "password": "p2"},
        },
        "postgresql": {"data_dir": "/pg/data/17", "bin_dir": "/usr/lib/postgresql/17/bin"},
    }
    file = tmp_path / "patroni.yml"
    file.write_text(yaml.safe_dump(given))
    config = read(file)
    assert config.etcd == ("https://10.0.0.1:2379", "https://10.0.0.2:2379")
    assert (config.login, config.rest_login) == (Login("patroni", "p1"), Login("patroni", "p2"))
    assert config.rest == "10.0.0.3:8008"
    assert config.data == Path("/pg/data/17")
    del given["restapi"]["authentication"]
    file.write_text(yaml.safe_dump(given))
    with pytest.raises(ValueError, match=r"patroni\.yml: KeyError 'authentication'; run the role patroni"):
        read(file)


def test_a_hold_that_comes_too_late_is_given_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it, and nobody else would end it."""
    monkeypatch.setattr(etcd, "DEADLINE", 10)
    with serving(**{LEADER: "db1"}) as ring:
        ring.silent.set()
        assert not Hold(lab.config(ring), "its server stops").take(0.1)
        ring.silent.clear()
        until(lambda: "/v3/lease/revoke" in ring.asked)
        assert HOLD not in ring.keys
        assert not ring.leases


def test_followers_are_waited_for_so_long_and_no_longer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """etcd may fall silent between the hold and the question."""
    monkeypatch.setattr(etcd, "DEADLINE", 10)
    with serving(**{LEADER: "db1"}) as ring:
        follower(ring, "web1", "serving", [])
        hold = Hold(lab.config(ring), "its server stops")
        assert hold.take()
        ring.silent.set()
        begun = time.monotonic()
        assert hold.wait_held(0.3) == []
        assert time.monotonic() - begun < 3
