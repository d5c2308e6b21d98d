"""The command `flashtier status`: what it prints, its exit codes, and that it ends by its deadline."""

from __future__ import annotations

import json
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from infra import paths
from infra.contract import Contract
from infra.errors import FlashtierError
from infra.paths import ROOT
from ops import cli
from ops.status import ask, command, view
from ops.status.facts import Status
from tests.support.status_answers import CONTRACT, DOWN, NOW, etcd_is_silent, healthy, judged, put


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLASHTIER_STATE", str(tmp_path))
    paths.state_dir("test").mkdir()
    monkeypatch.setattr(command, "read_contract_within", lambda stack, seconds: CONTRACT)


def answering(monkeypatch: pytest.MonkeyPatch, hosts: dict[str, Any]) -> None:
    def answers(contract: Contract, known_hosts: Path, until: float) -> dict[str, Any]:
        assert len(known_hosts.read_text().splitlines()) == len(contract.hosts)
        return hosts

    monkeypatch.setattr(ask, "answers", answers)


def shown(status: Status, terminal: bool = False, width: int = command.PIPE_WIDTH) -> str:
    output = StringIO()
    view.show(status, Console(file=output, width=width, force_terminal=terminal))
    return output.getvalue()


def test_people_read_who_leads_and_that_all_is_well() -> None:
    rows = [line.split() for line in shown(judged(healthy())).splitlines()]
    assert ["stack", "test:", "healthy"] in rows
    assert ["leader", "db3", "(by", "etcd)"] in rows
    assert ["db2", "replica", "streaming", "3", "0", "B", "0", "B", "quorum"] in rows
    assert ["timers", "ttl", "20", "s,", "loop_wait", "2", "s,", "retry_timeout", "5", "s"] in rows
    assert ["holds:", "none"] in rows
    assert ["authority:", "3649", "days", "left", "(flashtier", "test", "authority)"] in rows
    assert ["hosts:", "9", "of", "9", "answer"] in rows


def test_the_members_fit_a_terminal_of_80_columns() -> None:
    hosts = healthy()
    reason = {"max_connections": {"old_value": "56", "new_value": "62"}}
    hosts["db1"]["patroni"] |= {"pending_restart": True, "pending_restart_reason": reason}
    text = shown(judged(hosts), width=80)
    (row,) = [line.split() for line in text.splitlines() if line.startswith("db1 ")]
    assert row == ["db1", "replica", "streaming", "3", "0", "B", "0", "B", "quorum", "waits"]
    assert "note: db1 waits for a restart: max_connections 56 -> 62\n" in text


def test_people_read_each_reason_on_one_line() -> None:
    text = shown(judged(etcd_is_silent() | {"db2": DOWN}))
    assert "stack test: degraded\n" in text
    assert f"db2  does not answer: {DOWN['error']}\n" in text
    assert "- etcd has no quorum: no member of the database can take over\n" in text
    assert "holds and followers: unknown" in text
    assert "(by the members; etcd was not read)" in text


def test_what_a_host_says_is_not_read_as_markup() -> None:
    value = {"until": NOW.timestamp() + 4, "reason": "[red]its server[/red] stops"}
    hosts = put(healthy(), "holds/db3", value)
    hosts["control1"]["health"] = {"error": "[red]refused[/red]"}
    hosts["db1"]["patroni"]["replication_state"] = "[b]streaming"
    text = shown(judged(hosts))
    assert "[red]its server[/red] stops" in text
    for name, said in (("control1", "[red]refused[/red]"), ("db1", "[b]streaming")):
        assert any(line.startswith(f"{name} ") and said in line for line in text.splitlines())


def test_colours_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    status = judged(healthy())
    assert "\x1b[" not in shown(status)
    assert "\x1b[" in shown(status, terminal=True)


def test_programs_read_the_same_facts_and_docs_name_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"until": NOW.timestamp() + 4, "reason": "its server stops"}
    hosts = put(healthy(), "holds/db3", value)
    put(hosts, "procedure", {"procedure": "rolling"})
    put(hosts, "maintenance", value)
    answering(monkeypatch, hosts)
    done = CliRunner().invoke(cli.app, ["status", "-s", "test", "--json"])
    found = json.loads(done.stdout)
    assert (found["stack"], found["cluster"]["leader"]) == ("test", "db3")
    assert done.exit_code == found["exit_code"]
    page = (ROOT / "docs/tasks/status.md").read_text()
    assert {key for key in keys(found) if f"`{key}`" not in page} == set()


def keys(found: object) -> set[str]:
    if isinstance(found, dict):
        return set(found).union(*(keys(value) for value in found.values()))
    return set().union(*(keys(value) for value in found)) if isinstance(found, list) else set()


@pytest.mark.parametrize(
    ("hosts", "code"),
    [
        ({"db2": DOWN}, 1),
        (dict.fromkeys(healthy(), DOWN), 2),
    ],
)
def test_the_exit_code_says_how_it_is(
    monkeypatch: pytest.MonkeyPatch, hosts: dict[str, Any], code: int
) -> None:
    answering(monkeypatch, healthy() | hosts)
    assert CliRunner().invoke(cli.app, ["status", "-s", "test"]).exit_code == code


def test_a_stack_that_cannot_be_read_is_one_line_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(stack: str, seconds: float) -> Contract:
        raise FlashtierError(f"stack {stack}: does not exist")

    monkeypatch.setattr(command, "read_contract_within", fails)
    done = CliRunner().invoke(cli.app, ["status", "-s", "test"])
    assert done.exit_code == 2
    assert done.stderr == "flashtier: stack test: does not exist\n"
    assert done.stdout == ""


def test_it_ends_by_its_deadline_while_no_host_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging = tmp_path / "bin" / "ssh"
    hanging.parent.mkdir()
    # What carries the connection outlives ssh and keeps its pipes open.
    hanging.write_text("#!/bin/sh\nsleep 60 &\nwait\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{hanging.parent}:/usr/bin:/bin")
    begun = time.monotonic()
    done = CliRunner().invoke(cli.app, ["status", "-s", "test", "--deadline", "3", "--json"])
    assert time.monotonic() - begun < 3
    assert done.exit_code == 2
    assert {host["why"] for host in json.loads(done.stdout)["hosts"]} == {"no answer within 2 s"}
