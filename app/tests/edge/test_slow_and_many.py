"""Clients that are slow, greedy or mistaken, through the edge of a living stack: each gets its answer as a problem.

PHOTO_API_URL and PHOTO_API_CA as in test_fuzz. The slow ones run side by side; together they take 40 s.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from email.parser import BytesParser
from urllib.parse import urlsplit

import httpx
import pytest

PROBLEM = "application/problem+json"
#: Seconds that the longest wait of the edge takes, and some.
DEADLINE = 75


@pytest.fixture(scope="module")
def edge() -> str:
    return os.environ["PHOTO_API_URL"]


@pytest.fixture(scope="module")
def context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ["PHOTO_API_CA"])


@pytest.fixture
def client(edge, context) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=edge, verify=context, trust_env=False, timeout=30) as client:
        yield client


class Upload:
    """An upload that is sent by hand, byte by byte."""

    def __init__(self, edge: str, context: ssl.SSLContext, length: int) -> None:
        url = urlsplit(edge)
        assert url.hostname is not None
        plain = socket.create_connection((url.hostname, url.port or 443), timeout=10)
        self.connection = context.wrap_socket(plain, server_hostname=url.hostname)
        self.send(
            f"POST /photos HTTP/1.1\r\nHost: {url.hostname}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, seconds: float) -> tuple[int, str]:
        """Status and content type of what comes within `seconds`. Raises `TimeoutError`."""
        self.connection.settimeout(seconds)
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.connection.recv(65536)
            assert piece, f"closed after {data!r}"
            data += piece
        status, _, header = data.partition(b"\r\n")
        return int(status.split()[1]), BytesParser().parsebytes(header, headersonly=True)["content-type"]


def pausing(upload: Upload) -> tuple[int, str]:
    """17 s, as a phone that changes its network: not a fault. What it sends is not a form, which the app says."""
    upload.send(b"x" * 1000)
    time.sleep(17)
    upload.send(b"x" * 1000)
    return upload.answer(15)


def silent(upload: Upload) -> tuple[int, str]:
    upload.send(b"x" * 1000)
    return upload.answer(DEADLINE)


def dripping(upload: Upload) -> tuple[int, str]:
    """A byte each 4 s, without end."""
    for _ in range(DEADLINE // 4):
        upload.send(b"x")
        try:
            return upload.answer(4)
        except TimeoutError:
            continue
    pytest.fail(f"a byte each 4 s is held for {DEADLINE} s")


def test_slow_clients(edge, context):
    with ThreadPoolExecutor(3) as pool, ExitStack() as stack:
        lengths = {pausing: 2000, silent: 200_000, dripping: 200_000}
        answers = {
            act: pool.submit(act, stack.enter_context(Upload(edge, context, length))) for act, length in lengths.items()
        }
        assert answers[pausing].result() == (400, PROBLEM)
        assert answers[silent].result() == (408, PROBLEM)
        assert answers[dripping].result() == (408, PROBLEM)


def test_one_client_cannot_take_every_place_of_uploads(edge, context, client):
    """It opens uploads until it is refused; what it has is less than all that a web host takes."""
    with ExitStack() as stack:
        for held in range(600):
            upload = stack.enter_context(Upload(edge, context, 1000))
            try:
                refused = upload.answer(0.05)
            except TimeoutError:
                continue
            assert refused in ((429, PROBLEM), (503, PROBLEM))
            assert 2 <= held < 600
            # Everyone is still served.
            assert client.get("/healthz").status_code == 200
            return
    pytest.fail("600 uploads of one address are held at once")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("TRACE", "/photos/1", 405, "GET, HEAD, DELETE"),
        ("PATCH", "/photos", 405, "POST"),
        ("POST", "/photos/", 404, None),
        ("GET", "/metrics", 404, None),
        ("GET", "/%zz", 400, None),
    ],
)
def test_mistaken_clients(client, method, path, status, allow):
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"], answer.headers.get("allow")) == (status, PROBLEM, allow)
    assert answer.json()["status"] == status


def test_a_photo_is_not_redirected_after_it_was_sent_in_clear(edge):
    plain = edge.replace("https:", "http:")
    answer = httpx.post(f"{plain}/photos", content=b"photo", trust_env=False, timeout=10)
    assert (answer.status_code, answer.headers["content-type"], "location" in answer.headers) == (403, PROBLEM, False)
