"""The controller's part of the lock of procedures: its place in playbooks, its lines, and what it sends."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail

from infra.environment import Environment
from infra.paths import ROOT
from tests.support.declared import contract_of, local_environment

PLAYBOOKS = sorted((ROOT / "ansible" / "playbooks").glob("*.yml"))
CONTRACT = contract_of("unit", Environment.parse(local_environment()))
HOLDER = {"procedure": "rolling", "holder": "ada@ctl pid 7", "since": "2026-11-30T10:00:00+00:00"}


def loaded() -> ModuleType:
    path = ROOT / "ansible" / "plugins" / "action" / "procedure_lock.py"
    spec = importlib.util.spec_from_file_location("procedure_lock", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLUGIN = loaded()


def action(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], *, required: bool = True
) -> dict[str, Any]:
    """The result of the task where the keeper says `found`."""
    made = PLUGIN.ActionModule.__new__(PLUGIN.ActionModule)
    made._task = SimpleNamespace(args={"required": required, "shown": []}, async_val=0, check_mode=False)
    made._loader = None
    monkeypatch.setattr(PLUGIN.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(PLUGIN.context, "CLIARGS", {"args": ("ansible/playbooks/switchover.yml",)})
    monkeypatch.setattr(PLUGIN, "read_contract", lambda stack: CONTRACT)
    monkeypatch.setattr(PLUGIN.ActionModule, "_keeper", lambda *_: found)
    result: dict[str, Any] = made.run(None, {"contract": {"stack": "unit"}})
    return result


def first(path: Any) -> dict[str, Any]:
    play = yaml.safe_load(path.read_text())[0]
    found: dict[str, Any] = play["tasks"][0]
    return found


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: str(path.stem))
def test_a_procedure_begins_with_the_lock(path: Any) -> None:
    assert first(path)["ansible.builtin.import_role"] == {"name": "procedure", "tasks_from": "begin"}
    more = {
        "restore_etcd": {"procedure_required": False},
        "maintenance": {"procedure_in_maintenance": True},
    }
    assert first(path).get("vars", {}) == more.get(path.stem, {})


def test_site_takes_it_before_the_first_change_of_the_database() -> None:
    plays = yaml.safe_load((ROOT / "ansible" / "site.yml").read_text())
    names = [play["name"] for play in plays]
    at = names.index("Lock of procedures")
    assert names[at - 1 : at + 2] == ["Accounts of etcd", "Lock of procedures", "Database hosts"]
    # With any --limit and any --tags.
    assert plays[at]["hosts"] == "flashtier"
    assert plays[at]["tasks"][0]["tags"] == ["always"]


def test_who_is_refused_reads_in_one_line_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    result = action(monkeypatch, {"state": "refused", "holder": HOLDER})
    assert result["failed"]
    assert result["msg"] == (
        "switchover: rolling holds the lock of procedures: ada@ctl pid 7, since 2026-11-30T10:00:00+00:00."
        " Nothing was changed. Wait until that has ended, or end it there: the lock ends with it."
    )


def test_who_has_it_reads_where_the_audit_is(monkeypatch: pytest.MonkeyPatch) -> None:
    result = action(monkeypatch, {"state": "taken", "host": "control2"})
    assert (result["changed"], result["audit"]) == (False, "journalctl -t flashtier-procedure on control2")


@pytest.mark.parametrize(("required", "failed"), [(True, True), (False, False)])
def test_without_etcd_only_what_is_for_that_goes_on(
    monkeypatch: pytest.MonkeyPatch, required: bool, failed: bool
) -> None:
    found = {"state": "unavailable", "why": "control1: timed out"}
    result = action(monkeypatch, found, required=required)
    assert result.get("failed", False) is failed
    assert "etcd does not give it: control1: timed out" in result["msg"]
    assert "\n" not in result["msg"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"state": "free", "holder": None}, "switchover: no procedure holds the lock"),
        (
            {"state": "held", "holder": HOLDER},
            "switchover: rolling holds the lock of procedures: ada@ctl pid 7, since"
            " 2026-11-30T10:00:00+00:00: it would be refused now",
        ),
    ],
)
def test_check_mode_says_who_holds_it(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], said: str
) -> None:
    result = action(monkeypatch, found)
    assert (result["changed"], result["msg"]) == (False, said)


def test_a_maintenance_refuses_it_with_its_owner_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {"owner": "ada@ctl", "reason": "new switch", "until": 1796059020.4}
    result = action(monkeypatch, {"state": "maintenance", "maintenance": declared})
    assert result["failed"]
    assert result["msg"].startswith(
        "switchover: ada@ctl has declared a maintenance (new switch) until 2026-11-30T17:17:00+00:00, and"
    )
    assert "-e end=now" in result["msg"]
    assert "\n" not in result["msg"]


def test_a_stack_without_the_secret_says_what_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PLUGIN, "read_secrets", lambda stack: {"etcd_root_password": "x"})
    with pytest.raises(
        PLUGIN.FlashtierError, match="has no secret etcd_procedure_password; run `flashtier secrets"
    ):
        PLUGIN.password("unit")


def test_the_audit_has_no_value_that_was_not_named() -> None:
    given = {"member": "db2", "token": "a-secret", "confirm": "unit"}
    assert PLUGIN.shown(given, ["member", "confirm"]) == {
        "confirm": "unit",
        "member": "db2",
        "token": "(not shown)",
    }


def test_a_keeper_that_says_nothing_is_ended_in_time() -> None:
    keeper = subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE)
    with pytest.raises(OSError, match="did not answer within 0 s"):
        PLUGIN.first_line(keeper, 0.1)
    assert keeper.wait(5) == -9
    assert keeper.stdout is not None
    keeper.stdout.close()


def test_the_password_is_in_no_argument_and_the_question_names_the_holder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real keeper is replaced by a program that prints what it was given."""
    echo = "import json, sys; print(json.dumps({'argv': sys.argv, 'given': json.load(sys.stdin)}))"
    started = subprocess.Popen

    def keeper(words: list[str], **options: Any) -> Any:
        return started([sys.executable, "-c", echo, *words[1:]], **options)

    monkeypatch.setattr(PLUGIN.subprocess, "Popen", keeper)
    monkeypatch.setattr(PLUGIN, "read_secrets", lambda stack: {PLUGIN.SECRET: "the-password-of-it"})
    monkeypatch.setattr(PLUGIN, "load_extra_vars", lambda loader: {"member": "db2"})
    monkeypatch.setenv("SUDO_USER", "ada")
    made = PLUGIN.ActionModule.__new__(PLUGIN.ActionModule)
    made._loader = None
    found = made._keeper(CONTRACT, "rolling", {"shown": ["member"], "in_maintenance": False}, False)
    given = found["given"]
    control = [host.name for host in CONTRACT.hosts if "etcd" in host.components]
    assert list(given["hosts"]) == control
    assert "the-password-of-it" not in json.dumps([found["argv"], given["hosts"]])
    assert given["question"]["password"] == "the-password-of-it"  # noqa: S105 - of the test
    assert given["question"]["value"]["holder"].startswith("ada@")
    assert given["question"]["arguments"] == {"member": "db2"}
    assert given["question"]["key"] == "/flashtier/unit/procedure"
    assert given["question"]["maintenance"] == "/flashtier/unit/maintenance"


def test_what_ansible_cannot_be_asked_for_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> dict[str, Any]:
        raise OSError("no ssh")

    with monkeypatch.context() as patch:
        patch.setattr(PLUGIN.ActionModule, "_keeper", fails)
        made = PLUGIN.ActionModule.__new__(PLUGIN.ActionModule)
        made._task = SimpleNamespace(args={"required": True, "shown": []})
        patch.setattr(PLUGIN.ActionBase, "run", lambda *_: {})
        patch.setattr(PLUGIN.context, "CLIARGS", {"args": ("rolling.yml",)})
        patch.setattr(PLUGIN, "read_contract", lambda stack: CONTRACT)
        with pytest.raises(
            AnsibleActionFail, match="rolling: the lock of procedures could not be asked for: no ssh"
        ):
            made.run(None, {"contract": {"stack": "unit"}})
