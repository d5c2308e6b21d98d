"""Waivers of the policy pack: what gives one its effect, and what is reported of one without."""

from __future__ import annotations

from datetime import date

import pytest

from policy.rules import waivers

TODAY = date(2026, 11, 28)
RULES = ("old-tls", "open-ports")
GOOD = {"rule": "old-tls", "resource": "https", "reason": "a partner's client", "until": "2026-11-28"}


def test_it_has_an_effect_on_its_rule_and_resource_until_its_last_day() -> None:
    read = waivers.read([GOOD], RULES, TODAY)
    assert waivers.judge(read, "old-tls", "https") == (True, "")
    assert waivers.judge(read, "old-tls", "other") == (False, "")
    assert waivers.judge(read, "open-ports", "https") == (False, "")
    assert waivers.notes(read) == [
        "flashtier:waivers: old-tls on https is waived until 2026-11-28: a partner's client"
    ]
    late = waivers.read([GOOD], RULES, date(2026, 11, 29))
    assert waivers.judge(late, "old-tls", "https") == (
        False,
        " (its waiver has no effect: it ended on 2026-11-28)",
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reason": "  "}, "reason missing"),
        ({"until": ""}, "until missing"),
        ({"until": "soon"}, "until: soon is not a date"),
        ({"until": None, "reason": None}, "reason, until missing"),
        ({"rule": "old-tsl"}, "there is no rule old-tsl; use one of old-tls, open-ports"),
        ({"untill": "2027-01-01"}, "untill is not a key of a waiver"),
    ],
)
def test_a_wrong_waiver_has_no_effect_and_is_reported(change: dict[str, object], says: str) -> None:
    read = waivers.read([{**GOOD, **change}], RULES, TODAY)
    assert not waivers.judge(read, "old-tls", "https")[0]
    assert says in waivers.notes(read)[0]


@pytest.mark.parametrize("declared", [{"rule": "old-tls"}, "old-tls", ["old-tls"], [None]])
def test_what_is_not_a_list_of_waivers_is_reported(declared: object) -> None:
    read = waivers.read(declared, RULES, TODAY)
    assert "has no effect" in waivers.notes(read)[0]
    assert waivers.read(None, RULES, TODAY) == []
