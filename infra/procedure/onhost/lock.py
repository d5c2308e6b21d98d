"""A key with a lease, taken in one transaction: it goes when who holds it stops renewing the lease."""

from __future__ import annotations

import json
from typing import Any

from infra.procedure.onhost.client import Client
from infra.reach.onhost.https import coded, plain

#: Seconds of the lease: as long as the lock outlives a host that went silent.
TTL = 15


class Lock:
    """`value` is what the key holds; its `id` says whose it is, also where another host goes on with it."""

    def __init__(self, client: Client, key: str, value: dict[str, Any]) -> None:
        self.client, self.key, self.value = client, key, value
        self.lease = ""

    def take(self) -> dict[str, Any] | None:
        """None where it is held now, else who holds it. Raises `Unavailable`."""
        lease = str(self.client.call("lease/grant", {"TTL": str(TTL)})["ID"])
        taken = False
        try:
            taken = self._put({"target": "CREATE", "createRevision": "0"}, lease)
            while not taken:
                found = self._pair()
                if found is None:
                    taken = self._put({"target": "CREATE", "createRevision": "0"}, lease)
                    continue
                holder, revision = found
                if holder.get("id") != self.value["id"]:
                    return holder
                # That of the program that held it before ends with that: the key must not be on it.
                taken = self._put({"target": "MOD", "modRevision": revision}, lease)
        finally:
            if not taken:
                self.client.call("lease/revoke", {"ID": lease})
        self.lease = lease
        return None

    def renew(self) -> bool:
        """Whether the lease is still there. Raises `Unavailable`."""
        answer = self.client.call("lease/keepalive", {"ID": self.lease})
        return int(answer.get("result", {}).get("TTL", 0)) > 0

    def release(self) -> None:
        """Raises `Unavailable`; the lease ends it then."""
        self.client.call("lease/revoke", {"ID": self.lease})

    def holder(self) -> dict[str, Any] | None:
        """Who holds it. Raises `Unavailable`."""
        found = self._pair()
        return None if found is None else found[0]

    def _put(self, compare: dict[str, str], lease: str) -> bool:
        put = {"key": coded(self.key), "value": coded(json.dumps(self.value)), "lease": lease}
        body = {"compare": [compare | {"key": coded(self.key)}], "success": [{"requestPut": put}]}
        return bool(self.client.call("kv/txn", body).get("succeeded"))

    def _pair(self) -> tuple[dict[str, Any], str] | None:
        found = self.client.call("kv/range", {"key": coded(self.key)}).get("kvs", [])
        if not found:
            return None
        try:
            value = json.loads(plain(found[0].get("value", "")))
        except ValueError:
            value = {}
        return value if isinstance(value, dict) else {}, str(found[0]["mod_revision"])
