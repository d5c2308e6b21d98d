"""patches/3706: a silent client neither takes the REST API away nor keeps Patroni from stopping."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

Load = Callable[[bool], Any]
#: Seconds: what a client is given here, and after which a thread counts as one that waits for ever.
GIVEN, EVER = 0.3, 3


class Answers(BaseHTTPRequestHandler):
    """200 to each request, as GET /liveness."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def served(load: Load, patched: bool, end: socket.socket) -> threading.Thread:
    """A thread of the REST API that has the client at the other end of `end`."""
    server = object.__new__(load(patched).api.RestApiServer)
    server.client_timeout = GIVEN
    server.RequestHandlerClass = Answers
    thread = threading.Thread(target=server.process_request_thread, args=(end, ("client", 1)), daemon=True)
    thread.start()
    return thread


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname())
    end, _ = listening.accept()
    listening.close()
    return client, end


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    folder: Path = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=db1", *files],
        check=True,
        capture_output=True,
        timeout=60,
    )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "crt", folder / "key")
    return made


def secured(context: ssl.SSLContext, end: socket.socket) -> ssl.SSLSocket:
    """As the REST API wraps it: the handshake is its thread's."""
    return context.wrap_socket(end, server_side=True, do_handshake_on_connect=False)


def ends(thread: threading.Thread) -> bool:
    thread.join(EVER)
    return not thread.is_alive()


@pytest.mark.parametrize("patched", [False, True])
def test_a_client_that_says_nothing(
    load: Load, patched: bool, pair: tuple[socket.socket, socket.socket]
) -> None:
    client, end = pair
    thread = served(load, patched, end)
    assert ends(thread) is patched
    client.close()
    assert ends(thread)


@pytest.mark.parametrize("patched", [False, True])
def test_a_client_that_begins_no_handshake(
    load: Load, patched: bool, pair: tuple[socket.socket, socket.socket], context: ssl.SSLContext
) -> None:
    client, end = pair
    thread = served(load, patched, secured(context, end))
    assert ends(thread) is patched
    client.close()
    assert ends(thread)


@pytest.mark.parametrize("patched", [False, True])
def test_a_client_that_was_answered_and_does_not_close(
    load: Load, patched: bool, pair: tuple[socket.socket, socket.socket], context: ssl.SSLContext
) -> None:
    client, end = pair
    thread = served(load, patched, secured(context, end))
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    talking = trusting.wrap_socket(client)
    talking.sendall(b"GET /liveness HTTP/1.0\r\n\r\n")
    assert talking.recv(12) == b"HTTP/1.0 200"
    assert ends(thread) is patched
    talking.close()
    assert ends(thread)
