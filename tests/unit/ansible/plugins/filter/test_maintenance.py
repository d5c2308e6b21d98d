"""What a person gives for a maintenance: how long, why, or its end."""

from __future__ import annotations

import pytest

from tests.support.filters import filters

FILTERS = filters("maintenance")
GIVEN = {"for": "30m", "reason": "new switch", "end": ""}


@pytest.mark.parametrize(("text", "seconds"), [("900s", 900), ("30m", 1800), (" 4h ", 14400), ("1m", 60)])
def test_a_time_of_up_to_four_hours_is_taken(text: str, seconds: int) -> None:
    given = GIVEN | {"for": text}
    assert FILTERS["maintenance_refused"](given) == ""
    assert FILTERS["maintenance_seconds"](given) == seconds


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"for": ""}, "for = (empty): must be a number and s, m or h"),
        ({"for": "half an hour"}, "for = half an hour: must be a number"),
        ({"for": "30"}, "for = 30: must be a number and s, m or h"),
        ({"for": "0m"}, "for = 0m: must be a number"),
        ({"for": "59s"}, "for = 59s: must be from 1m to 4h"),
        ({"for": "241m"}, "a loss of the leader stops writes until a person acts"),
        ({"reason": "  "}, "reason is empty: must say why"),
        ({"end": "later"}, "end = later: must be now"),
    ],
)
def test_anything_else_is_refused_in_one_line(more: dict[str, str], said: str) -> None:
    line = FILTERS["maintenance_refused"](GIVEN | more)
    assert said in line
    assert "\n" not in line


def test_its_end_needs_neither_a_time_nor_a_reason() -> None:
    given = {"for": "", "reason": "", "end": "now"}
    assert FILTERS["maintenance_refused"](given) == ""
    assert FILTERS["maintenance_seconds"](given) == 0
