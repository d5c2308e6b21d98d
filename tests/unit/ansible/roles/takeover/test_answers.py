"""Whether Patroni answers: only a whole 200 in time is an answer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from takeover.answers import REFUSES, RUNS, answers


@contextmanager
def saying(*parts: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server that sends these, one after the other, and then keeps the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def serve() -> None:
            connection, _ = listening.accept()
            kept.append(connection)
            for part in parts:
                try:
                    connection.sendall(part)
                except OSError:
                    return
                time.sleep(pause)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)
        for connection in kept:
            connection.close()


OK = b"HTTP/1.0 200 OK\r\n\r\n"


def test_a_patroni_that_runs_answers() -> None:
    with saying(OK) as port:
        assert answers("127.0.0.1", port, None, 5.0) == RUNS


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.0 503 Service Unavailable\r\n\r\n", b"nonsense\r\n\r\n", b""],
    ids=["503", "nonsense", "silence"],
)
def test_anything_else_is_no_answer(said: bytes) -> None:
    with saying(said) as port:
        assert not answers("127.0.0.1", port, None, 0.3)


def test_an_answer_that_comes_byte_by_byte_is_late() -> None:
    with saying(*(bytes([one]) for one in OK), pause=0.1) as port:
        begun = time.monotonic()
        assert not answers("127.0.0.1", port, None, 0.3)
        assert time.monotonic() - begun < 1.5


def test_a_host_that_lives_and_refuses_is_told_from_silence() -> None:
    """Patroni is started again, and its server may go on meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert answers("127.0.0.1", port, None, 1.0) == REFUSES
