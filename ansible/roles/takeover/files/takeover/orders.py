"""The two transactions of etcd by which a leader is sealed off, and its lead taken from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from follower.etcd import encoded
from takeover.keys import Entry, Order, Seen

Body = dict[str, Any]


class Orders:
    """`stack`: whose keys; `by`: the host, for people."""

    def __init__(self, stack: str, by: str) -> None:
        self.service, self.own, self.by = f"/service/{stack}/", f"/flashtier/{stack}/", by

    def order(self, order: Order, seen: Seen, leader: Entry, lease: str, pause: str) -> Body:
        """Put the order, if nothing has changed since.

        `lease`: its own; `pause`: that of the next one's earliest.
        """
        return {
            "compare": [
                *self._leads(leader),
                *self._absent("takeover/order", "takeover/tried", "takeover/off", "maintenance"),
                self._same(self.service + "config", seen.service["config"]),
            ],
            "success": [
                self._put("takeover/order", order.dumped(self.by), lease),
                self._put("takeover/tried", json.dumps({"host": self.by}), pause),
            ],
        }

    def release(
        self, order: Order, revision: int, seen: Seen, leader: Entry, confirmed: Mapping[str, int]
    ) -> Body:
        """Take the lead from the order's leader, while its order and each confirmation hold.

        Patroni decides who has it.
        """
        return {
            "compare": [
                *self._leads(leader),
                self._at(self.own + "takeover/order", revision),
                *(self._at(f"{self.own}takeover/sealed/{host}", found) for host, found in confirmed.items()),
                self._same(self.service + "sync", seen.service["sync"]),
                self._same(self.service + "config", seen.service["config"]),
                *self._absent("takeover/off", "maintenance"),
            ],
            "success": [
                {"request_delete_range": {"key": encoded(self.service + "leader")}},
                self._put("takeover/last", order.dumped(self.by)),
                {"request_delete_range": {"key": encoded(self.own + "takeover/order")}},
            ],
        }

    def _leads(self, leader: Entry) -> Iterable[Body]:
        """By the same lease as before: no one has renewed the lead under another one."""
        key = encoded(self.service + "leader")
        yield {"key": key, "target": "VALUE", "value": encoded(leader.text)}
        yield {"key": key, "target": "MOD", "mod_revision": str(leader.modified)}
        yield {"key": key, "target": "LEASE", "lease": str(leader.lease)}

    def _absent(self, *names: str) -> Iterable[Body]:
        for name in names:
            yield {"key": encoded(self.own + name), "target": "CREATE", "create_revision": "0"}

    def _same(self, key: str, entry: Entry) -> Body:
        return self._at(key, entry.modified)

    @staticmethod
    def _at(key: str, revision: int) -> Body:
        return {"key": encoded(key), "target": "MOD", "mod_revision": str(revision)}

    def _put(self, name: str, value: str, lease: str = "") -> Body:
        put = {"key": encoded(self.own + name), "value": encoded(value)}
        return {"request_put": put | ({"lease": lease} if lease else {})}
