"""A leader that is stuck or gone would give way: whoever has a part in it says that it is ready."""

from __future__ import annotations

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts.facts import Check
from tests.hosts.snapshot import Snapshot

with_etcd = pytest.mark.where(lambda host: "etcd" in host.components)
#: Reasons that pass by themselves: a member that leads since a moment ago.
FOR_NOW = ("has not been seen to lead for a ttl", "the last attempt was less than a ttl")


@with_etcd
def test_every_part_is_alive(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    name, keys = declared.name, snapshot["etcd"]["takeover"]
    for kind, component in (("agents", "seal"), ("units", "release")):
        wanted = {host.name for host in contract.hosts if component in host.components}
        found = {key.removeprefix(f"{kind}/") for key in keys if key.startswith(f"{kind}/")}
        check.equal(f"{name}: hosts whose flashtier-{component} publishes itself", wanted, found)
    sealed = {key: value["sealed"] for key, value in keys.items() if key.startswith("agents/")}
    check.equal(f"{name}: members that are sealed off", {}, {key: who for key, who in sealed.items() if who})


@with_etcd
def test_nothing_hinders_it_where_it_is_declared(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    units = {key: value for key, value in snapshot["etcd"]["takeover"].items() if key.startswith("units/")}
    for key, unit in units.items():
        check.fact("database.takeover", unit["enabled"], how=f"{declared.name}: {key}")
        if contract.database.takeover:
            whys = [why for why in unit["hindered"] if not any(part in why for part in FOR_NOW)]
            check.equal(f"{declared.name}: what hinders {key}", [], whys)
