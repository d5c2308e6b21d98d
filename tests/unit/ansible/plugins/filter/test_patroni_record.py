"""An empty cluster is made, or a found one begun, only where the stack's own record agrees."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.filters import filters

ONE, OTHER = "7714080437308633944", "7714080437308633945"
MAKES = {"create": "db1", "adopt": "db1"}
ADOPTS = {"create": "", "adopt": "db1"}
RUNS = {"create": "", "adopt": ""}


def problem(recorded: str, plan: dict[str, Any], known: str = "", *held: str) -> str:
    line: str = filters("patroni_record")["patroni_record_problem"](recorded, plan, known, held, "unit")
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("recorded", "plan", "known", "held"),
    [
        ("", MAKES, "", ("", "", "")),
        ("", ADOPTS, "", (ONE, "", "")),
        ("", RUNS, ONE, (ONE, ONE, ONE)),
        (ONE, RUNS, ONE, (ONE, ONE, "")),
        (ONE, ADOPTS, "", (ONE, "", "")),
    ],
)
def test_a_record_that_agrees_or_is_not_there_yet(
    recorded: str, plan: dict[str, str], known: str, held: tuple[str, ...]
) -> None:
    assert problem(recorded, plan, known, *held) == ""


def test_no_empty_cluster_is_made_where_one_was() -> None:
    line = problem(ONE, MAKES, "", "", "", "")
    assert line.startswith(f"stack unit has cluster {ONE} on record, and no medium and no etcd knows one")
    assert line.endswith(f"flashtier forget-cluster -s unit {ONE}")


@pytest.mark.parametrize(("known", "held"), [(OTHER, (OTHER, "")), ("", (OTHER, ""))])
def test_another_cluster_than_the_recorded_one_is_named(known: str, held: tuple[str, ...]) -> None:
    line = problem(ONE, RUNS if known else ADOPTS, known, *held)
    assert f"members or etcd hold {OTHER}." in line
    assert line.endswith(f"flashtier forget-cluster -s unit {ONE}")
