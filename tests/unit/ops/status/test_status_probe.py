"""The program that `flashtier status` sends: by its deadline, from Patroni's own file, without a secret."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT
from infra.reach.onhost.https import coded
from ops.status import ask
from ops.status.probe import answer, config_file, etcd, patroni
from tests.support.status_answers import CONTRACT

QUESTION: dict[str, Any] = {
    "seconds": 0.3,
    "scope": "test",
    "patroni": ("10.0.0.1", 8008),
    "etcd": None,
    "endpoints": [("10.0.0.2", 2379), ("10.0.0.3", 2379)],
}
WHOLE = json.dumps({"ttl": 20, "postgresql": {"parameters": {"archive_command": "a"}}})
PASSWORD = "not-for-anyone"  # noqa: S105 - of no account
FILE = f"""# a comment
scope: test

restapi:
  listen: 10.0.0.1:8008
  authentication:
    username: patroni
    password: of-the-rest-interface

etcd3:
  hosts:
    - 10.0.0.2:2379
  protocol: https
  username: patroni
  password: {PASSWORD}

postgresql:
  listen: 10.0.0.1:5432
"""


def test_a_part_that_fails_or_is_late_costs_no_other() -> None:
    never = threading.Event()

    def fails(question: dict[str, Any]) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    found = answer.collect(
        QUESTION,
        {"late": lambda question: never.wait(60), "fails": fails, "works": lambda question: {"a": 1}},
    )
    never.set()
    assert found == {
        "late": {"error": "no answer within 0 s"},
        "fails": {"error": "Connection refused"},
        "works": {"a": 1},
    }


def test_a_host_without_a_daemon_is_not_asked_for_it() -> None:
    question = QUESTION | {"patroni": None}
    assert patroni.own(question) is None
    assert etcd.keys(question) is None
    assert etcd.member(question) is None
    assert etcd.health(question) is None


@pytest.mark.parametrize("written", [PASSWORD, f'"{PASSWORD}"', f"'{PASSWORD}'"])
def test_the_account_is_that_of_etcd_in_patronis_file(written: str) -> None:
    text = FILE.replace(f"password: {PASSWORD}", f"password: {written}")
    found = config_file.section(text, "etcd3")
    assert (found["username"], found["password"]) == ("patroni", PASSWORD)


def test_the_template_has_the_account_where_the_probe_reads_it() -> None:
    text = (ROOT / "templates/patroni/patroni.yml.j2").read_text()
    rendered = "\n".join(line for line in text.splitlines() if not line.startswith("{%"))
    found = config_file.section(rendered, "etcd3")
    assert found["username"] == "patroni"
    assert "etcd_patroni_password" in found["password"]


class Etcd:
    """Stands in for `ask`: the endpoint 10.0.0.2 is down."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(
        self, address: str, port: int, path: str, body: Any = None, token: str = "", *, seconds: float
    ) -> tuple[int, str]:
        self.asked.append(f"{address}{path}")
        if address == "10.0.0.2":
            raise TimeoutError("timed out")
        if path == "/v3/auth/authenticate":
            right = body == {"name": "patroni", "password": PASSWORD}
            return (200, json.dumps({"token": "t"})) if right else (400, json.dumps({"message": "refused"}))
        names = {
            "/service/test/": ("leader", "config", "members/db1"),
            "/flashtier/test/": ("holds/db1", "members/db1", "procedure", "other"),
        }
        prefix = etcd.plain(body["key"])
        kvs = [
            {"key": coded(f"{prefix}{name}"), "value": coded(WHOLE), "lease": "7"}
            for name in names.get(prefix, ())
        ]
        return 200, json.dumps({"kvs": kvs})


@pytest.fixture
def member(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Etcd]:
    stand_in = Etcd()
    monkeypatch.setattr(etcd, "ask", stand_in)
    file = tmp_path / "patroni.yml"
    file.write_text(FILE)
    return QUESTION | {"patroni_file": str(file)}, stand_in


def test_the_keys_come_from_the_first_endpoint_that_answers(member: tuple[dict[str, Any], Etcd]) -> None:
    question, stand_in = member
    assert etcd.keys(question) == {
        "/service/test/leader": {"value": WHOLE, "leased": True},
        "/service/test/config": {"value": '{"ttl": 20}', "leased": True},
        "/flashtier/test/holds/db1": {"value": WHOLE, "leased": True},
        "/flashtier/test/members/db1": {"value": WHOLE, "leased": True},
        "/flashtier/test/procedure": {"value": WHOLE, "leased": True},
    }
    assert stand_in.asked[0] == "10.0.0.2/v3/auth/authenticate"


def test_no_error_repeats_the_password(member: tuple[dict[str, Any], Etcd]) -> None:
    question, _ = member
    with pytest.raises(RuntimeError) as raised:
        etcd.keys(question | {"endpoints": [("10.0.0.2", 2379)]})
    assert str(raised.value) == "10.0.0.2: timed out"
    with pytest.raises(RuntimeError) as refused:
        etcd.read("10.0.0.3", 2379, {"username": "patroni", "password": "wrong-one"}, "test", 1)
    assert "wrong-one" not in str(refused.value)


def test_settings_come_from_the_file_that_patroni_keeps_where_it_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closes(*words: object, **more: object) -> tuple[int, str]:
        raise http.client.RemoteDisconnected("Remote end closed connection without response")

    monkeypatch.setattr(patroni, "ask", closes)
    file = tmp_path / "patroni.yml"
    file.write_text(FILE + f"  data_dir: {tmp_path}\n")
    (tmp_path / "patroni.dynamic.json").write_text(WHOLE)
    assert patroni.config(QUESTION | {"patroni_file": str(file)}) == {"ttl": 20}


def test_the_oldest_file_of_wal_is_that_of_any_timeline(tmp_path: Path) -> None:
    """A leader keeps files of the timeline before its own; histories and folders are no WAL."""
    file, folder = tmp_path / "patroni.yml", tmp_path / "pg_wal"
    file.write_text(FILE + f"  data_dir: {tmp_path}\n")
    folder.mkdir()
    question = QUESTION | {"patroni_file": str(file)}
    assert patroni.wal(question) == {"oldest": ""}
    for name in (
        "000000030000000100000002",
        "0000000200000000000000FE",
        "00000003.history",
        "archive_status",
    ):
        (folder / name).write_text("")
    assert patroni.wal(question) == {"oldest": "00000000000000FE"}
    assert patroni.wal(QUESTION | {"patroni": None}) is None


def test_members_begin_with_different_endpoints_of_etcd() -> None:
    found = ask.questions(CONTRACT, 5)
    firsts = [found[name]["endpoints"][0] for name in CONTRACT.database.members]
    assert len(set(firsts)) == len(firsts)
    assert found["web1"]["patroni"] is None
    assert found["web1"]["endpoints"] == []
    assert found["control1"]["etcd"] == (CONTRACT.host("control1").address, CONTRACT.ports["etcd_client"])
