"""Runs the application on a socket that systemd holds, so that a restart refuses and drops no request."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat

import uvicorn

from photo_api.application import application
from photo_api.settings import ConfigurationError, Credentials, Settings

#: The first descriptor that systemd passes (sd_listen_fds(3)).
LISTEN_FD = 3
#: Seconds between checks of what is still open while shutting down.
_CHECK = 0.02


class Server(uvicorn.Server):
    """uvicorn, which on SIGTERM closes connections whose request it has not read yet. This one answers them first.

    Everyone who connected before the socket was let go has been promised an answer; those who come later wait in
    the socket's queue for the next process.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify("READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        for server in self.servers:
            server.close()
        until = asyncio.get_running_loop().time() + (self.config.timeout_graceful_shutdown or 0)
        while self.server_state.connections and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(_CHECK)
        await super().shutdown(sockets)


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
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            # nginx writes the access log, with times.
            access_log=False,
            server_header=False,
            log_config=None,
            proxy_headers=False,
            # nginx opens a connection a request (a unix socket costs microseconds), so that none is idle here when
            # the process stops: an idle one could get a request in the moment it is closed.
            timeout_keep_alive=5,
            timeout_graceful_shutdown=int(settings.shutdown_timeout),
        )
        # uvicorn raises the signal again when it is done; the pool is still to be closed then.
        signal.signal(signal.SIGTERM, lambda *_: None)
        await Server(config).serve([socket.socket(fileno=LISTEN_FD)])


def _loop_factory() -> type[asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.Loop
