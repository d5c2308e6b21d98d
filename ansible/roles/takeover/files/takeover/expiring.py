"""A leader whose lease is about to end although its host lives: Patroni hangs or is gone, its server goes on.

Patroni's votes do not stop it. A standby that has given its vote goes on confirming what that server
commits, and the next leader may lack it: seen with a Patroni that stood still, one write of 4,400 was lost.
So a member that is not answered either seals such a leader off by itself before the lease ends, whether or
not a takeover comes about.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from takeover.keys import Entry, Order, Seen

#: Whole seconds that the lease has left by then: time to ask once more, and to seal it off.
LEFT = 4
#: Seconds between two questions for a lease, at least and at most.
SOON, LATER = 0.5, 5.0


class Expiring:
    """`left`: whole seconds that a lease still has, of etcd; it raises `EtcdError`.

    `answers`: whether that member does.
    """

    def __init__(
        self,
        host: str,
        left: Callable[[int], int],
        answers: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = host
        self.left = left
        self.answers = answers
        self.clock = clock
        self.next = 0.0
        self.held: int | None = None
        self.found: Order | None = None

    def order(self, seen: Seen) -> Order | None:
        """What this member orders itself. Raises `EtcdError`."""
        leader = seen.leader
        if seen.settings.get("pause") or "takeover/off" in seen.own:
            self.found = None
        elif leader is not None and (self.found is None or self.found.leader == leader.text):
            self._ask(seen, leader)
        own = seen.timeline(self.host)
        if self.found is not None and own is not None and own > self.found.timeline:
            self.found = None
        return self.found

    def _ask(self, seen: Seen, leader: Entry) -> None:
        if leader.lease != self.held:
            self.held, self.next = leader.lease, 0.0
        if leader.text == self.host or self.clock() < self.next:
            return
        left = self.left(leader.lease)
        self.next = self.clock() + min(LATER, max(SOON, (left - LEFT) / 2))
        if left > LEFT or self.answers(leader.text):
            # Cut off from etcd alone, it goes on by the word of all other members (failsafe mode).
            self.found = None
        elif self.found is None:
            timeline = seen.timeline(leader.text) or seen.timeline(self.host) or 0
            self.found = Order(
                f"own-{leader.created}", leader.text, "silent", timeline, seen.cluster, time.time()
            )
