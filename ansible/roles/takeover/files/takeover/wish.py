"""Pure: whom a host has to seal off, by what etcd says. The reasons are in docs/decisions/takeover.md."""

from __future__ import annotations

from dataclasses import dataclass

from takeover.keys import Order, Seen

#: Seconds beyond a ttl for which etcd is closed to a leader if no other leads.
MARGIN = 10


@dataclass(frozen=True)
class Wish:
    """Seal `order.leader` off. `stays`: its lead is taken, so that the seal is renewed."""

    order: Order
    stays: bool


def wanted(seen: Seen, host: str, is_member: bool, now: float) -> tuple[Wish, ...]:
    """`now`: time of day. A host does not seal itself off."""
    order, last = seen.order, seen.last
    wishes = []
    if order is not None and order.leader != host:
        wishes.append(Wish(order, stays=False))
    if last is not None and last.leader != host and _stays(last, seen, host, is_member, now):
        wishes.append(Wish(last, stays=True))
    return tuple(wishes)


def _stays(last: Order, seen: Seen, host: str, is_member: bool, now: float) -> bool:
    leader = seen.leader
    if last.cluster != seen.cluster:
        return False
    if leader is not None and leader.text == last.leader:
        return False
    if not is_member:
        # It is kept from etcd until another leads, and no longer than its lease would have kept the others.
        ttl = seen.settings.get("ttl")
        return leader is None and now - last.at < (ttl if isinstance(ttl, int) else 0) + MARGIN
    # From a newer timeline no WAL receiver goes back to it; a member without Patroni may be on the old one.
    timeline, back = seen.timeline(host), seen.timeline(last.leader)
    if back is not None and back > last.timeline:
        # It has left the old timeline itself, and acknowledges nothing there any more.
        return False
    return timeline is None or timeline <= last.timeline
