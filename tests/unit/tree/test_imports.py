"""Imports: no circle in infra/ and ops/, no test module imports another. Layers: see pyproject.toml."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from infra.paths import ROOT

TESTS = sorted((ROOT / "tests").rglob("*.py"))


def circle(*packages: str) -> list[str]:
    """Modules of which each imports the next and the last is the first; [] if there are none.

    Imports under TYPE_CHECKING and inside functions count.
    """
    graph = grimp.build_graph(*packages, cache_dir=None)
    assert len(graph.modules) > 1
    importers = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(importers).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_through_others() -> None:
    assert circle("infra", "ops") == []


@pytest.mark.parametrize(
    "back",
    [
        "from made_up import one",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made_up import one",
        "def later() -> None:\n    import made_up.one",
    ],
    ids=["import", "TYPE_CHECKING", "function"],
)
def test_a_circle_is_found(back: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "made_up"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "one.py").write_text("import made_up.two\n")
    (package / "two.py").write_text(f"{back}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert sorted(set(circle("made_up"))) == ["made_up.one", "made_up.two"]
    (package / "two.py").write_text("")
    assert circle("made_up") == []


def imported(source: str) -> Iterator[str]:
    """The last name of each module that `source` imports, or of what may be one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name.rpartition(".")[2] for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").rpartition(".")[2]
            yield from (one.name for one in node.names)


def is_test_module(name: str) -> bool:
    return name == "conftest" or any(path.stem == name for path in TESTS if name.startswith("test_"))


def test_no_module_imports_a_test_module() -> None:
    """What two need stands in tests/support/, or next to them under a name that is not a test module's."""
    assert len(TESTS) > 100
    found = {
        str(path.relative_to(ROOT)): borrowed
        for path in TESTS
        if (borrowed := [name for name in imported(path.read_text()) if is_test_module(name)])
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "import test_imports",
        "from tests.unit.tree.test_imports import circle",
        "from tests.unit.tree import test_imports as other",
        "def later():\n    from . import test_imports",
        "from conftest import BASE",
    ],
)
def test_an_import_of_a_test_module_is_found(source: str) -> None:
    assert any(is_test_module(name) for name in imported(source))
