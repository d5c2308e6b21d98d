"""The kit's filters of Ansible as functions, what they read of host_look, and the line that they give."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from typing import Any

from infra.paths import ROOT


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
