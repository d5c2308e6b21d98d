"""Sessions with pgBouncer's console: rows, refusals, and answers that do not come."""

from __future__ import annotations

import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from follower import console
from follower.console import ConsoleError, Refused, Session, quoted
from tests.support.console import listening, message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".s.PGSQL.6432"


def test_rows_come_by_the_names_of_their_columns(path: Path) -> None:
    with listening(path, photos="10.0.0.1", reads="10.0.0.2"):
        session = Session(str(path), "flashtier-follower")
        rows = session.ask("SHOW DATABASES")
        assert rows[:2] == [
            {"name": "photos", "host": "10.0.0.1", "paused": "0"},
            {"name": "reads", "host": "10.0.0.2", "paused": "0"},
        ]
        assert rows[2] == {"name": "pgbouncer", "host": None, "paused": "0"}
        session.close()


def test_a_refusal_leaves_the_session_usable(path: Path) -> None:
    with listening(path, photos="10.0.0.1"):
        session = Session(str(path), "flashtier-follower")
        with pytest.raises(Refused, match="database photos is not paused"):
            session.ask('RESUME "photos"')
        (pool,) = session.ask("SHOW POOLS")
        assert (pool["database"], pool["sv_login"]) == ("photos", "0")
        session.close()


def test_a_refused_login_says_why(path: Path) -> None:
    with listening(path, photos="10.0.0.1") as pooler:
        pooler.refuses_login = True
        with pytest.raises(ConsoleError, match="login rejected"):
            Session(str(path), "nobody")


def test_no_pgbouncer_is_an_error(path: Path) -> None:
    with pytest.raises(ConsoleError, match="No such file"):
        Session(str(path), "flashtier-follower")


def test_a_pgbouncer_that_says_nothing_is_left_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "DEADLINE", 0.1)
    with listening(path, photos="10.0.0.1") as pooler:
        pooler.silent = True
        with pytest.raises(ConsoleError, match=r"in time|timed out"):
            Session(str(path), "flashtier-follower")


def test_an_answer_that_is_not_there_yet_may_be_asked_for_again(path: Path) -> None:
    with listening(path, photos="10.0.0.1") as pooler:
        pooler.busy = {1}
        session = Session(str(path), "flashtier-follower")
        session.send('PAUSE "photos"')
        with pytest.raises(TimeoutError):
            session.finish(0.05)
        pooler.busy.clear()
        assert session.finish(10) == []
        session.close()


def test_a_command_without_an_answer_ends_the_session(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(path, photos="10.0.0.1") as pooler:
        session = Session(str(path), "flashtier-follower")
        pooler.silent = True
        with pytest.raises(ConsoleError, match="SHOW POOLS"):
            session.ask("SHOW POOLS", seconds=0.05)


def raw(path: Path, answer: bytes) -> threading.Thread:
    """Something that answers a login with these bytes and hangs up."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        peer, _ = server.accept()
        with peer, server:
            peer.recv(65536)
            peer.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "ended the console's session"),
        (message(b"R", struct.pack("!I", 3)), "asks for a password"),
        (b"R\0\0", "ended the console's session"),
    ],
)
def test_half_an_answer_is_an_error(answer: bytes, says: str, path: Path) -> None:
    thread = raw(path, answer)
    with pytest.raises(ConsoleError, match=says):
        Session(str(path), "flashtier-follower")
    thread.join(10)


def test_names_are_quoted() -> None:
    assert quoted("photos") == '"photos"'
    assert quoted('a"b') == '"a""b"'


def test_an_answer_in_pieces_is_put_together(path: Path) -> None:
    """As much at a time as the socket gives."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    whole = message(b"R", struct.pack("!I", 0)) + message(b"Z", b"I")

    def serve() -> None:
        peer, _ = server.accept()
        with peer, server:
            peer.recv(65536)
            for byte in whole:
                peer.sendall(bytes([byte]))
                time.sleep(0.001)
            peer.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    Session(str(path), "flashtier-follower").close()
    thread.join(10)
