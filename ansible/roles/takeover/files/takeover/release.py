"""flashtier-release: `python3 -m takeover.release FILE`, as a unit of systemd, on hosts with etcd.

Finds a leader that is gone (its lease is not renewed and its Patroni does not answer) or stuck (by its own
probe), has all other members seal it off, and takes its lead from it. It promotes no one: Patroni's race
and votes decide.
"""

from __future__ import annotations

import math
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from follower.etcd import EtcdError
from follower.journal import Journal
from takeover import judge
from takeover.config import Config
from takeover.keys import Entry, Order, Seen
from takeover.lead import Lead
from takeover.orders import Orders
from takeover.unit import Reach, main

#: Seconds between two turns.
PERIOD = 0.1
#: Seconds that a lease may be late before the leader itself is asked, and before it counts as gone.
LATE, GONE = 0, 1
#: Seconds in which a leader that is there answers.
ANSWERS = 0.7
#: Seconds that an order lasts; it is not renewed. For confirmations of members, and then of hosts with etcd.
ORDER, CONFIRM, CONFIRM_MORE = 4, 2.5, 1.0
#: Seconds without a word of etcd after which nothing is decided.
OLD = 2.5


class Ask(Protocol):
    """A call of etcd, not begun after `until` (monotonic)."""

    def __call__(self, path: str, body: dict[str, Any], until: float = math.inf) -> dict[str, Any]: ...


