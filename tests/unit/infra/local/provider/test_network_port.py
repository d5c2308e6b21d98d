"""A port that LXD's dnsmasq finds taken is told as one: LXD itself names the address alone."""

from __future__ import annotations

import pytest

from infra.errors import FlashtierError
from infra.local.provider.network import _port_told
from infra.local.provider.schema import NetworkInputs

INPUTS = NetworkInputs(
    stack="drill",
    name="ft-drill",
    cidr="10.90.0.0/24",
    gateway="10.90.0.1",
    domain="drill.internal",
    intact=True,
)
TAKEN = (
    'LXD: post networks: exited ("dnsmasq: failed to create listening socket for {}: Address already in use")'
)


def test_the_port_and_what_to_do_are_reported() -> None:
    said = r"^network ft-drill: port 53 of 10\.90\.0\.1, .*ss -lnptu"
    with pytest.raises(FlashtierError, match=said), _port_told(INPUTS):
        raise FlashtierError(TAKEN.format("10.90.0.1"))


@pytest.mark.parametrize("said", [TAKEN.format("10.90.0.11"), "LXD: post networks: not found"])
def test_another_error_stays_itself(said: str) -> None:
    with pytest.raises(FlashtierError) as raised, _port_told(INPUTS):
        raise FlashtierError(said)
    assert str(raised.value) == said
