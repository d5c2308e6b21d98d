"""etcd in memory, as far as a takeover needs it: transactions, and leases that a test ends."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from follower.etcd import EtcdError, decoded, encoded
from takeover.keys import Seen, View

STACK = "lab"
SERVICE, OWN = f"/service/{STACK}/", f"/flashtier/{STACK}/"
MEMBERS = {"db1": "10.0.0.1", "db2": "10.0.0.2", "db3": "10.0.0.3"}
CLUSTER = "7000000000000000001"


@dataclass
class Etcd:
    """`keys`: as etcd gives them, by name.

    `fails_at`: the number of the call that gets no answer, done or not.
    """

    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    revision: int = 100
    calls: int = 0
    fails_at: int = 0
    #: Whether that call is carried out all the same.
    carried_out: bool = False
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    def put(self, name: str, value: object, lease: str = "") -> None:
        self.revision += 1
        text = value if isinstance(value, str) else json.dumps(value)
        created = self.keys.get(name, {}).get("create_revision", str(self.revision))
        self.keys[name] = {
            "key": encoded(name),
            "value": encoded(text),
            "create_revision": created,
            "mod_revision": str(self.revision),
        } | ({"lease": lease} if lease else {})

    def value(self, name: str) -> str | None:
        return decoded(self.keys[name]["value"]) if name in self.keys else None

    def lease(self, seconds: int) -> str:
        number = str(next(self.numbers))
        self.leases[number] = seconds
        return number

    def end(self, lease: str) -> None:
        """With the keys that have it."""
        self.leases.pop(lease, None)
        for name in [name for name, kv in self.keys.items() if kv.get("lease") == lease]:
            del self.keys[name]
            self.revision += 1

    def end_all(self, seconds: int) -> None:
        """All leases that were granted for no more than that."""
        for lease in [lease for lease, lasts in self.leases.items() if lasts <= seconds]:
            self.end(lease)

    def seen(self) -> Seen:
        view = View(STACK)
        view.store.found = dict(self.keys)
        return view.seen()

    def ask(self, path: str, body: dict[str, Any], until: float = 0.0) -> dict[str, Any]:
        self.calls += 1
        if self.calls == self.fails_at:
            if self.carried_out:
                self._answer(path, body)
            raise EtcdError("no answer")
        return self._answer(path, body)

    def _answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        match path:
            case "/v3/lease/grant":
                return {"ID": self.lease(int(body["TTL"]))}
            case "/v3/lease/revoke":
                self.end(body["ID"])
                return {}
            case "/v3/kv/txn":
                return self._transaction(body)
        raise AssertionError(path)

    def _transaction(self, body: dict[str, Any]) -> dict[str, Any]:
        if not all(map(self._holds, body["compare"])):
            return {"header": {"revision": str(self.revision)}}
        for change in body["success"]:
            if "request_put" in change:
                put = change["request_put"]
                assert "lease" not in put or put["lease"] in self.leases, "requested lease not found"
                self.put(decoded(put["key"]), decoded(put["value"]), put.get("lease", ""))
            else:
                self.keys.pop(decoded(change["request_delete_range"]["key"]), None)
                self.revision += 1
        # The keys of one transaction have one revision.
        for change in body["success"]:
            name = decoded(change.get("request_put", {}).get("key", ""))
            if name in self.keys:
                self.keys[name]["mod_revision"] = str(self.revision)
        return {"succeeded": True, "header": {"revision": str(self.revision)}}

    def _holds(self, compare: dict[str, Any]) -> bool:
        kv = self.keys.get(decoded(compare["key"]), {})
        match compare["target"]:
            case "VALUE":
                return bool(kv.get("value") == compare["value"])
            case "MOD":
                return bool(kv.get("mod_revision", "0") == compare["mod_revision"])
            case "CREATE":
                return bool(kv.get("create_revision", "0") == compare["create_revision"])
            case "LEASE":
                return bool(kv.get("lease", "0") == compare["lease"])
        raise AssertionError(compare)


def healthy() -> Etcd:
    """db1 leads on timeline 3; both others are synchronous; every host has its part in a takeover."""
    etcd = Etcd()
    etcd.put(SERVICE + "initialize", CLUSTER)
    etcd.put(
        SERVICE + "config",
        {"ttl": 20, "loop_wait": 2, "synchronous_mode": "quorum", "synchronous_mode_strict": True},
    )
    etcd.put(SERVICE + "leader", "db1", etcd.lease(20))
    etcd.put(SERVICE + "sync", {"leader": "db1", "quorum": 1, "sync_standby": "db2,db3"})
    for name in MEMBERS:
        etcd.put(SERVICE + f"members/{name}", {"state": "running", "timeline": 3}, etcd.lease(20))
        etcd.put(OWN + f"members/{name}", {"name": name})
        etcd.put(OWN + f"probes/{name}", {"host": name, "verdict": "fine"}, etcd.lease(5))
    for name in (*MEMBERS, "control1", "control2", "control3"):
        etcd.put(OWN + f"takeover/agents/{name}", {"host": name, "sealed": []}, etcd.lease(5))
    return etcd


def stick(etcd: Etcd, member: str = "db1", verdict: str = "stuck") -> None:
    """Its own probe says so."""
    etcd.put(
        OWN + f"probes/{member}", {"host": member, "verdict": verdict, "why": "data: hung"}, etcd.lease(5)
    )