class Unit:
    """`ask`: a call of etcd; `newest`: what it said last, waited for so long; `wall`: time of day."""

    def __init__(
        self,
        config: Config,
        ask: Ask,
        newest: Callable[[float], Seen | None],
        lead: Lead,
        say: Callable[[str], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.wall = wall
        self.ask = ask
        self.newest = newest
        self.lead = lead
        self.say = say
        self.orders = Orders(config.stack, config.host)
        self.said = ""

    def turn(self, seen: Seen) -> list[str]:
        """One check of the leader, and what follows; why nothing would be done. Raises `EtcdError`."""
        leader = seen.leader
        self.lead.follow(leader, judge.led_for(seen, self.wall()))
        if leader is not None:
            self.lead.timeline = seen.timeline(leader.text) or self.lead.timeline
        timeline = self.lead.timeline
        hindered = list(judge.hindrances(seen, self.config, timeline))
        settings = seen.settings
        ttl, loop_wait = settings.get("ttl"), settings.get("loop_wait")
        if leader is None or not isinstance(ttl, int) or not isinstance(loop_wait, int):
            return hindered or ["etcd has no ttl and loop_wait of Patroni"]
        if self.lead.seconds < ttl:
            hindered.append(f"{leader.text} has not been seen to lead for a ttl of {ttl} s yet")
        cause, why = self._cause(seen, leader, ttl, loop_wait)
        if not cause:
            self.said = ""
            return hindered
        if "takeover/tried" in seen.own:
            # By another unit, which says what comes of it, or by this one a moment ago.
            return [*hindered, f"the last attempt was less than a ttl of {ttl} s ago"]
        if hindered or timeline is None:
            self._once(f"{leader.text} is {cause} ({why}), and keeps its lead: {'; '.join(hindered)}")
            return hindered
        order = Order(uuid.uuid4().hex[:12], leader.text, cause, timeline, seen.cluster, self.wall())
        self._act(order, why, seen, leader, ttl, loop_wait)
        return []

    def published(self, hindered: list[str]) -> dict[str, Any]:
        """What others read of this unit: people, and the process after this one."""
        held = self.lead.held
        leads = {"created": held[1], "since": round(self.wall() - self.lead.seconds)} if held else {}
        return {"host": self.config.host, "enabled": self.config.enabled, "hindered": hindered} | leads

    def _cause(self, seen: Seen, leader: Entry, ttl: int, loop_wait: int) -> tuple[str, str]:
        """gone or stuck, with why; empty where it is neither."""
        if why := judge.stuck(seen):
            return "stuck", why
        address = self.config.members.get(leader.text)
        left = self.lead.read(leader, self.lead.left is not None and self.lead.left < ttl - loop_wait)
        if address is None or left is None:
            return "", ""
        if judge.overdue(left, ttl, loop_wait, LATE):
            self.lead.ask(address)
        if judge.overdue(left, ttl, loop_wait, GONE) and self.lead.silent:
            return "gone", f"its lease has {left} s left of {ttl}, and its Patroni does not answer"
        return "", ""

    def _act(self, order: Order, why: str, seen: Seen, leader: Entry, ttl: int, loop_wait: int) -> None:
        """Seal the leader off and take its lead. Raises `EtcdError`; the order's lease ends it then."""
        begun = time.monotonic()
        is_what = f"{leader.text} is {order.cause} ({why})"
        lease = str(self.ask("/v3/lease/grant", {"TTL": str(ORDER)})["ID"])
        pause = str(self.ask("/v3/lease/grant", {"TTL": str(ttl)})["ID"])
        put = self.ask("/v3/kv/txn", self.orders.order(order, seen, leader, lease, pause))
        if not put.get("succeeded"):
            self._once(f"{is_what}, and something changed, or another unit acts")
            return
        self.say(f"{is_what}: order {order.number}")
        revision = int(put["header"]["revision"])
        confirmed, fault = self._confirmations(order.number, leader.text)
        fault = fault or self._over(order.cause, seen, leader, ttl, loop_wait)
        released: dict[str, Any] = {}
        if not fault:
            body = self.orders.release(order, revision, seen, leader, confirmed)
            released = self.ask("/v3/kv/txn", body, begun + ORDER)
        if released.get("succeeded"):
            seconds = time.monotonic() - begun
            self.say(f"{leader.text} was {order.cause}: its lead is taken, {seconds:.3f} s after the order")
            return
        self.ask("/v3/lease/revoke", {"ID": lease})
        self.say(f"{leader.text} keeps its lead: {fault or 'something changed before it could be taken'}")

    def _over(self, cause: str, seen: Seen, leader: Entry, ttl: int, loop_wait: int) -> str:
        """Why there is no cause any more, or empty. Raises `EtcdError`."""
        if cause == "stuck":
            return "" if judge.stuck(self.newest(0) or seen) else "its probe is fine again"
        late = judge.overdue(self.lead.ask_left(leader.lease), ttl, loop_wait, LATE)
        return "" if late else "its lease is renewed again"

    def _confirmations(self, number: str, leader: str) -> tuple[dict[str, int], str]:
        """Those of all other members, with those of hosts with etcd that come soon; or what is missing."""
        voters = set(self.config.members) - {leader}
        others = set(self.config.agents) - {leader}
        begun = time.monotonic()
        while True:
            waited = time.monotonic() - begun
            seen = self.newest(0.02)
            found, refusal = judge.confirmed(seen, number, others) if seen else ({}, "")
            if refusal:
                return {}, refusal
            if voters <= set(found):
                # They keep a leader that is alive from taking it again; commits are safe without them. One
                # whose agent publishes nothing is down, and so is its etcd.
                alive = others & set(seen.below("takeover/agents/")) if seen else others
                if alive <= set(found) or waited > CONFIRM_MORE:
                    return found, ""
            elif waited > CONFIRM:
                return {}, f"{', '.join(sorted(voters - set(found)))} did not seal it off within {CONFIRM} s"

    def _once(self, line: str) -> None:
        if line != self.said:
            self.said = line
            self.say(line)


def run(config: Config, journal: Journal) -> None:
    """For ever."""
    say, reach = journal.say, Reach(config, "units", journal.say)
    lead = Lead(reach.left, lambda address: reach.answers(address, ANSWERS))
    unit = Unit(config, reach.etcd.ask, reach.news.newest, lead, say)
    reach.start()
    fault = ""
    while True:
        seen = reach.newest(PERIOD)
        if seen is None or reach.silent() > OLD:
            continue
        try:
            reach.publisher.publish(unit.published(unit.turn(seen)))
            fault = ""
        except (EtcdError, KeyError) as error:
            if str(error) != fault:
                fault = str(error)
                say(f"nothing is decided: {type(error).__name__}: {fault}")


if __name__ == "__main__":
    sys.exit(main("release", run))
