"""Tests over many cases end none of them early: a case that proves nothing is not generated."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from infra.paths import ROOT

#: Not those of tests/hosts: what they leave out, the ledger of facts names (tests/hosts/facts.py).
MODULES = [
    path
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    if not path.is_relative_to(ROOT / "tests" / "hosts")
]
GUARDS = ("sometimes", "either")


def faults(source: str) -> Iterator[str]:
    """One line for each early end of a test, and each unguarded branch of a test over cases."""
    for test in ast.walk(ast.parse(source)):
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
            cases = over_cases(test)
            for node in own(test):
                if isinstance(node, ast.Return) or (cases and isinstance(node, ast.Continue)):
                    yield f"{test.name}: line {node.lineno}: ends a case early; leave the case out"
                elif cases and isinstance(node, ast.If) and bare(node):
                    yield f"{test.name}: line {node.lineno}: write `if sometimes(...)`, or leave the case out"


def over_cases(test: ast.FunctionDef) -> bool:
    return any(name in ast.unparse(one) for one in test.decorator_list for name in ("parametrize", "given"))


def own(test: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a test without those of functions in it."""
    for node in ast.iter_child_nodes(test):
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            yield node
            yield from own(node)


def bare(node: ast.If) -> bool:
    """Whether the branch asserts something of some cases, and nothing asks whether there are any."""
    call = node.test
    guarded = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in GUARDS
    return not node.orelse and not guarded and any(isinstance(one, ast.Assert) for one in ast.walk(node))


def test_no_case_is_ended_early() -> None:
    assert len(MODULES) > 100
    found = {
        str(path.relative_to(ROOT)): lines for path in MODULES if (lines := list(faults(path.read_text())))
    }
    assert found == {}


HEAD = "@pytest.mark.parametrize('x', [1])\ndef test_x(x):\n"
FIXTURES = "def test_x(x):\n"


def test_an_early_end_of_a_test_over_a_fixture_is_found() -> None:
    assert list(faults(FIXTURES + "    if x:\n        return\n    assert x"))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("    if x:\n        return\n    assert x", 1),
        ("    for y in x:\n        if y:\n            continue\n        assert y", 1),
        ("    if x > 1:\n        assert x", 1),
        ("    if sometimes(x > 1):\n        assert x", 0),
        ("    if x > 1:\n        assert x\n    else:\n        assert not x", 0),
        ("    def one():\n        return 1\n    assert one()", 0),
    ],
)
def test_an_early_end_is_found(body: str, count: int) -> None:
    assert len(list(faults(HEAD + body))) == count
