"""The comparison of what check mode would change with what the verification reports."""

from __future__ import annotations

import pytest

from tests.drills.playbook_report import Changed, unreported

FILE, ITEM, UNIT = (
    ("db1", "role : A file", "/etc/a"),
    ("db1", "role : Files", '"x" /etc/a'),
    ("db1", "A unit", ""),
)


@pytest.mark.parametrize("change", [FILE, ITEM])
@pytest.mark.parametrize(
    ("faults", "named"),
    [
        (["test_x[db1]: /etc/a: differs"], True),
        (["test_x[db2]: /etc/a: differs"], False),
        (["test_x[db1]: /etc/b: differs"], False),
        (["test_x[db1]: /etc/b: differs", "test_x[db2]: /etc/a: differs"], False),
        ([], False),
    ],
)
def test_a_file_must_be_named_on_its_host(change: Changed, faults: list[str], named: bool) -> None:
    assert unreported({change}, faults) == ([] if named else [change])


def test_another_change_needs_a_fault_of_its_host() -> None:
    assert unreported({UNIT}, ["test_x[db1]: a unit"]) == []
    assert unreported({UNIT}, ["test_x[db2]: a unit"]) == [UNIT]
