"""Ends Patroni's maintenance mode (`pause`) where no maintenance is declared, or its time is over.

The declaration is a key with a lease (module patroni_maintenance): etcd removes it at its end, and this
removes `pause`, with no word of a controller.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from follower.etcd import Endpoint, Endpoints, EtcdError, decoded, encoded
from holding.config import Config

#: Seconds between two questions.
PERIOD = 5.0


class Pause:
    """With endpoints of its own: each connection serves one thread."""

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self.settings = f"/service/{config.scope}/config"
        self.maintenance = f"/flashtier/{config.scope}/maintenance"
        self._ask = Endpoints([Endpoint(url, config.login, config.context) for url in config.etcd]).ask
        self.say = say

    def run(self) -> None:
        """For ever. Without etcd nothing can be ended, and Patroni reads nothing either."""
        while True:
            try:
                self.check()
            except (EtcdError, ValueError, KeyError) as error:
                self.say(f"whether Patroni is paused is not known: {error}")
            time.sleep(PERIOD)

    def check(self) -> bool:
        """Whether it has ended one. Raises `EtcdError`, and `ValueError` for settings that are no JSON."""
        found = self._ask("/v3/kv/range", {"key": encoded(self.settings)}).get("kvs", [])
        if not found:
            return False
        settings = json.loads(decoded(found[0]["value"]))
        if not settings.get("pause"):
            return False
        del settings["pause"]
        same = [
            # One that is declared at this moment is not ended.
            {"key": encoded(self.maintenance), "target": "CREATE", "create_revision": "0"},
            {"key": encoded(self.settings), "target": "MOD", "mod_revision": found[0]["mod_revision"]},
        ]
        put = {"key": encoded(self.settings), "value": encoded(json.dumps(settings, sort_keys=True))}
        ended = bool(
            self._ask("/v3/kv/txn", {"compare": same, "success": [{"request_put": put}]}).get("succeeded")
        )
        if ended:
            self.say("Patroni was paused and no maintenance is declared: it acts again")
        return ended
