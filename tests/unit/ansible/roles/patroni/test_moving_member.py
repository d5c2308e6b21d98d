"""When a member may be stopped for a move, by what Patroni says of the cluster; and how it is stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from follower.etcd import Login
from holding.config import Config
from moving import member as moving_member
from moving.errors import MoveError
from moving.member import BEHIND, Member
from tests.support.host_modules import program
from tests.support.http_server import Handler, running

LEADER = {"name": "db1", "role": "leader", "state": "running"}


def standby(name: str, **changed: object) -> dict[str, Any]:
    return {"name": name, "role": "quorum_standby", "state": "streaming", "lag": 0} | changed


class Patroni:
    """What its REST interface says, until a test says otherwise."""

    def __init__(self) -> None:
        self.cluster: dict[str, Any] = {"members": [LEADER, standby("db2"), standby("db3")]}
        self.xlog: dict[str, Any] = {"received_location": 700}

    def handler(self) -> type[Handler]:
        this = self

        class Answers(Handler):
            def do_GET(self) -> None:
                found = this.cluster if self.path == "/cluster" else {"xlog": this.xlog}
                self.answer(200, json.dumps(found).encode())

        return Answers


@pytest.fixture
def patroni() -> Patroni:
    return Patroni()


@pytest.fixture
def member(patroni: Patroni, tmp_path: Path) -> Iterator[Callable[..., Member]]:
    with running(patroni.handler(), threading.Event()) as url:

        def made(synchronous: bool = True) -> Member:
            login = Login("", "")
            rest = url.removeprefix("http://")
            return Member(
                Config("lab", "db2", (), login, None, rest, login, tmp_path / "data", tmp_path / "bin"),
                synchronous,
            )

        yield made


def test_one_that_follows_may_leave_while_the_others_count(member: Callable[..., Member]) -> None:
    member().may_leave()


@pytest.mark.parametrize(
    ("cluster", "says"),
    [
        ({"members": [standby("db1"), LEADER | {"name": "db2"}, standby("db3")]}, "db2 leads now"),
        ({"members": [standby("db2"), standby("db3")]}, "no members lead"),
        ({"members": [LEADER, standby("db2")]}, "no other member does not stream"),
        ({"members": [LEADER, standby("db2"), standby("db3", state="running")]}, "db3 does not stream"),
        ({"members": [LEADER, standby("db2"), standby("db3", role="replica")]}, "db3 does not stream"),
        (
            {"members": [LEADER, standby("db2"), standby("db3", lag=BEHIND + 1)]},
            "db3 is more than 16 MiB behind",
        ),
        ({"members": [LEADER, standby("db2"), standby("db3", lag="unknown")]}, "db3 is more than 16 MiB"),
        ({"pause": True, "members": [LEADER, standby("db2"), standby("db3")]}, "is paused"),
    ],
)
def test_with_less_it_stays(
    patroni: Patroni, member: Callable[..., Member], cluster: dict[str, Any], says: str
) -> None:
    patroni.cluster = cluster
    with pytest.raises(MoveError, match=says):
        member().may_leave()


def test_where_no_commit_waits_a_replica_is_enough(patroni: Patroni, member: Callable[..., Member]) -> None:
    patroni.cluster = {"members": [LEADER, standby("db2", role="replica"), standby("db3", role="replica")]}
    member(synchronous=False).may_leave()


def test_a_patroni_that_does_not_answer_is_named(tmp_path: Path) -> None:
    login = Login("", "")
    silent = Member(Config("lab", "db2", (), login, None, "127.0.0.1:9", login, tmp_path, tmp_path), True)
    with pytest.raises(MoveError, match=r"db2: Patroni at 127\.0\.0\.1:9 does not answer"):
        silent.may_leave()


def test_the_position_in_the_wal_is_what_it_received(patroni: Patroni, member: Callable[..., Member]) -> None:
    assert member().received() == 700
    patroni.xlog = {"location": 900}
    assert member().received() == 900


@pytest.mark.parametrize("state", ["shut down in recovery", "in production", "shut down"])
def test_only_a_standby_that_ended_cleanly_counts_as_stopped(
    member: Callable[..., Member], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(moving_member, "run", lambda words, seconds: asked.append(" ".join(words)) or "")
    program(tmp_path, "pg_controldata", f"echo 'Database cluster state:               {state}'")
    ends = member().stop
    if state == "shut down in recovery":
        ends()
    else:
        with pytest.raises(MoveError, match=f"ended as '{state}'"):
            ends()
    assert asked == ["systemctl stop patroni.service"]


def test_it_waits_until_it_counts(
    patroni: Patroni, member: Callable[..., Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        patroni.cluster = {"members": [LEADER, standby("db2"), standby("db3")]}

    monkeypatch.setattr(moving_member.time, "sleep", wait)
    patroni.cluster = {"members": [LEADER, standby("db2", state="starting"), standby("db3")]}
    member().wait_until_it_counts()
    assert len(waits) == 1
    patroni.cluster = {"members": [LEADER, standby("db2", role="replica"), standby("db3")]}
    monkeypatch.setattr(moving_member, "FOLLOWS", 0)
    with pytest.raises(MoveError, match=r"db2: does not follow after 0 s"):
        member().wait_until_it_counts()
