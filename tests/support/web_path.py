"""The path of a request, as rendered for tests: its table of waits, and what the templates make of it."""

from __future__ import annotations

import ast
import re
from typing import Any

import yaml

from infra.environment import Environment
from infra.paths import ROOT
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import SHARED, render

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
SETTINGS = ROOT / "app/src/photo_api/settings.py"
TABLE: dict[str, Any] = yaml.safe_load((SHARED / "web_path.yml").read_text())["web_path"]
UPLOAD_KIB = CONTRACT.app.max_upload_mib * 1024 + TABLE["form_overhead_kib"]


def of(role: str, template: str, **more: Any) -> str:
    host = {"haproxy": "edge1"}.get(role, "web1")
    return render(CONTRACT, host, role, template, **more)


def number(text: str, pattern: str) -> float:
    """The one number that `pattern` finds."""
    found = re.findall(pattern, text, re.MULTILINE)
    assert len(found) == 1, f"{pattern}: {found}"
    return float(found[0])


def fields(model: str) -> dict[str, bool]:
    """The fields of a settings class and whether each has a default, read from the app's source."""
    tree = ast.parse(SETTINGS.read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found: dict[str, bool] = {}
    for name in [*(base.id for base in classes[model].bases if isinstance(base, ast.Name)), model]:
        for node in classes[name].body if name in classes else []:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                call = node.value
                field = (
                    isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Field"
                )
                found[node.target.id] = (
                    any(keyword.arg == "default" for keyword in call.keywords)
                    if field and isinstance(call, ast.Call)
                    else call is not None
                )
    return found


def backend(haproxy: str, name: str) -> str:
    """What HAProxy is given for it."""
    (text,) = re.findall(rf"^backend {name}\n((?:[ \t].*\n)+)", haproxy, re.MULTILINE)
    return str(text)
