"""Runs the application on a socket that systemd holds, so that a restart refuses and drops no request."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from photo_api.application import application
from photo_api.settings import ConfigurationError, Credentials, Settings

#: The first descriptor that systemd passes (sd_listen_fds(3)).
LISTEN_FD = 3
#: Seconds between checks of what is still open while shutting down.
_CHECK = 0.02


class LastAnswers:
    """ASGI layer: once `begun`, each answer ends its connection, so that the client asks for the next on a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.begun:
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self.app(scope, receive, sending)


class Server(uvicorn.Server):
    """uvicorn, which on SIGTERM closes connections that have no request in it. This one never closes such a connection.

    A request may be on its way on it, and would be lost. The client, which keeps connections for less time, lets go of
    them: it is told so by the next answer, or has had none to ask for. The socket is served until all connections of
    before are gone, so that others do not wait for that. Who connected by then has been promised an answer; those who
    come later wait in the socket's queue for the next process.
    """

    def __init__(self, config: uvicorn.Config, last: LastAnswers) -> None:
        super().__init__(config)
        self._last = last

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify("READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._last.begun = True
        connections = self.server_state.connections
        before = set(connections)
        for connection in before:
            # An answer that has begun has not said that it is the last on its connection.
            if isinstance(connection, HttpToolsProtocol) and (cycle := connection.cycle) is not None:
                cycle.keep_alive = cycle.keep_alive and cycle.response_started
        notify("STOPPING=1")
        seconds = self.config.timeout_graceful_shutdown or 0
        until = asyncio.get_running_loop().time() + seconds
        # Half of the time: what is slow would keep the next process waiting, and is waited for below.
        await _wait(lambda: connections.isdisjoint(before), until - seconds / 2)
        for server in self.servers:
            server.close()
        await _wait(lambda: not connections, until)
        await super().shutdown(sockets)


async def _wait(condition: Callable[[], bool], until: float) -> None:
    """Until `condition` holds, or the event loop's clock says `until`."""
    while not condition() and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
        await asyncio.sleep(_CHECK)


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)). Nothing to do where it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(1)
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.sendall(state.encode())


def serve(settings: Settings, credentials: Credentials) -> None:
    """Serve until SIGTERM. Raises `ConfigurationError` unless systemd passed exactly one listening socket."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise ConfigurationError(
            f"LISTEN_FDS = {os.environ.get('LISTEN_FDS')!r}: systemd must pass one socket; "
            "start photo-api.socket, or try it by hand with: systemd-socket-activate -l 8000 photo-api serve"
        )
    if not stat.S_ISSOCK(os.fstat(LISTEN_FD).st_mode):
        raise ConfigurationError(f"descriptor {LISTEN_FD} is not a socket")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, credentials))


async def _serve(settings: Settings, credentials: Credentials) -> None:
    async with application(settings, credentials) as app:
        last = LastAnswers(app)
        config = uvicorn.Config(
            last,
            http="httptools",
            ws="none",
            lifespan="off",
            # nginx writes the access log, with times.
            access_log=False,
            server_header=False,
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=settings.keep_alive_timeout,
            timeout_graceful_shutdown=int(settings.shutdown_timeout),
        )
        # uvicorn raises the signal again when it is done; the pool is still to be closed then.
        signal.signal(signal.SIGTERM, lambda *_: None)
        await Server(config, last).serve([socket.socket(fileno=LISTEN_FD)])


def _loop_factory() -> type[asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.Loop
