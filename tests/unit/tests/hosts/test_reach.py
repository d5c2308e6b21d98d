"""An attempt to connect that fails before a packet leaves says nothing about a firewall."""

from __future__ import annotations

import errno
import socket

import pytest

from tests.hosts.reach import reach


def test_an_error_of_the_attempt_is_never_open() -> None:
    """A broadcast address refuses a connection at once, as a blackhole route does."""
    (answer,) = reach([("255.255.255.255", 9)])
    assert answer in {errno.errorcode[code] for code in (errno.EACCES, errno.ENETUNREACH, errno.EINVAL)}


@pytest.mark.parametrize(("listens", "answer"), [(True, "open"), (False, "refused")])
def test_a_socket_that_listens_is_open(listens: bool, answer: str) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        assert reach([server.getsockname(), ("255.255.255.255", 9)])[0] == answer
