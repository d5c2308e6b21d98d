"""docs/promises.md has a row for each drill: of what it proves, and of what was measured."""

from __future__ import annotations

import re

import pytest

from infra.paths import ROOT

DRILLS = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "drills").glob("test_*.py")}
PROVES, MEASURED = (ROOT / "docs" / "promises.md").read_text().split("\n## Last measured\n")


def rows(text: str) -> set[str]:
    """Names in the first column of a table."""
    return set(re.findall(r"^\| `(\w+)`[^|]*\|", text, re.MULTILINE))


@pytest.mark.parametrize("table", [PROVES, MEASURED], ids=["proves", "measured"])
def test_each_drill_has_its_row(table: str) -> None:
    assert len(DRILLS) > 10
    assert rows(table) == DRILLS
