"""When pools are held and when they are let go, event by event."""

from __future__ import annotations

import pytest

from follower.holds import Bouncer, Resume, Seen, Stop, Tick, Writable
from tests.support.followers import LIMIT, Follower, key, serving


def test_a_leader_that_pools_lead_to_already_is_only_probed() -> None:
    follower = Follower()
    assert follower.take(Seen("db1")) == ["probe db1"]
    assert follower.take(Writable("db1")) == ["stop probing"]


def test_no_leader_was_ever_seen_so_nothing_is_held() -> None:
    follower = Follower()
    assert follower.take(Seen(None)) == []
    assert follower.take(Tick(), after=60) == []


def test_the_leader_key_goes_and_another_member_takes_it() -> None:
    follower = serving()
    assert follower.take(Seen(None)) == ["pause"]
    assert follower.take(Seen("db2"), after=0.3) == ["point to db2", "probe db2"]
    assert follower.take(Tick(), after=1) == []
    assert follower.take(Writable("db2"), after=0.2) == ["resume", "stop probing"]
    assert follower.holds.owners == []


def test_the_same_member_takes_its_key_back() -> None:
    follower = serving()
    follower.take(Seen(None))
    assert follower.take(Seen("db1"), after=0.3) == ["probe db1"]
    assert follower.take(Writable("db1"), after=0.3) == ["resume", "stop probing"]


def test_the_moment_without_a_leader_was_missed() -> None:
    follower = serving()
    assert follower.take(Seen("db2")) == ["pause, planned", "point to db2", "probe db2"]
    assert follower.take(Writable("db2"), after=0.1) == ["resume", "stop probing"]


def test_another_member_than_the_named_one_ends_nothing() -> None:
    follower = serving()
    follower.take(Seen(None))
    follower.take(Seen("db2"))
    assert follower.take(Writable("db1")) == []
    follower.take(Seen(None))
    assert follower.take(Writable("db2")) == []


def test_nobody_takes_the_lead_so_the_hold_ends_by_itself_and_once() -> None:
    follower = serving()
    follower.take(Seen(None))
    assert follower.take(Tick(), after=LIMIT - 0.1) == []
    assert follower.take(Tick(), after=0.1) == ["resume"]
    assert follower.take(Seen(None), after=1) == []
    # Who is named late is a cause of its own.
    assert follower.take(Seen("db2"), after=1) == ["pause, planned", "point to db2", "probe db2"]
    assert follower.take(Tick(), after=LIMIT) == ["resume"]
    # The key comes and goes without any member that takes writes: no further hold.
    assert follower.take(Seen(None), after=1) == ["stop probing"]
    assert follower.take(Seen("db2"), after=1) == ["probe db2"]
    # When it does, all that is over.
    assert follower.take(Writable("db2"), after=1) == ["stop probing"]
    assert follower.take(Seen(None), after=1) == ["pause"]


def test_a_hold_by_key_ends_with_its_key() -> None:
    follower = serving()
    assert follower.take(Seen("db1", (key(),))) == ["pause, planned"]
    assert follower.holds.owners == ["db1"]
    assert follower.take(Seen("db1"), after=0.5) == ["resume"]


def test_a_hold_by_key_ends_when_it_says_although_the_key_stays() -> None:
    follower = serving()
    follower.take(Seen("db1", (key(seconds=2),)))
    assert follower.holds.next_end() == follower.now + 2
    assert follower.take(Tick(), after=2) == ["resume"]
    assert follower.take(Seen("db1", (key(seconds=-1),)), after=1) == []
    # Written again by its owner it is still the same hold; gone and made once more it is another.
    assert follower.take(Seen("db1", (key(seconds=2, written=9),)), after=1) == []
    assert follower.take(Seen("db1"), after=1) == []
    assert follower.take(Seen("db1", (key(created=11),)), after=1) == ["pause, planned"]


@pytest.mark.parametrize("seconds", [LIMIT + 0.1, 3600, 1e300])
def test_a_hold_by_key_that_wants_more_gets_the_limit(seconds: float) -> None:
    follower = serving()
    follower.take(Seen("db1", (key(seconds=seconds),)))
    assert follower.holds.next_end() == follower.now + LIMIT
    assert follower.take(Tick(), after=LIMIT - 0.01) == []
    assert follower.take(Tick(), after=0.01) == ["resume"]


