"""Whose socket is at the other end of a connection, and what of it counts."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from infra.plugin import peers
from infra.plugin.peers import OnlyOwn, Peer


@pytest.fixture(params=["_asked", "_listed"])
def owner(request: pytest.FixtureRequest) -> Any:
    """Either way to find out: they must not differ."""
    return getattr(peers, request.param)


def test_a_socket_that_is_closed_belongs_to_no_account(owner: Any) -> None:
    """The kernel shows a closed socket as root's: who closes in time would pass for root."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        peer = Peer(client.getsockname()[1], port)
        assert owner(peer) == os.geteuid()
        client.close()  # FIN-WAIT: the plugin's end is still open
        assert owner(peer) is None
        accepted.close()
        assert owner(peer) is None  # TIME-WAIT


def test_a_listener_on_the_port_does_not_answer_for_it(owner: Any) -> None:
    """The kernel answers with one where there is no connection from that port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert owner(Peer(port, 1)) is None


def test_another_connection_from_the_same_port_does_not_count(owner: Any) -> None:
    """A port can serve several connections, each of another account."""
    first, second = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with first, second, socket.socket() as client:
        client.connect(first.getsockname())
        mine = client.getsockname()[1]
        assert owner(Peer(mine, first.getsockname()[1])) == os.geteuid()
        assert owner(Peer(mine, second.getsockname()[1])) is None


class Call:
    """A call as gRPC shows it to a plugin."""

    def __init__(self, address: str, active: bool = True) -> None:
        self.peer = lambda: address
        self.is_active = lambda: active


@pytest.mark.parametrize("address", ["unix:", "ipv6:[::1]:5", "ipv4:10.0.0.7:5", "ipv4:127.0.0.1:x", ""])
def test_a_caller_from_elsewhere_is_refused(address: str) -> None:
    assert "is not on the loopback" in OnlyOwn().fault(Call(address))  # type: ignore[arg-type]


def test_a_connection_that_was_reset_is_refused() -> None:
    """Its port may belong to root's next connection by now."""
    only = OnlyOwn()
    with socket.create_server(("127.0.0.1", 0)) as server:
        only.port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", only.port)) as client:
            address = f"ipv4:127.0.0.1:{client.getsockname()[1]}"
            assert only.fault(Call(address)) == ""  # type: ignore[arg-type]
            assert "has closed its connection" in only.fault(Call(address, active=False))  # type: ignore[arg-type]
            only.allowed = frozenset({os.geteuid() + 1})
            assert f"belongs to uid {os.geteuid()}, allowed" in only.fault(Call(address))  # type: ignore[arg-type]
