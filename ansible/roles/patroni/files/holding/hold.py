"""A hold: a key in etcd for which the followers on web hosts keep new statements waiting.

It is written only while this member has the leader's key, with a lease of its own: whatever becomes of who
wrote it, it ends by itself.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any

from follower.etcd import Endpoint, Endpoints, EtcdError, after, decoded, encoded
from holding.config import Config

#: Seconds that a hold lasts if nothing ends it. A follower ends it earlier (`web_path.hold`).
LASTS = 6
#: Seconds in which etcd has to take it. A leader that must stop because it lost etcd cannot wait for it.
TAKES = 0.7
#: Seconds between two questions.
PERIOD = 0.02


class Hold:
    """`why`: what the followers' journals say of it."""

    def __init__(self, config: Config, why: str) -> None:
        self.config = config
        self.why = why
        self.owner = config.name
        self.key = f"/flashtier/{config.scope}/holds/{config.name}"
        self._ask = Endpoints([Endpoint(url, config.login, config.context) for url in config.etcd]).ask
        self.lease = ""

    def take(self, seconds: float = TAKES) -> bool:
        """Whether it was written in that time: not where another member leads, or etcd does not answer."""
        taken: list[bool] = []
        given_up = threading.Event()

        def taking() -> None:
            taken.append(self._take())
            if given_up.is_set() and self.lease:
                # No one would end what comes too late.
                with contextlib.suppress(EtcdError):
                    self.release()

        trying = threading.Thread(target=taking, daemon=True)
        trying.start()
        trying.join(seconds)
        if taken == [True]:
            return True
        given_up.set()
        return False

    def wait_held(self, seconds: float) -> list[str]:
        """Web hosts that do not hold after that time, however slow etcd is; [] where it says nothing.

        A host that has no follower is not waited for.
        """
        late: list[list[str]] = []
        over = threading.Event()

        def waiting() -> None:
            while not over.is_set():
                late.append(self._late())
                if not late[-1]:
                    return
                over.wait(PERIOD)

        asking = threading.Thread(target=waiting, daemon=True)
        asking.start()
        asking.join(seconds)
        over.set()
        return late[-1] if late else []

    def leads(self) -> bool | None:
        """Whether the leader's key names this member. None: etcd did not answer."""
        try:
            return self._leader() == self.config.name
        except EtcdError:
            return None

    def release(self) -> None:
        """Raises `EtcdError` where no member of etcd takes it; the lease ends it then."""
        if self.lease:
            self._ask("/v3/lease/revoke", {"ID": self.lease})

    def _take(self) -> bool:
        key, name = f"/service/{self.config.scope}/leader", encoded(self.config.name)
        value = json.dumps({"until": time.time() + LASTS, "reason": self.why})
        try:
            self.lease = str(self._ask("/v3/lease/grant", {"TTL": str(LASTS)})["ID"])
            compare = {"key": encoded(key), "target": "VALUE", "result": "EQUAL", "value": name}
            put = {"key": encoded(self.key), "value": encoded(value), "lease": self.lease}
            written = self._ask("/v3/kv/txn", {"compare": [compare], "success": [{"request_put": put}]})
        except (EtcdError, KeyError):
            return False
        return bool(written.get("succeeded"))

    def _leader(self) -> str:
        found = self._ask("/v3/kv/range", {"key": encoded(f"/service/{self.config.scope}/leader")})
        return decoded(found["kvs"][0]["value"]) if found.get("kvs") else ""

    def _late(self) -> list[str]:
        prefix = f"/flashtier/{self.config.scope}/followers/"
        try:
            found = self._ask("/v3/kv/range", {"key": encoded(prefix), "range_end": encoded(after(prefix))})
        except EtcdError:
            return []  # there is no one to ask, and so nothing to wait for
        return [name for name, state in map(self._read, found.get("kvs", [])) if not self._holds(state)]

    @staticmethod
    def _read(kv: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        name = decoded(kv["key"]).rpartition("/")[2]
        try:
            state = json.loads(decoded(kv["value"]))
        except ValueError:
            state = {}
        return name, state if isinstance(state, dict) else {}

    def _holds(self, state: dict[str, Any]) -> bool:
        return state.get("state") == "held" and self.owner in state.get("holds", [])
