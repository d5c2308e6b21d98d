"""Calls of etcd's JSON gateway with one account, to the first endpoint that answers."""

from __future__ import annotations

import http.client
import json
from typing import Any

from infra.reach.onhost import https

#: Seconds for each step of a call: three silent endpoints together must not outlast a lease.
SECONDS = 3.0


class Unavailable(Exception):
    """No endpoint answers, or none takes the login; the text has a part for each."""


class Client:
    """Not for two threads at once."""

    def __init__(self, endpoints: list[tuple[str, int]], user: str, password: str) -> None:
        self.endpoints = list(endpoints)
        self.user, self.password = user, password
        self._token = ""

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises `Unavailable` with what each endpoint said, which never repeats the password."""
        said = []
        for _ in range(len(self.endpoints)):
            address, port = self.endpoints[0]
            try:
                return self._asked(address, port, path, body)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                said.append(f"{address}: {getattr(error, 'strerror', None) or error}")
            self.endpoints.append(self.endpoints.pop(0))
        raise Unavailable("; ".join(said) or "no endpoint of etcd is declared")

    def _asked(self, address: str, port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A login can be stale (etcd restarted, or was restored): what it is refused is asked once more."""
        known = bool(self._token)
        try:
            return self._authorized(address, port, path, body)
        except (OSError, http.client.HTTPException):
            self._token = ""
            raise
        except (ValueError, KeyError):
            self._token = ""
            if not known:
                raise
        return self._authorized(address, port, path, body)

    def _authorized(self, address: str, port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not self._token:
            login = {"name": self.user, "password": self.password}
            self._token = str(self._post(address, port, "auth/authenticate", login)["token"])
        return self._post(address, port, path, body)

    def _post(self, address: str, port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
        status, text = https.ask(address, port, f"/v3/{path}", body, self._token, seconds=SECONDS)
        answer = json.loads(text)
        if status != http.client.OK or not isinstance(answer, dict):
            said = answer.get("message") if isinstance(answer, dict) else None
            raise ValueError(f"{path}: status {status}: {said or 'no reason given'}")
        return answer
