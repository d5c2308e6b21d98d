"""Where hosts on AWS lie: a zone that is added later moves none of them, and what would is refused."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.aws.preflight.seats import moved
from infra.environment import Environment, subnets
from infra.errors import EnvironmentInvalid
from infra.topology import build
from tests.support.aws_environments import aws_environment, changed, parsed
from tests.support.guards import sometimes

CIDR = "10.64.0.0/16"
ZONES = tuple(f"us-east-1{letter}" for letter in "abcdef")
TIERS = ("web", "database", "control")


def seats(zones: tuple[str, ...], tier: str, count: int, joined: dict[str, int]) -> list[subnets.Seat]:
    return [subnets.seat(CIDR, zones, tier, index, joined) for index in range(count)]


@st.composite
def lives(draw: Any) -> list[tuple[tuple[str, ...], int, dict[str, int]]]:
    """The life of a tier: zones, hosts and what each added zone found, step by step; only growing."""
    zones, count, joined = list(ZONES[: draw(st.integers(2, 4))]), draw(st.integers(1, 12)), {}
    steps = [(tuple(zones), count, dict(joined))]
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()) and len(zones) < len(ZONES):
            zones.append(ZONES[len(zones)])
            joined[zones[-1]] = count
        else:
            count += draw(st.integers(1, 9))
        steps.append((tuple(zones), count, dict(joined)))
    return steps


@settings(max_examples=200, deadline=None)
@given(lives(), st.sampled_from(TIERS))
def test_no_host_moves_in_the_life_of_an_environment(life: Any, tier: str) -> None:
    before: list[subnets.Seat] = []
    for zones, count, joined in life:
        after = seats(zones, tier, count, joined)
        assert after[: len(before)] == before
        assert len({one.address for one in after}) == count
        layout = {
            subnet.cidr: subnet.zone for subnet in subnets.of_tier(CIDR, zones, subnets.HOST_TIERS[tier][0])
        }
        assert {one.zone for one in after} <= set(layout.values())
        before = after


@settings(max_examples=100, deadline=None)
@given(lives())
def test_no_subnet_changes_when_a_zone_is_added(life: Any) -> None:
    before: set[subnets.Subnet] = set()
    for zones, _, _ in life:
        after = set(subnets.subnets(CIDR, zones))
        assert before <= after
        before = after


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 40))
def test_a_new_zone_fills_first_and_then_all_take_turns(zones: int, count: int, found: int) -> None:
    joined = {ZONES[zones - 1]: found} if zones > 2 else {}
    placed = subnets.spread(ZONES[:zones], count, joined)
    per_zone = [placed.count(number) for number in range(zones)]
    since_first = [number for index, number in enumerate(placed) if index >= found]
    # Once the new zone has caught up, no zone has two hosts more than another.
    if sometimes(not joined or len(since_first) >= found):
        assert max(per_zone) - min(per_zone) <= 1


def test_without_a_zone_that_joined_the_zones_take_turns() -> None:
    assert subnets.spread(ZONES[:3], 7) == (0, 1, 2, 0, 1, 2, 0)


def existing(environment: Environment) -> dict[str, tuple[str, str]]:
    return {host.name: (host.zone or "", host.address) for host in build("dev", environment).hosts}


BEFORE = {"web__count": 4, "database__members": 3, "control__count": 3}


def after(zones: list[str], **more: Any) -> Environment:
    return parsed("dev", **BEFORE, aws__zones=zones, **more)


def said(environment: Environment) -> list[str]:
    """Against four web, three database and three control hosts in two zones."""
    return list(moved(existing(after(list(ZONES[:2]))), build("dev", environment), environment))


def test_a_third_zone_moved_four_hosts_and_gave_one_the_address_of_another() -> None:
    """What the issue found; it is refused now, with the key that says what the zone found."""
    [line] = said(after(list(ZONES[:3])))
    assert "control3, db3, web3, web4 would be replaced" in line
    assert "control3 is in us-east-1a at 10.64." not in line  # dev has another range
    assert line.endswith(
        "say how many hosts the added zone found, with aws.zones_joined: "
        "{us-east-1c: {web: 4, database: 3, control: 3}}"
    )


def test_a_third_zone_that_says_what_it_found_moves_none() -> None:
    found = {"us-east-1c": {"web": 4, "database": 3, "control": 3}}
    environment = after(list(ZONES[:3]), aws__zones_joined=found)
    assert said(environment) == []
    grown = changed(aws_environment("dev"), **BEFORE, aws__zones=list(ZONES[:3]), aws__zones_joined=found)
    grown["web"]["count"] = 6
    hosts = {host.name: host.zone for host in build("dev", Environment.parse(grown)).hosts}
    assert (hosts["web5"], hosts["web6"]) == ("us-east-1c", "us-east-1c")


@pytest.mark.parametrize(
    "zones", [*permutations(ZONES[:2]), ("us-east-1b", "us-east-1c"), ("us-east-1c", "us-east-1a")]
)
def test_other_zones_or_another_order_are_refused_where_a_host_would_move(zones: tuple[str, ...]) -> None:
    environment = after(list(zones))
    same = existing(environment) == existing(after(list(ZONES[:2])))
    lines = said(environment)
    assert bool(lines) is not same
    assert all("restore the order of zones" in line for line in lines)


def test_another_range_is_refused_where_hosts_would_get_other_addresses() -> None:
    [line] = said(after(list(ZONES[:2]), network__cidr="10.99.0.0/16"))
    assert "at 10.99." in line


def test_hosts_that_are_removed_or_added_do_not_count_as_moved() -> None:
    environment = after(list(ZONES[:2]))
    fewer = parsed("dev", **{**BEFORE, "web__count": 1}, aws__zones=list(ZONES[:2]))
    assert list(moved(existing(environment), build("dev", fewer), fewer)) == []
    assert list(moved(existing(fewer), build("dev", environment), environment)) == []


WRONG = [
    ({"us-east-1z": {"web": 1, "database": 1, "control": 1}}, "must be the last of zones"),
    ({"us-east-1a": {"web": 1, "database": 1, "control": 1}}, "must be the last of zones"),
    (
        {
            "us-east-1b": {"web": 1, "database": 1, "control": 1},
            "us-east-1c": {"web": 1, "database": 1, "control": 1},
        },
        "at least two",
    ),
]


@pytest.mark.parametrize(("joined", "says"), WRONG)
def test_a_zone_that_joined_must_be_a_later_one(joined: Any, says: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=says):
        after(list(ZONES[:3]), aws__zones_joined=joined)


def test_members_that_lie_in_two_zones_are_not_spread_over_three() -> None:
    """A third zone that found all three members holds none of them."""
    joined = {"us-east-1c": {"web": 9, "database": 3, "control": 3}}
    with pytest.raises(EnvironmentInvalid, match=r"aws\.zones: 2: instance store loses everything"):
        parsed("prod", aws__zones_joined=joined)
