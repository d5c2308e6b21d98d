"""The program on the control host: it keeps the lock while it hears the controller, and writes the audit."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra.procedure.onhost import answer as program
from infra.procedure.onhost.client import Unavailable

VALUE = {"id": "1", "procedure": "rolling", "holder": "ada@ctl pid 1", "since": "2026-11-30T10:00:00+00:00"}
OTHER = {
    "id": "2",
    "procedure": "switchover",
    "holder": "bob@ctl pid 2",
    "since": "2026-11-30T09:00:00+00:00",
}
QUESTION = {
    "endpoints": [],
    "user": "procedure",
    "password": "secret-of-the-lock",
    "key": "/flashtier/unit/procedure",
    "value": VALUE,
    "arguments": {"member": "db2"},
    "only_read": False,
    "maintenance": None,
    "resumed": False,
}


class Etcd:
    """In place of the lock in etcd. `held_by`: someone else; `silent`: it does not answer."""

    def __init__(self, held_by: dict[str, Any] | None = None) -> None:
        self.held_by, self.silent, self.alive = held_by, False, False
        self.did: list[str] = []

    def __call__(self, *_: object) -> Etcd:
        return self

    def _do(self, what: str) -> None:
        self.did.append(what)
        if self.silent:
            raise Unavailable("control1: timed out")

    def take(self) -> dict[str, Any] | None:
        self._do("take")
        self.alive = self.held_by is None
        return self.held_by

    def renew(self) -> bool:
        self._do("renew")
        return self.alive

    def release(self) -> None:
        self._do("release")

    def holder(self) -> dict[str, Any] | None:
        self._do("holder")
        return self.held_by


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(program, "journal", lines.append)
    monkeypatch.setattr(program, "now", lambda: "2026-11-30T10:05:00+00:00")
    return lines


def answered(
    etcd: Etcd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **more: object
) -> dict[str, Any]:
    monkeypatch.setattr(program, "Lock", etcd)
    monkeypatch.setattr(program.Keeping, "run", lambda *_: None)
    program.answer(QUESTION | more)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@contextmanager
def keeping(etcd: Etcd, **seconds: float) -> Iterator[tuple[int, Callable[[], None]]]:
    """Where to say something to the program, and what waits for its end."""
    read, write = os.pipe()
    thread = threading.Thread(target=program.Keeping(QUESTION, etcd).run, args=(read,))  # type: ignore[arg-type]
    thread.start()
    try:
        yield write, lambda: thread.join(10)
    finally:
        os.close(write)
        thread.join(10)
        os.close(read)
    assert not thread.is_alive()


def events(journal: list[str]) -> list[str]:
    return [json.loads(line)["event"] for line in journal]


def test_who_takes_it_says_so_and_the_audit_begins(
    journal: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(Etcd(), monkeypatch, capsys) == {"state": "taken"}
    (line,) = journal
    assert "\n" not in line
    assert json.loads(line) == {
        "event": "begin",
        "procedure": "rolling",
        "holder": "ada@ctl pid 1",
        "arguments": {"member": "db2"},
        "begin": "2026-11-30T10:00:00+00:00",
    }


def test_who_is_refused_learns_of_the_holder(
    journal: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(Etcd(OTHER), monkeypatch, capsys) == {"state": "refused", "holder": OTHER}
    assert json.loads(journal[0])["held_by"] == "switchover, bob@ctl pid 2"
    assert events(journal) == ["refused"]


@pytest.mark.parametrize(("holder", "state"), [(None, "free"), (OTHER, "held")])
def test_what_is_only_read_takes_nothing(
    holder: dict[str, Any] | None,
    state: str,
    journal: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    etcd = Etcd(holder)
    found = answered(etcd, monkeypatch, capsys, only_read=True)
    assert found == {"state": state, "holder": holder}
    assert (etcd.did, journal) == (["holder"], [])


def test_without_etcd_it_says_why(
    journal: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    etcd = Etcd()
    etcd.silent = True
    assert answered(etcd, monkeypatch, capsys) == {"state": "unavailable", "why": "control1: timed out"}
    assert journal == []


def test_a_declared_maintenance_keeps_it_from_being_taken(
    journal: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    etcd = Etcd({"owner": "ada@ctl"})
    found = answered(etcd, monkeypatch, capsys, maintenance="/flashtier/unit/maintenance")
    assert found == {"state": "maintenance", "maintenance": {"owner": "ada@ctl"}}
    assert (etcd.did, journal) == (["holder"], [])


def test_the_end_of_the_controller_frees_it_at_once(journal: list[str]) -> None:
    etcd = Etcd()
    with keeping(etcd):
        pass
    assert etcd.did == ["release"]
    assert json.loads(journal[0])["outcome"] == program.CONTACT_LOST


def test_silence_frees_it_and_a_byte_does_not(journal: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "SILENCE", 0.3)
    etcd = Etcd()
    with keeping(etcd) as (write, ended):
        for _ in range(5):
            os.write(write, b"\n")
            threading.Event().wait(0.1)
        assert etcd.did == []
        ended()
        assert etcd.did == ["release"]
    assert json.loads(journal[0])["outcome"] == program.CONTACT_LOST


def test_the_outcome_is_in_the_last_line(journal: list[str]) -> None:
    etcd = Etcd()
    with keeping(etcd) as (write, ended):
        os.write(write, b'\n{"outcome": "fini')
        os.write(write, b'shed"}\n')
        ended()
    assert json.loads(journal[0]) == {
        "event": "end",
        "procedure": "rolling",
        "holder": "ada@ctl pid 1",
        "arguments": {"member": "db2"},
        "begin": "2026-11-30T10:00:00+00:00",
        "outcome": "finished",
        "end": "2026-11-30T10:05:00+00:00",
    }


def test_the_lease_is_renewed_meanwhile(journal: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "RENEW", 0.01)
    etcd = Etcd()
    etcd.take()
    with keeping(etcd):
        end = threading.Event()
        while etcd.did.count("renew") < 3 and not end.wait(0.01):
            pass
    assert events(journal) == ["end"]


def test_what_was_lost_is_taken_again_and_said_once(journal: list[str]) -> None:
    etcd = Etcd()
    keeper = program.Keeping(QUESTION, etcd)  # type: ignore[arg-type]
    etcd.silent = True
    keeper.renew()
    keeper.renew()
    etcd.silent = False
    etcd.held_by = OTHER
    keeper.renew()
    etcd.held_by = None
    keeper.renew()
    keeper.renew()
    assert etcd.did[-1] == "renew"
    assert events(journal) == ["lost", "taken again"]
    assert keeper.lost == "2026-11-30T10:05:00+00:00"


def test_an_expired_lease_is_taken_again(journal: list[str]) -> None:
    etcd = Etcd()
    program.Keeping(QUESTION, etcd).renew()  # type: ignore[arg-type]
    assert etcd.did == ["renew", "take"]
    assert events(journal) == ["taken again"]


def test_no_line_has_the_password(journal: list[str]) -> None:
    with keeping(Etcd()):
        pass
    assert not [line for line in journal if "secret-of-the-lock" in line]
