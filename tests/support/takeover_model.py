"""A model of the takeover: the leader X, two voters, etcd, and the units that release X's key.

Every reachable state is visited (`takeover_search`), with any step of any part before, between or after
those of the others. A part that stands still, is dead or is cut off is one whose steps are not made; a
message that comes late is a step that is made late. So X may be healthy, hung, cut off, dead or back after an
hour, its Patroni as well, and a releasing unit may stop between any two of its steps and go on later, or
never; there may be any number of units and of orders. What needs a bound of time is a rule of `Rules`; each
has a test that shows what is lost without it.

What is abstracted, and why no loss is hidden by it:
- One write that counts. All writes are treated alike, so it stands for any; which others came before is free.
  A state in which both voters have it, or both are on the new timeline, leads to no loss of it and is not
  followed.
- Causes (`gone`, `stuck`), refusals, maintenance, `off`, the wait of ttl after a failure: an order may be put
  at any time while X has the key, also against a healthy leader.
- X's Patroni never demotes X. It takes a free key at any time, and may change /sync with or without the key.
- The seal on control hosts is not here: nothing below needs it.

What is taken for granted:
- X's key that ends by its ttl: X is stopped by then, as Patroni promises (`stops_with_its_lease`).
- A voter asks for votes, takes the key and promotes within one ttl, or does not (`votes_are_fresh`).
- The new timeline is in /history before a commit on it is acknowledged (`history_is_first`).
- Not both of a voter's agent and Patroni fail from the release until the voter has left X (`one_part_works`).
- A seal outlives the order that it was set for (`seal_outlives`), and a reload of the host's firewall
  (`survives_reload`). etcd gives all leases their time again when its leader changes: `seconds_left`.
- An agent's view is one linearizable read (`one_view`).
- The key of the next leader is not released while a voter is on the old timeline (`next_waits`): `last` would
  then name another, and the voter forget X.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

X, NO_ONE = "X", ""
VOTERS = ("A", "B")
#: A voter's seal: for the order that is there, for one that was, because of `takeover/last`.
OPEN, ORDERED, PAST, LAST = range(4)

#: Seconds: a seal's and an order's own time, and what etcd adds as a lease ends (it looks each half second).
SEAL, ORDER, REVOKED = 15, 4, 1
#: Seconds of etcd's election. For two of them no lease ends, and then each has one more than its own time.
ELECTION = 1
#: Seconds: a standby without a leader has left X after two turns of Patroni and the one that is under way; an
#: agent looks once a second.
LEAVES, LOOKS = 6, 1

Pair = tuple[int, int]
Step = tuple[str, "State"]


@dataclass(frozen=True)
class Rules:
    """The design, and one field for each thing that its safety rests on."""

    seals: bool = True
    #: The release compares the order, and the confirmations, in its transaction.
    compares_order: bool = True
    compares_confirmations: bool = True
    #: Who has to confirm: "all" members, "sync" (voters of /sync only), "one" or "none".
    confirms: str = "all"
    seal_outlives: bool = True
    #: A reload of the host's firewall leaves the seal where it is.
    survives_reload: bool = True
    #: Another order sets the time of a seal that is there again.
    sets_anew: bool = True
    #: A voter stays sealed while another leads and its own timeline is the old one.
    until_new_timeline: bool = True
    #: And while no one leads, however long that takes.
    while_no_leader: bool = True
    #: An agent that gets no answer of etcd keeps the seal that it has confirmed.
    keeps_unanswered: bool = True
    one_view: bool = True
    next_waits: bool = True
    one_part_works: bool = True
    votes_are_fresh: bool = True
    history_is_first: bool = True
    stops_with_its_lease: bool = True


class State(NamedTuple):
    """Pairs are of A and B."""

    key: str = X
    order: int = 0
    #: X's lease and /sync are as the unit of the order has seen them.
    valid: int = 0
    #: That unit has seen all confirmations; only where it does not compare them.
    seen: int = 0
    confirmed: Pair = (0, 0)
    #: It names X: 1; another, who led after X: 2.
    last: int = 0
    seal: Pair = (OPEN, OPEN)
    #: An agent has read that `last` asks for nothing; only where a view is of several reads.
    peeked: Pair = (0, 0)
    #: Where its walreceiver connects to.
    from_x: Pair = (1, 1)
    #: On the new timeline: the one that is promoted, then the one that streams it.
    new: Pair = (0, 0)
    voted: Pair = (0, 0)
    has: Pair = (0, 0)
    acked: int = 0
    voters: Pair = (1, 1)
    names: Pair = (1, 1)


def put(pair: Pair, i: int, value: int) -> Pair:
    return (value, pair[1]) if i == 0 else (pair[0], value)


def seconds_left(changes: int) -> int:
    """Of a seal that was set as soon as its order was put, at the last moment of a release by that order.

    `changes` of etcd's leader, each at the moment that costs most.
    """
    return SEAL - (ORDER + REVOKED + changes * (2 * ELECTION + ELECTION + ORDER))


def swapped(s: State) -> State:
    """The same with A and B the other way around."""
    key = {"A": "B", "B": "A"}.get(s.key, s.key)
    return State._make([key, *(value[::-1] if isinstance(value, tuple) else value for value in s[1:])])


def violations(before: State, after: State) -> Iterator[str]:
    """`fence`: X can acknowledge after the release. `both`: so can another. `lost`: the leader lacks it."""
    if after.has != before.has:
        if before.last and before.key != X:
            yield "fence"
        if any(before.new):
            yield "both"
    if sum(after.new) == 1 and after.acked and not after.has[after.new.index(1)]:
        yield "lost"
    if all(after.new) and after.key == X:  # the new leader has acknowledged by then
        yield "lost"


def steps(s: State, rules: Rules) -> Iterator[Step]:
    """What may happen next, each with what it is called in a trace."""
    if all(s.has):
        return
    if s.key == NO_ONE and not (any(s.new) and rules.history_is_first):
        yield "X takes the key again", s._replace(key=X)
    if all(s.new):
        if s.key in VOTERS and not rules.history_is_first:
            yield f"{s.key}'s key ends by its ttl", s._replace(key=NO_ONE)
        return
    yield from _releasing(s, rules)
    fresh = not rules.votes_are_fresh or not any(s.voted)
    if s.key in VOTERS and fresh:
        yield f"{s.key}'s key ends by its ttl", s._replace(key=NO_ONE)
    if s.key == X and not rules.stops_with_its_lease:
        yield "X's key ends by its ttl", s._replace(key=NO_ONE, valid=0)
    for v in (0, 1):
        yield from _agent(s, v, rules)
        yield from _voter(s, v, rules)
        yield from _leader(s, v, rules)


def _without_order(s: State, rules: Rules) -> State:
    """What an order leaves behind. Confirmations count no more, unless no one compares the order."""
    seal = tuple(PAST if one == ORDERED else one for one in s.seal)
    after = s._replace(order=0, seal=(seal[0], seal[1]))
    return after._replace(valid=0, confirmed=(0, 0)) if rules.compares_order else after


def _releasing(s: State, rules: Rules) -> Iterator[Step]:
    if s.key == X and not s.order and (not rules.votes_are_fresh or not any(s.voted)):
        yield "an order is put", s._replace(order=1, valid=1, seen=0, confirmed=(0, 0))
    if s.order:
        yield "the order ends", _without_order(s, rules)
    for v in (0, 1):
        if s.confirmed[v]:
            yield f"the confirmation of {VOTERS[v]} ends", s._replace(confirmed=put(s.confirmed, v, 0))
    missing = [not s.confirmed[v] and (rules.confirms != "sync" or s.voters[v]) for v in (0, 1)]
    most = {"one": 1, "none": 2}.get(rules.confirms, 0)
    enough = sum(missing) <= most
    if not rules.compares_confirmations and enough and s.order and not s.seen:
        yield "the unit sees the confirmations", s._replace(seen=1)
    if s.key in VOTERS and sum(s.new) == 1 and s.last and not rules.next_waits:
        yield f"{s.key}'s key is released, too", s._replace(key=NO_ONE, last=2)
    ready = enough if rules.compares_confirmations else s.seen
    if s.key == X and s.valid and ready and (s.order or not rules.compares_order):
        yield "the key is released", _without_order(s, rules)._replace(key=NO_ONE, last=1, valid=0, seen=0)


def _after_release(s: State, v: int, rules: Rules) -> bool:
    """Whether `takeover/last` asks for a seal."""
    if s.last != 1 or s.new[v] or s.key == X:
        return False
    return s.key == NO_ONE or rules.until_new_timeline


def _agent(s: State, v: int, rules: Rules) -> Iterator[Step]:
    name, seal = VOTERS[v], s.seal[v]
    after_release = _after_release(s, v, rules)
    if s.order and (seal == OPEN or (seal != ORDERED and rules.sets_anew)):
        yield f"{name} seals for the order", s._replace(seal=put(s.seal, v, ORDERED))
    if not s.order and after_release and seal != LAST:
        yield f"{name} seals because of `last`", s._replace(seal=put(s.seal, v, LAST))
    if not s.order and not after_release and seal:
        yield f"{name} unseals", s._replace(seal=put(s.seal, v, OPEN))
    if seal == LAST and s.key == NO_ONE and not rules.while_no_leader and not any(s.voted):
        yield f"{name} unseals, as no one has led for long", s._replace(seal=put(s.seal, v, OPEN))
    sealed = seal == ORDERED or (seal and not rules.sets_anew)
    if s.order and sealed and not s.confirmed[v]:
        yield f"{name} confirms the order", s._replace(confirmed=put(s.confirmed, v, 1))
    if seal and _may_time_out(s, v, rules):
        yield f"the seal of {name} times out", s._replace(seal=put(s.seal, v, OPEN))
    if seal and not rules.survives_reload:
        yield f"the firewall of {name} is loaded again", s._replace(seal=put(s.seal, v, OPEN))
    if not rules.one_view:
        if not s.peeked[v] and not after_release:
            yield f"{name} reads `last`", s._replace(peeked=put(s.peeked, v, 1))
        if s.peeked[v] and not s.order:
            opened = s._replace(peeked=put(s.peeked, v, 0), seal=put(s.seal, v, OPEN))
            yield f"{name} reads the order, which is gone, and unseals", opened


def _may_time_out(s: State, v: int, rules: Rules) -> bool:
    if rules.seal_outlives and s.seal[v] == ORDERED:
        return False
    if s.last != 1 or s.key == X or s.new[v] or not s.from_x[v]:
        return True
    # Released, and the voter may still go back to X: its agent renews the seal, or its Patroni leaves X.
    return not rules.one_part_works or (s.seal[v] == PAST and not rules.keeps_unanswered)


def _voter(s: State, v: int, rules: Rules) -> Iterator[Step]:
    """Patroni and PostgreSQL of a voter that is on the old timeline."""
    name, other = VOTERS[v], 1 - v
    if s.new[v]:
        return
    if s.key == NO_ONE and not s.voted[v] and not any(s.new):
        votes = (0 if s.voters[v] else -1) + bool(s.voters[other] and s.has[v] >= s.has[other])
        if votes >= sum(s.voters) - 1:
            yield f"{name} has the votes", s._replace(voted=put(s.voted, v, 1))
    if s.voted[v]:
        yield f"{name} gives up", s._replace(voted=put(s.voted, v, 0))
        if s.key == NO_ONE:
            voted = (0, 0) if rules.votes_are_fresh else put(s.voted, v, 0)
            yield f"{name} takes the key", s._replace(key=name, voted=voted)
    if s.key == name and not any(s.new):
        yield f"{name} promotes", s._replace(new=put(s.new, v, 1), from_x=put(s.from_x, v, 0))
    if s.from_x[v] != (s.key == X) and s.key != name:
        what = "follows X" if s.key == X else "leaves X"
        yield f"{name} {what}", s._replace(from_x=put(s.from_x, v, int(s.key == X)))
    if s.new[other] and not s.from_x[v]:
        yield f"{name} streams the new timeline", s._replace(new=(1, 1))


def _leader(s: State, v: int, rules: Rules) -> Iterator[Step]:
    """X's server and Patroni, and the voter `v`."""
    name, other = VOTERS[v], 1 - v
    connected = s.from_x[v] and not s.new[v] and not (rules.seals and s.seal[v])
    if connected and not s.has[v]:
        yield f"{name} takes the write from X", s._replace(has=put(s.has, v, 1))
    if not connected and s.names[v] and s.names[other]:
        yield f"X takes {name} out of its names", s._replace(names=put(s.names, v, 0))
    # Patch 3467: who stays has all that was written.
    if s.voters[v] and not s.names[v] and s.has[other] >= s.has[v]:
        yield f"X takes {name} out of /sync", s._replace(voters=put(s.voters, v, 0), valid=0)
    if connected and not s.voters[v]:
        yield f"X adds {name} to /sync", s._replace(voters=put(s.voters, v, 1), valid=0)
    if connected and s.voters[v] and not s.names[v]:
        yield f"X adds {name} to its names", s._replace(names=put(s.names, v, 1))
    if s.has[v] and s.names[v] and not s.acked:
        yield "X acknowledges the write", s._replace(acked=1)
