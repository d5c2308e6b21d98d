"""flashtier-seal: `python3 -m takeover.seal FILE`, as a unit of systemd, on members and on hosts with etcd.

Seals a leader off as `wish` says, and confirms an order's seal in etcd. A confirmation has a lease that
ends long before the seal does (docs/decisions/takeover.md), and the kernel ends the seal whatever becomes
of this.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Protocol

from follower.etcd import EtcdError, encoded
from follower.journal import Journal
from takeover.answers import RUNS
from takeover.config import Config
from takeover.expiring import Expiring
from takeover.keys import Order, Seen
from takeover.nft import Seal, SealError
from takeover.unit import Reach, main
from takeover.wish import Wish, wanted

#: Seconds that a confirmation lasts.
CONFIRMS = 3
#: Seconds in which a leader that is there answers.
ANSWERS = 0.4
#: Seconds between renewals of a seal that stays.
PERIOD = 1.0
#: Seconds between two checks of what is sealed in the kernel.
CHECK = 10.0
#: Seconds without a word of etcd after which what is known is old.
OLD = 4.0


class Sealing(Protocol):
    def put(self, addresses: list[str]) -> None: ...
    def end(self) -> None: ...
    def sealed(self) -> list[str]: ...


class Agent:
    """`ask`: a call of etcd; `fresh`: all its keys at one revision; `leader_answers`: whether Patroni at that
    address does; `wall`: time of day. `ask` and `fresh` raise `EtcdError`. `expiring`: on members.
    """

    def __init__(
        self,
        config: Config,
        seal: Sealing,
        ask: Callable[[str, dict[str, object]], dict[str, object]],
        fresh: Callable[[], Seen],
        leader_answers: Callable[[str], str],
        say: Callable[[str], None],
        wall: Callable[[], float] = time.time,
        expiring: Expiring | None = None,
    ) -> None:
        self.config = config
        self.seal = seal
        self.ask = ask
        self.fresh = fresh
        self.leader_answers = leader_answers
        self.say = say
        self.wall = wall
        self.expiring = expiring
        self.key = f"/flashtier/{config.stack}/takeover/sealed/{config.host}"
        self.order_key = f"/flashtier/{config.stack}/takeover/order"
        self.is_member = config.host in config.members
        #: Numbers of orders that were confirmed or refused.
        self.answered: set[str] = set()
        self.refused: set[str] = set()
        self.wishes: tuple[Wish, ...] = ()
        self.sealed: list[str] = []

    def read(self) -> None:
        """What the kernel has. Of a process before this one or a person, it ends unless it is wanted.

        Raises `SealError`.
        """
        self.sealed = self.seal.sealed()

    def keep(self) -> None:
        """Renew what was sealed, until etcd says whether it is wanted. Raises `SealError`."""
        if self.sealed:
            self.seal.put(self.sealed)

    def act(self, seen: Seen, old: bool) -> list[str]:
        """Seal off what is wanted; the names of those sealed off. `old`: etcd has said nothing of late.

        Raises `SealError` for a seal that could not be put, and `EtcdError` for one that could not be
        confirmed.
        """
        if old:
            # What was confirmed may have been relied on; what was not ends by its own time.
            self.wishes = tuple(
                wish for wish in self.wishes if wish.stays or wish.order.number in self.answered
            )
            if self.wishes:
                self._put(self.wishes)
            return self._names()
        wishes = self._wishes(seen)
        if set(self.sealed) - set(self._addresses(wishes)):
            # Events of one transaction come one after the other: what ends a seal is read at one revision.
            seen = self.fresh()
            wishes = self._wishes(seen)
        new = [wish.order for wish in wishes if not wish.stays and wish.order.number not in self.answered]
        for order in new:
            self._refuse_if_it_answers(order, seen)
        self.wishes = tuple(wish for wish in wishes if wish.stays or wish.order.number not in self.refused)
        if not self.wishes and self.sealed and seen.leader is None and self.is_member:
            # Sealed by a process before this one, which knew why: until another leads, a vote may rest on it.
            self.keep()
            return self._names()
        if not self.wishes:
            if self.sealed:
                self.seal.end()
                self.say(f"seal ended: {', '.join(self.sealed)}")
                self.sealed = []
            return []
        # An order's seal is not renewed: it ends with its time if nothing comes of it.
        if any(wish.stays for wish in self.wishes) or any(order.number not in self.answered for order in new):
            self._put(self.wishes)
        for order in new:
            if order.number not in self.answered:
                self._answer(order, seen, None)
        return self._names()

    def _wishes(self, seen: Seen) -> tuple[Wish, ...]:
        found = wanted(seen, self.config.host, self.is_member, self.wall())
        own = self.expiring.order(seen) if self.expiring is not None else None
        return tuple(
            wish
            for wish in (*found, *([Wish(own, stays=True)] if own else []))
            if wish.order.leader in self.config.members
            and (wish.stays or wish.order.number not in self.refused)
        )

    def _addresses(self, wishes: tuple[Wish, ...]) -> list[str]:
        return sorted({self.config.members[wish.order.leader] for wish in wishes})

    def _names(self) -> list[str]:
        return sorted({wish.order.leader for wish in self.wishes})

    def _put(self, wishes: tuple[Wish, ...]) -> None:
        addresses = self._addresses(wishes)
        self.seal.put(addresses)
        if addresses != self.sealed:
            whys = ", ".join(f"{wish.order.leader} is {wish.order.cause}" for wish in wishes)
            self.say(f"sealed off: {', '.join(addresses)} ({whys})")
        self.sealed = addresses

    def _refuse_if_it_answers(self, order: Order, seen: Seen) -> None:
        """A leader that is gone answers no one; one that is stuck may."""
        address = self.config.members[order.leader]
        # One that is sealed off here already is refused by this host's own firewall.
        if order.cause != "gone" or not self.is_member or address in self.sealed:
            return
        if self.leader_answers(address):
            self.refused.add(order.number)
            self._answer(order, seen, f"{order.leader} is not gone: it answers {self.config.host}")

    def _answer(self, order: Order, seen: Seen, refusal: str | None) -> None:
        """Confirm the order's seal, or refuse it; nothing is written where the order is no more."""
        revision = str(seen.own["takeover/order"].modified)
        value = {"number": order.number} | ({"refused": refusal} if refusal else {})
        lease = str(self.ask("/v3/lease/grant", {"TTL": str(CONFIRMS)})["ID"])
        same = [{"key": encoded(self.order_key), "target": "MOD", "mod_revision": revision}]
        put = {"key": encoded(self.key), "value": encoded(json.dumps(value)), "lease": lease}
        done = self.ask("/v3/kv/txn", {"compare": same, "success": [{"request_put": put}]})
        self.answered.add(order.number)
        what = refusal or f"seal of {order.leader} confirmed"
        self.say(what if done.get("succeeded") else f"{what}, too late: the order has ended")


