"""The takeover loses nothing, whatever happens between two of its steps; without one of its rules it does."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.support.takeover_model import LEAVES, LOOKS, Rules, State, X, seconds_left, violations
from tests.support.takeover_search import search

#: A rule that is broken -> what was lost by it, and is not by the design.
BROKEN = {
    "no seal": Rules(seals=False),
    "a release that no one has confirmed": Rules(confirms="none"),
    "a release that one voter has confirmed": Rules(confirms="one"),
    "a release that the voters of /sync have confirmed": Rules(confirms="sync"),
    "a release by what its unit saw before": Rules(compares_order=False, compares_confirmations=False),
    "a release by confirmations of an order that has ended": Rules(compares_order=False),
    "a seal that ends before the release": Rules(seal_outlives=False),
    "a seal whose time is that of an earlier order": Rules(sets_anew=False),
    "a seal that a reload of the firewall removes": Rules(survives_reload=False),
    "a voter that unseals on the old timeline": Rules(until_new_timeline=False),
    "a voter that unseals when no one has led for long": Rules(while_no_leader=False),
    "a voter that is cut off from etcd after it has confirmed": Rules(keeps_unanswered=False),
    "an agent that reads `last` first and the order later": Rules(one_view=False),
    "a second takeover while a voter is on the old timeline": Rules(next_waits=False),
    # What remains possible; docs/decisions/takeover.md has a line for each.
    "agent and Patroni of one voter fail": Rules(one_part_works=False),
    "a voter takes the key by votes of long ago": Rules(votes_are_fresh=False),
    "a new leader fails before its timeline is in /history": Rules(history_is_first=False),
    "a leader outlives its lease": Rules(stops_with_its_lease=False),
}


def lost(before: State, after: State) -> bool:
    return "lost" in violations(before, after)


def unwanted(before: State, after: State) -> bool:
    return any(violations(before, after))


def test_nothing_is_lost_and_no_two_acknowledge() -> None:
    result = search(Rules(), unwanted)
    print(f"{result.states} states, {result.steps} steps")
    assert result.trace == ()
    assert result.states > 5000, "the model has lost steps: fewer states than it had"


@pytest.mark.parametrize("case", BROKEN)
def test_each_rule_is_needed(case: str) -> None:
    """The search finds how a write is lost that a client was told of."""
    trace = search(BROKEN[case], lost).trace
    print(case, *trace, sep="\n    ")
    assert "X acknowledges the write" in trace or trace[-1].endswith("streams the new timeline")


def test_every_rule_is_broken_once() -> None:
    design = Rules()
    broken = {
        field.name
        for rules in BROKEN.values()
        for field in fields(rules)
        if getattr(rules, field.name) != getattr(design, field.name)
    }
    assert broken == {field.name for field in fields(design)}


def test_the_order_alone_binds_the_release() -> None:
    """A unit that saw the confirmations once may rely on the order: it ends before the seals do."""
    assert search(Rules(compares_confirmations=False), unwanted).trace == ()


REACHED = {
    "a takeover": lambda before, after: all(after.new),
    "a healthy leader that takes its key again": lambda before, after: before.last and after.key == X,
    "a second order after a release": lambda before, after: after.last and after.order,
    "a write that X acknowledges as the leader": lambda before, after: after.acked and after.key == X,
    "a promoted voter that has an acknowledged write": lambda before, after: (
        sum(after.new) == 1 and after.acked and after.has[after.new.index(1)]
    ),
    "an election by a voter alone": lambda before, after: sum(after.voters) == 1 and any(after.voted),
    "an answer of X after another leads": lambda before, after: (
        any(after.new) and after.acked > before.acked and after.has[after.new.index(1)]
    ),
}


@pytest.mark.parametrize("what", REACHED)
def test_the_design_reaches(what: str) -> None:
    """The search sees what it should: no part of the model stands still."""
    assert search(Rules(), REACHED[what]).trace


def test_a_seal_outlives_its_order() -> None:
    """By what an agent and Patroni need to act on the release; by an agent's if etcd's leader changes."""
    assert seconds_left(0) >= max(LOOKS, LEAVES)
    assert seconds_left(1) >= LOOKS


def test_two_changes_of_etcds_leader_are_too_many() -> None:
    """Then only the unit's own clock keeps it from a late release: it stops by it before it asks etcd."""
    assert seconds_left(2) < 0
