"""A client of etcd's JSON gateway: calls with a deadline, and a login that renews itself.

https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/ : keys and values are base64, numbers are texts. An
answer that is an error says nothing of any key, and is raised as `EtcdError`.
"""

from __future__ import annotations

import base64
import http.client
import json
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

#: Seconds for one call, from connecting to the last byte of its answer.
DEADLINE = 1.5
#: google.rpc.Code: who calls is not known.
UNAUTHENTICATED = 16
#: etcd's texts for a login that it no longer takes; the second comes with other codes.
STALE_LOGIN = ("invalid auth token", "revision of auth store is old", "user name is empty")
#: Bytes of an answer that are read at most.
MOST = 1 << 20


class EtcdError(Exception):
    """etcd did not answer, or said no. `login`: it does not know the token."""

    def __init__(self, text: str, login: bool = False) -> None:
        super().__init__(text)
        self.login = login


@dataclass(frozen=True)
class Login:
    user: str
    password: str


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")


def after(prefix: str) -> str:
    """The first key behind all that begin with `prefix`, as `range_end` wants it."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class Endpoint:
    """One member of etcd, asked over one kept connection. Not for two threads at once."""

    def __init__(self, url: str, login: Login, context: Callable[[], ssl.SSLContext] | None) -> None:
        self.url = url
        self.login = login
        self.context = context
        self.token: str | None = None
        self.connection: http.client.HTTPConnection | None = None

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask once, and once more with a new login where the old one is not known."""
        try:
            return self._authorized(path, body)
        except EtcdError as error:
            if not error.login:
                raise
        self.token = None
        return self._authorized(path, body)

    def stream(self, path: str, bodies: list[dict[str, Any]]) -> Stream:
        """A call whose answers come for as long as it is not closed."""
        self._authenticate()
        try:
            return Stream(self._connect(), path, bodies, self._headers())
        except (OSError, http.client.HTTPException) as error:
            raise EtcdError(f"{self.url}{path}: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _authorized(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._authenticate()
        return self._post(path, body)

    def _authenticate(self) -> None:
        if self.token is None:
            asked = {"name": self.login.user, "password": self.login.password}
            token = self._post("/v3/auth/authenticate", asked).get("token")
            if not isinstance(token, str):
                raise EtcdError(f"{self.url}: the login was answered without a token")
            self.token = token

    def _headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json"} | ({"Authorization": self.token} if self.token else {})

    def _connect(self) -> http.client.HTTPConnection:
        url = urlsplit(self.url)
        if url.hostname is None:
            raise EtcdError(f"{self.url}: is no URL of etcd")
        if self.context is None:
            return http.client.HTTPConnection(url.hostname, url.port, timeout=DEADLINE)
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=DEADLINE, context=self.context())

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One answer that is no error. Whatever fails, the connection is not used again."""
        kept = self.connection is not None
        try:
            connection = self.connection = self.connection or self._connect()
            with at_most(DEADLINE, connection):
                connection.request("POST", path, json.dumps(body), self._headers())
                response = connection.getresponse()
                text = response.read(MOST)
            if response.will_close or len(text) == MOST:
                self.close()
            found = answer(self.url, text)
            if response.status != http.client.OK:
                raise EtcdError(f"{self.url}{path}: status {response.status}: {text[:80]!r}")
            return found
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                # Restored from a snapshot, it holds requests with a login of before, and says nothing.
                self.token = None
            # etcd closes connections that nothing uses; that is no fault of the endpoint.
            if kept and isinstance(
                error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError
            ):
                return self._post(path, body)
            raise EtcdError(f"{self.url}{path}: {type(error).__name__}: {error}") from error


class Endpoints:
    """Members of etcd, of which the one that answered is asked first from then on.

    Not for two threads at once.
    """

    def __init__(self, endpoints: list[Endpoint]) -> None:
        self.endpoints = endpoints

    def ask(self, path: str, body: dict[str, Any], until: float = math.inf) -> dict[str, Any]:
        """Raises the last one's `EtcdError` where none answers; none is asked after `until` (monotonic)."""
        said: EtcdError | None = None
        for endpoint in list(self.endpoints):
            if time.monotonic() > until:
                said = EtcdError("too late to ask")
                break
            try:
                return endpoint.call(path, body)
            except EtcdError as error:
                said = error
                self.endpoints.append(self.endpoints.pop(0))
        raise said or EtcdError("no member of etcd is declared")


class Stream:
    """Answers of one call, a JSON text a line. Read by one thread, closed by another.

    Raises `OSError` or `HTTPException` where there is no answer.
    """

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        bodies: list[dict[str, Any]],
        headers: dict[str, str],
    ) -> None:
        self.connection = connection
        self.path = path
        text = "\n".join(json.dumps(body) for body in bodies)
        try:
            with at_most(DEADLINE, connection):
                connection.request("POST", path, text, headers)
                # The response takes the socket over, and the connection forgets it.
                self.socket = connection.sock
                self.response = connection.getresponse()
            self.socket.settimeout(None)
        except BaseException:
            connection.close()
            raise

    def answers(self) -> Iterator[dict[str, Any]]:
        """Each answer as it comes. Raises `EtcdError` when there will be no more, and notices no silence."""
        try:
            while line := self.response.readline(MOST):
                yield answer(self._url(), line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EtcdError(f"{self._url()}: {type(error).__name__}: {error}") from error
        finally:
            # By the thread that reads, and no other: what it reads from would vanish under it.
            self.response.close()
            self.connection.close()
        raise EtcdError(f"{self._url()}: the stream ended")

    def close(self) -> None:
        """Wakes the thread that reads, for which the stream then ends."""
        hang_up(self.socket)

    def _url(self) -> str:
        return f"{self.connection.host}:{self.connection.port}{self.path}"


def answer(url: str, text: bytes) -> dict[str, Any]:
    """The answer in `text`, a stream's taken out of its envelope. Raises `EtcdError` for an error of etcd."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise EtcdError(f"{url}: the answer is no JSON: {text[:80]!r}") from error
    if not isinstance(found, dict):
        raise EtcdError(f"{url}: the answer is no object: {text[:80]!r}")
    # A stream's error is an object; that of a call has a text and its code beside it, or no more than those.
    fault = found.get("error") or ("message" in found and "header" not in found)
    if fault:
        inner = fault if isinstance(fault, dict) else found
        said = str(inner.get("message") or fault)
        code = inner.get("grpc_code", inner.get("code"))
        raise EtcdError(
            f"{url}: {said}", code == UNAUTHENTICATED or any(part in said for part in STALE_LOGIN)
        )
    result = found.get("result", found)
    return result if isinstance(result, dict) else {}


@contextmanager
def at_most(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """End what the block does with the connection's socket after that time, however slowly bytes come."""
    late = threading.Event()

    def end() -> None:
        late.set()
        hang_up(connection.sock)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        # Ended by the timer, and not by the other side.
        if late.is_set():
            raise TimeoutError(f"no whole answer in {seconds} s") from error
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError(f"no whole answer in {seconds} s")


def hang_up(sock: socket.socket | None) -> None:
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already
