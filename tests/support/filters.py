"""The kit's filters of Ansible as functions, what they read of host_look, and the line that they give."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from typing import Any

from ansible.template import trust_as_template

from infra.environment import Environment
from infra.paths import ROOT
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import templar

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
FIRST = CONTRACT.database.first


def filters(role: str) -> dict[str, Callable[..., Any]]:
    path = ROOT / "ansible" / "plugins" / "filter" / f"{role}.py"
    spec = importlib.util.spec_from_file_location(f"filter_{role}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Callable[..., Any]] = module.FilterModule().filters()
    return found


def said(value: Any, error: str = "", code: int = 0) -> dict[str, Any]:
    """What host_look tells of a command."""
    return {"code": code, "stdout": value if isinstance(value, str) else json.dumps(value), "stderr": error}


def one(lines: list[str], *parts: str) -> None:
    """Exactly one line, of one line, which names all `parts`."""
    assert len(lines) == 1, lines
    assert "\n" not in lines[0]
    assert [part for part in parts if part not in lines[0]] == []


def mount(target: str, root: str = "/", device: str = "7:1", options: str = "rw,noatime") -> dict[str, str]:
    """One line of findmnt's table."""
    return {"target": target, "fsroot": root, "maj:min": device, "options": options}


def variables(role: str, host: str, *names: str, **known: Any) -> dict[str, Any]:
    """What variables of the role come to on a host of the contract."""
    ansible = templar(CONTRACT, host, role, **known)
    return {name: ansible.template(trust_as_template(f"{{{{ {role}_{name} }}}}")) for name in names}
