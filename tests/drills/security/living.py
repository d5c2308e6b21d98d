"""The stack of the security drills: used as it is if it runs, otherwise brought up."""

from __future__ import annotations

from infra.contract import Contract
from infra.errors import FlashtierError
from infra.stack import outputs
from tests.drills.runs import complete
from tests.drills.security.places import everywhere, host_places


def living(stack: str) -> Contract:
    """The contract of a stack whose hosts all run and were configured."""
    try:
        contract = outputs.read_contract(stack)
        everywhere(host_places(contract), "test", "-s", "/var/lib/flashtier/nftables.loaded")
    except (FlashtierError, AssertionError):
        complete(stack, "security")
        outputs.forget()
        contract = outputs.read_contract(stack)
    return contract