@pytest.mark.parametrize("seconds", [0.0, -0.1, -3600])
def test_a_hold_by_key_whose_end_has_passed_holds_nothing(seconds: float) -> None:
    follower = serving()
    assert follower.take(Seen("db1", (key(seconds=seconds),))) == []
    assert "its end has passed" in follower.lines[-1]


def test_a_hold_that_is_written_again_ends_at_its_new_time() -> None:
    follower = serving()
    follower.take(Seen("db1", (key(seconds=1),)))
    follower.take(Seen("db1", (key(seconds=2, written=8),)), after=0.9)
    assert follower.take(Tick(), after=1.9) == []
    assert follower.take(Tick(), after=0.1) == ["resume"]


def test_a_hold_cannot_be_written_again_beyond_the_limit() -> None:
    follower = serving()
    for written in range(10):
        follower.take(Seen("db1", (key(seconds=1, written=7 + written),)), after=0.5)
    assert "resume" in follower.done
    assert follower.done.count("pause, planned") == 1


def test_a_switchover_is_one_hold_from_the_key_to_the_new_leader() -> None:
    follower = serving()
    follower.take(Seen("db1", (key(),)))
    assert follower.take(Seen(None, (key(),)), after=0.3) == []
    assert follower.holds.owners == ["db1", "leader"]
    assert follower.take(Seen(None), after=0.1) == []
    assert follower.take(Seen("db2"), after=0.2) == ["point to db2", "probe db2"]
    assert follower.take(Writable("db2"), after=0.2) == ["resume", "stop probing"]


def test_what_is_held_for_one_reason_is_not_held_longer_for_a_second() -> None:
    """A statement that came first would otherwise wait for both."""
    follower = serving()
    follower.take(Seen("db1", (key(seconds=LIMIT),)))
    follower.take(Seen(None, (key(seconds=LIMIT),)), after=LIMIT - 1)
    assert follower.take(Tick(), after=1) == ["resume"]


def test_holds_of_two_owners_end_with_the_last() -> None:
    follower = serving()
    follower.take(Seen("db1", (key("db1"), key("db3", created=8))))
    assert follower.take(Seen("db1", (key("db3", created=8),)), after=0.1) == []
    assert follower.holds.owners == ["db3"]
    assert follower.take(Seen("db1"), after=0.1) == ["resume"]


def test_pools_that_somebody_paused_are_resumed() -> None:
    follower = serving()
    assert follower.take(Bouncer(True, "db1")) == ["resume"]


def test_a_pgbouncer_that_was_restarted_is_paused_again_and_no_longer() -> None:
    follower = serving()
    follower.take(Seen(None))
    assert follower.take(Bouncer(None), after=0.1) == []
    assert follower.take(Bouncer(False, "db1"), after=1) == ["pause"]
    assert follower.take(Tick(), after=LIMIT - 1.1) == ["resume"]


def test_a_pgbouncer_that_leads_elsewhere_is_set_right_without_a_hold() -> None:
    follower = serving()
    assert follower.take(Bouncer(False, None)) == ["point to db1"]


def test_a_hold_that_ends_while_pgbouncer_is_away_leaves_nothing_paused() -> None:
    follower = serving()
    follower.take(Seen(None))
    follower.take(Bouncer(None))
    assert follower.take(Tick(), after=LIMIT) == []
    assert follower.take(Bouncer(True, "db1")) == ["resume"]


def test_a_follower_that_stops_leaves_nothing_held() -> None:
    follower = serving()
    follower.take(Seen(None, (key(),)))
    assert follower.take(Stop()) == ["resume"]
    assert follower.take(Seen(None, (key(created=9),))) == []
    assert follower.take(Bouncer(True, "db1")) == ["resume"]


def test_how_long_was_held_is_said() -> None:
    follower = serving()
    follower.take(Seen(None))
    follower.take(Seen("db1"), after=1)
    follower.now += 0.25
    actions = follower.holds.handle(Writable("db1"), follower.now)
    assert actions[0] == Resume("db1 is writable", 1.25)