def run(config: Config, journal: Journal) -> None:
    """For ever. Raises `SealError` where the kernel's set cannot be read at the start."""
    say, reach = journal.say, Reach(config, "agents", journal.say)

    def leader_answers(address: str) -> str:
        return reach.answers(address, ANSWERS)

    watches = config.enabled and config.host in config.members
    expiring = Expiring(config.host, reach.left, lambda name: leader_answers(config.members[name]) == RUNS)
    agent = Agent(
        config,
        Seal(),
        reach.etcd.ask,
        reach.fresh,
        leader_answers,
        say,
        expiring=expiring if watches else None,
    )
    agent.read()
    reach.start()
    said, checked = "", time.monotonic()
    while True:
        seen = reach.newest(PERIOD)
        fault = ""
        try:
            if time.monotonic() - checked > CHECK:
                checked = time.monotonic()
                agent.read()
            if seen is None:
                agent.keep()
                continue
            names = agent.act(seen, reach.silent() > OLD)
            reach.publisher.publish({"host": config.host, "sealed": names})
        except (SealError, EtcdError, KeyError) as error:
            fault = f"{type(error).__name__}: {error}"
        if fault and fault != said:
            say(fault)
        said = fault


if __name__ == "__main__":
    sys.exit(main("seal", run, SealError))
