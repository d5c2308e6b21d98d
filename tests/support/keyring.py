"""etcd's JSON gateway with keys in memory: what a hold asks of it, and nothing more."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from follower.etcd import decoded, encoded
from tests.support.http_server import Handler, running


@dataclass
class Keyring:
    """`keys` by name; `leases`: the keys of each lease that lives. `silent`: nothing is answered."""

    keys: dict[str, str] = field(default_factory=dict)
    leases: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answered = {
            "/v3/auth/authenticate": self._login,
            "/v3/lease/grant": self._grant,
            "/v3/lease/revoke": self._revoke,
            "/v3/kv/range": self._range,
            "/v3/kv/txn": self._txn,
        }[path](body) | {"header": {"revision": "1"}}
        self.asked.append(path)
        return answered

    def _login(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"token": f"token of {body['name']}"}

    def _grant(self, body: dict[str, Any]) -> dict[str, Any]:
        lease = str(len(self.leases) + 1)
        self.leases[lease] = []
        return {"ID": lease, "TTL": body["TTL"]}

    def _revoke(self, body: dict[str, Any]) -> dict[str, Any]:
        for key in self.leases.pop(body["ID"]):
            self.keys.pop(key, None)
        return {}

    def _range(self, body: dict[str, Any]) -> dict[str, Any]:
        first = decoded(body["key"])
        last = decoded(body["range_end"]) if "range_end" in body else first + "\0"
        found = sorted(key for key in self.keys if first <= key < last)
        return {
            "kvs": [
                {"key": encoded(key), "value": encoded(self.keys[key]), "mod_revision": self.revision(key)}
                for key in found
            ]
        }

    def _txn(self, body: dict[str, Any]) -> dict[str, Any]:
        if not all(map(self._holds, body["compare"])):
            return {}
        put = body["success"][0]["request_put"]
        self.keys[decoded(put["key"])] = decoded(put["value"])
        if "lease" in put:
            self.leases[put["lease"]].append(decoded(put["key"]))
        return {"succeeded": True}

    def _holds(self, compare: dict[str, Any]) -> bool:
        key = decoded(compare["key"])
        if compare["target"] == "CREATE":
            return compare["create_revision"] == "0" and key not in self.keys
        if compare["target"] == "MOD":
            return bool(compare["mod_revision"] == self.revision(key))
        return self.keys.get(key) == decoded(compare["value"])

    def revision(self, key: str) -> str:
        """Another one for another value."""
        return str(zlib.crc32(self.keys.get(key, "").encode()))


@contextmanager
def serving(**keys: str) -> Iterator[Keyring]:
    ring = Keyring(dict(keys))

    class Of(Handler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            while ring.silent.is_set() and not ring.over.wait(0.01):
                pass
            self.answer(200, json.dumps(ring.answer(self.path, body)).encode())

    with running(Of, ring.over) as ring.url:
        yield ring
