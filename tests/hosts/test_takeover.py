"""A leader that is stuck or gone would give way: whoever has a part in it says that it is ready."""

from __future__ import annotations

from typing import Any

import pytest

from infra.contract import Contract
from tests.hosts.etcd import published
from tests.hosts.facts import Check
from tests.hosts.members import Away
from tests.hosts.snapshot import Snapshot

#: Reasons that pass by themselves: a member that leads since a moment ago.
FOR_NOW = ("has not been seen to lead for a ttl", "the last attempt was less than a ttl")
Published = dict[str, dict[str, Any]]


@pytest.fixture
def takeover(contract: Contract, snapshots: dict[str, Snapshot]) -> Published:
    """What hosts publish of takeovers, by key; a lease ends it 5 s after a unit that is no more."""
    return published(contract, snapshots, "takeover")


def test_every_part_is_alive(contract: Contract, takeover: Published, check: Check) -> None:
    for kind, component in (("agents", "seal"), ("units", "release")):
        wanted = {host.name for host in contract.hosts if component in host.components}
        found = {key.removeprefix(f"{kind}/") for key in takeover if key.startswith(f"{kind}/")}
        check.equal(f"hosts whose flashtier-{component} publishes itself", wanted, found)
    sealed = {key: value["sealed"] for key, value in takeover.items() if key.startswith("agents/")}
    check.equal("members that are sealed off", {}, {key: who for key, who in sealed.items() if who})
    check.true("takeovers are not switched off", "off" not in takeover, found=takeover.get("off"))


def test_nothing_hinders_it_where_it_is_declared(
    contract: Contract, takeover: Published, away: Away, check: Check
) -> None:
    units = {key: value for key, value in takeover.items() if key.startswith("units/")}
    for key, unit in units.items():
        check.fact("database.takeover", unit["enabled"], how=key)
        # With a member less no one could be sealed off from it, and a standby would have no second one.
        if contract.database.takeover and not away:
            whys = [why for why in unit["hindered"] if not any(part in why for part in FOR_NOW)]
            check.equal(f"what hinders {key}", [], whys)
