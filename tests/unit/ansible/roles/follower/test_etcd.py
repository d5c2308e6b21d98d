"""Calls of etcd's gateway: what is an answer, what is an error, and when a login is made again."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from follower import etcd
from follower.etcd import Endpoint, Endpoints, EtcdError, Login, after, decoded, encoded
from tests.support.gateway import RECORDED, Gateway, serving, until

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
LOGIN = Login("follower", "secret")
RANGE = "/v3/kv/txn"


def endpoint(gateway: Gateway) -> Endpoint:
    return Endpoint(gateway.url, LOGIN, None)


def test_keys_are_base64_and_a_prefix_ends_before_its_next() -> None:
    assert decoded(encoded("/service/lab/leader")) == "/service/lab/leader"
    assert after("/flashtier/lab/holds/") == "/flashtier/lab/holds0"


def test_a_login_is_made_once_and_its_token_sent() -> None:
    with serving() as gateway:
        asked = endpoint(gateway)
        for _ in range(3):
            assert asked.call(RANGE, {})["header"]["revision"] == "84"
        assert gateway.paths() == ["/v3/auth/authenticate", RANGE, RANGE, RANGE]
        assert gateway.asked[0][1] == {"name": "follower", "password": "secret"}
        assert {token for _, _, token in gateway.asked[1:]} == {"FGQbfnMzFCXOvpoq.38"}


@pytest.mark.parametrize("name", ["unknown token", "no token"])
def test_a_token_that_etcd_no_longer_knows_is_renewed(name: str) -> None:
    with serving(txn=[name, "snapshot"]) as gateway:
        assert endpoint(gateway).call(RANGE, {})["header"]["revision"] == "84"
        assert gateway.paths() == ["/v3/auth/authenticate", RANGE] * 2


def test_a_token_is_renewed_once_a_call_and_not_for_ever() -> None:
    with serving(txn=["unknown token"]) as gateway:
        with pytest.raises(EtcdError, match="invalid auth token"):
            endpoint(gateway).call(RANGE, {})
        assert gateway.paths().count(RANGE) == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("permission denied", "permission denied"),
        ("leader changed", "leader changed"),
        ("not found", "Not Found"),
        ("common name", "no JSON"),
        ("no such lease", "lease not found"),
        ("[]", "no object"),
        ("", "no JSON"),
    ],
)
def test_an_error_is_no_answer(name: str, says: str) -> None:
    with serving(txn=[name]) as gateway, pytest.raises(EtcdError, match=says):
        endpoint(gateway).call(RANGE, {})


def test_every_recorded_refusal_of_a_call_is_an_error() -> None:
    refusals = [name for name, answer in RECORDED.items() if answer["status"] != 200]
    assert len(refusals) > 5
    for name in refusals:
        with pytest.raises(EtcdError):
            etcd.answer("url", RECORDED[name]["text"].encode())


def test_a_wrong_password_is_said_without_it() -> None:
    with serving(authenticate=["wrong password"]) as gateway, pytest.raises(EtcdError) as raised:
        endpoint(gateway).call(RANGE, {})
    assert "invalid user ID or password" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_an_endpoint_that_is_not_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(EtcdError, match="refused"):
        Endpoint(f"http://127.0.0.1:{port}", LOGIN, None).call(RANGE, {})


def test_an_endpoint_that_says_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "DEADLINE", 0.2)
    with serving() as gateway:
        gateway.silent.set()
        with pytest.raises(EtcdError, match=r"Timeout|in 0\.2 s|Remote|timed out"):
            endpoint(gateway).call(RANGE, {})


def test_a_request_on_a_kept_connection_is_not_sent_again_for_its_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was asked may be done: a second time it would be another thing.

    A login of before is not used again.
    """
    monkeypatch.setattr(etcd, "DEADLINE", 0.3)
    with serving() as gateway:
        one = endpoint(gateway)
        one.call(RANGE, {})
        gateway.silent.set()
        before = len(gateway.asked)
        with pytest.raises(EtcdError, match=r"in 0\.3 s|timed out"):
            one.call(RANGE, {})
        assert len(gateway.asked) == before + 1
        assert one.token is None


def test_no_member_is_asked_after_its_time() -> None:
    with serving() as gateway:
        both = Endpoints([endpoint(gateway), endpoint(gateway)])
        with pytest.raises(EtcdError, match="too late to ask"):
            both.ask(RANGE, {}, until=0.0)
        assert gateway.asked == []


def test_the_next_member_is_asked_where_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "DEADLINE", 0.3)
    with serving() as silent, serving() as gateway:
        silent.silent.set()
        both = Endpoints([endpoint(silent), endpoint(gateway)])
        both.ask(RANGE, {})
        both.ask(RANGE, {})
        assert gateway.paths().count(RANGE) == 2
        assert silent.paths().count("/v3/auth/authenticate") == 1


def test_an_answer_that_drips_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes within the socket's timeout, the whole never."""
    monkeypatch.setattr(etcd, "DEADLINE", 0.4)
    over = threading.Event()

    def drip() -> None:
        peer, _ = server.accept()
        with peer:
            peer.recv(65536)
            try:
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.05):
                    peer.sendall(b" ")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(EtcdError):
            Endpoint(f"http://127.0.0.1:{server.getsockname()[1]}", LOGIN, None).call(RANGE, {})
        assert time.monotonic() - began < 30
        over.set()
        thread.join(10)


def test_a_kept_connection_that_etcd_closed_is_made_again() -> None:
    with serving() as gateway:
        asked = endpoint(gateway)
        asked.call(RANGE, {})
        assert asked.connection is not None
        asked.connection.sock.shutdown(socket.SHUT_RDWR)
        assert asked.call(RANGE, {})["header"]["revision"] == "84"


def test_a_stream_gives_its_lines_and_ends_as_an_error() -> None:
    with serving() as gateway:
        stream = endpoint(gateway).stream("/v3/watch", [{"one": 1}, {"two": 2}])
        answers = stream.answers()
        assert next(answers)["created"] is True
        gateway.line("leader deleted")
        assert next(answers)["events"][0]["type"] == "DELETE"
        gateway.lines.put(None)
        with pytest.raises(EtcdError, match="the stream ended"):
            next(answers)
        assert gateway.asked[-1][1] == [{"one": 1}, {"two": 2}]
        stream.close()


def test_a_stream_that_is_closed_wakes_its_reader() -> None:
    with serving() as gateway:
        stream = endpoint(gateway).stream("/v3/watch", [{}])
        ended: list[str] = []

        def read() -> None:
            try:
                for _ in stream.answers():
                    continue
            except EtcdError as error:
                ended.append(str(error))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        assert gateway.watching.wait(10)
        stream.close()
        until(lambda: ended, "the reader's end")


def test_a_stream_of_something_else_is_an_error() -> None:
    with serving(watch=["common name"]) as gateway:
        stream = endpoint(gateway).stream("/v3/watch", [{}])
        with pytest.raises(EtcdError, match="no JSON"):
            next(stream.answers())
        stream.close()
