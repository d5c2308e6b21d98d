"""Whether a member answers at all: Patroni's REST interface, or its server.

Neither question reads a disk on that side: `/liveness` says that Patroni's threads run, and a server
answers an SSLRequest before it knows who asks (https://www.postgresql.org/docs/17/protocol-flow.html, SSL
session
encryption).
"""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import threading
from collections.abc import Callable

#: The request: its length, and the number that stands for it.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def answers(
    address: str,
    ports: tuple[int | None, int],
    context: Callable[[], ssl.SSLContext] | None,
    seconds: float,
) -> str:
    """Who answers within that time; empty: no one. `ports`: of the server, if it is asked, and of Patroni."""
    found: list[str] = []
    first = threading.Event()

    def ask(name: str, question: Callable[[], bool]) -> None:
        try:
            if question():
                found.append(name)
                first.set()
        except (OSError, http.client.HTTPException):
            return  # no answer, which is what was asked

    database, rest = ports
    questions = [("its Patroni", lambda: _patroni(address, rest, context, seconds))]
    if database is not None:
        questions.append(("its server", lambda: _server(address, database, seconds)))
    threads = [threading.Thread(target=ask, args=one, daemon=True) for one in questions]
    for thread in threads:
        thread.start()
    first.wait(seconds)
    return " and ".join(found)


def _server(address: str, port: int, seconds: float) -> bool:
    with socket.create_connection((address, port), timeout=seconds) as sock:
        sock.sendall(SSL_REQUEST)
        return bool(sock.recv(1))


def _patroni(address: str, port: int, context: Callable[[], ssl.SSLContext] | None, seconds: float) -> bool:
    connection = (
        http.client.HTTPSConnection(address, port, timeout=seconds, context=context())
        if context
        else http.client.HTTPConnection(address, port, timeout=seconds)
    )
    try:
        connection.request("GET", "/liveness")
        return connection.getresponse().status == http.client.OK
    finally:
        connection.close()
