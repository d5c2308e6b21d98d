"""The action that reads and keeps the stack's record of its cluster."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from infra.errors import FlashtierError
from infra.paths import ROOT
from infra.stack import cluster_record

ONE = "7714080437308633944"


def run(monkeypatch: pytest.MonkeyPatch, check: bool = False, **arguments: str) -> dict[str, Any]:
    path = ROOT / "ansible" / "plugins" / "action" / "cluster_record.py"
    spec = importlib.util.spec_from_file_location("cluster_record_action", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.ActionBase, "run", lambda *_: {})
    action = module.ActionModule.__new__(module.ActionModule)
    action._task = SimpleNamespace(args=arguments)
    found: dict[str, Any] = action.run(None, {"contract": {"stack": "unit"}, "ansible_check_mode": check})
    return found


@pytest.mark.parametrize(
    ("before", "arguments", "check", "changed", "written"),
    [
        ("", {}, False, False, []),
        ("", {"identifier": ONE}, False, True, [ONE]),
        ("", {"identifier": ONE}, True, True, []),
        (ONE, {"identifier": ONE}, False, False, []),
        (ONE, {"identifier": ""}, False, False, []),
    ],
)
def test_only_what_differs_is_written(
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    arguments: dict[str, str],
    check: bool,
    changed: bool,
    written: list[str],
) -> None:
    made: list[str] = []
    monkeypatch.setattr(cluster_record, "recorded", lambda stack: before)
    monkeypatch.setattr(cluster_record, "record", lambda stack, identifier: made.append(identifier))
    result = run(monkeypatch, check, **arguments)
    assert (result["changed"], made) == (changed, written)
    assert result["recorded"] == (arguments.get("identifier") or before)


def test_a_backend_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(stack: str) -> str:
        raise FlashtierError("`pulumi stack tag ls` did not end within 60 s; is the backend reachable?")

    monkeypatch.setattr(cluster_record, "recorded", fails)
    with pytest.raises(AnsibleActionFail, match="did not end within 60 s"):
        run(monkeypatch)
