"""Keys of etcd with one account, over its JSON gateway; a change fails where another came first."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.parse
from typing import Any

#: Of each module that reads or changes keys of a cluster: its argument specification begins with these.
OPTIONS: dict[str, dict[str, Any]] = {
    "endpoints": {"type": "list", "elements": "str", "required": True},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "scope": {"type": "str", "required": True},
    "ca": {"type": "path", "required": True},
    "cert": {"type": "path", "required": True},
    "key": {"type": "path", "required": True},
    "timeout": {"type": "float", "default": 5},
}


class Refused(Exception):
    """etcd answered, and would not."""


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def unb64(text: str) -> str:
    return base64.b64decode(text).decode()


class Etcd:
    """The first endpoint that answers. Raises `OSError` with a line for each where none does."""

    def __init__(self, options: dict[str, Any]) -> None:
        """`options`: those of `OPTIONS`."""
        self._context = ssl.create_default_context(cafile=options["ca"])
        self._context.load_cert_chain(options["cert"], options["key"])
        self._timeout = options["timeout"]
        self._token = ""
        silent = []
        for endpoint in options["endpoints"]:
            self._address = urllib.parse.urlsplit(endpoint)
            try:
                self._token = self.call(
                    "auth/authenticate", {"name": options["username"], "password": options["password"]}
                )["token"]
            except (OSError, http.client.HTTPException, ValueError) as error:
                silent.append(f"{endpoint}: {error}")
                continue
            return
        raise OSError("; ".join(silent))

    def call(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPSConnection(
            self._address.hostname or "", self._address.port, context=self._context, timeout=self._timeout
        )
        try:
            headers = {"Authorization": self._token} if self._token else {}
            connection.request("POST", f"/v3/{what}", json.dumps(body), headers)
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        said = f"{what}: {found.get('message') or found.get('error') or answer.status}"
        if answer.status >= 500:  # without a leader, say: another member may have one
            raise OSError(said)
        if answer.status != 200:
            raise Refused(said)
        return found

    def below(self, prefix: str) -> dict[str, tuple[str, str]]:
        """Value and revision of each key, by what follows the prefix."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        found = self.call("kv/range", {"key": b64(prefix), "range_end": b64(end)})
        return {
            unb64(pair["key"])[len(prefix) :]: (unb64(pair.get("value", "")), pair["mod_revision"])
            for pair in found.get("kvs", ())
        }

    def replace(self, key: str, value: str, revision: str) -> None:
        """Write `key` if it still is of `revision`; "0" is one that does not exist."""
        self._change(put(key, value), key, revision)

    def remove(self, key: str, revision: str) -> None:
        """Delete `key` if it still is of `revision`."""
        self._change(delete(key), key, revision)

    def clear(self, key: str) -> None:
        """Delete `key`, of whatever revision."""
        self.call("kv/deleterange", {"key": b64(key)})

    def read(self, key: str) -> tuple[str, str] | None:
        """Value and revision of `key`, None where there is none."""
        found = self.call("kv/range", {"key": b64(key)}).get("kvs", ())
        return next(((unb64(pair.get("value", "")), pair["mod_revision"]) for pair in found), None)

    def change_all(self, compare: list[dict[str, str]], requests: list[dict[str, Any]]) -> bool:
        """All of it in one transaction; False where a comparison no longer holds."""
        return bool(self.call("kv/txn", {"compare": compare, "success": requests}).get("succeeded"))

    def _change(self, request: dict[str, Any], key: str, revision: str) -> None:
        if not self.change_all([unchanged(key, revision)], [request]):
            raise Refused(f"{key} was changed by someone else in the meantime; run the playbook again")


def unchanged(key: str, revision: str) -> dict[str, str]:
    """A comparison: `key` still is of `revision`; "0" is one that does not exist."""
    return {"target": "MOD", "key": b64(key), "modRevision": revision}


def put(key: str, value: str, lease: str = "0") -> dict[str, Any]:
    """A request of a transaction. `lease`: the one that it goes with."""
    return {"requestPut": {"key": b64(key), "value": b64(value)} | ({} if lease == "0" else {"lease": lease})}


def delete(key: str) -> dict[str, Any]:
    """A request of a transaction."""
    return {"requestDeleteRange": {"key": b64(key)}}
