"""pgBouncer serves as its files say, and its pools lead to the member that etcd names."""

from __future__ import annotations

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts.facts import Check
from tests.hosts.members import Away, staying
from tests.hosts.pooler import declared_settings, differences, pool_sizes, reads_of
from tests.hosts.snapshot import Snapshot

pooled = pytest.mark.where(lambda host: "pgbouncer" in host.components)
following = pytest.mark.where(lambda host: "follower" in host.components)


@pooled
def test_settings_are_in_effect(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """pgBouncer has no way to check a file, and keeps what it had where it cannot read one."""
    found = snapshot["pooler"]
    settings = declared_settings("\n".join(found["ini"]))
    check.true(f"{declared.name}: pgBouncer's files set something", len(settings) > 20, found=len(settings))
    wrong = differences(settings, found["settings"])
    check.equal(f"{declared.name}: settings that differ from pgBouncer's files", {}, wrong)


@following
def test_pools_lead_to_the_member_that_etcd_names(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    follower, pools = snapshot["follower"], snapshot["pooler"]["pools"]
    leader = follower["leader_in_etcd"]
    check.true(f"{declared.name}: etcd names a member", leader in contract.database.members, found=leader)
    address = contract.host(leader).address if leader in contract.database.members else leader
    sizes = pool_sizes(contract)
    check.equal(f"{declared.name}: pools", set(sizes), set(pools))
    for name, pool in pools.items():
        place = (pool["host"], str(pool["port"]))
        if name == contract.app.database:
            check.equal(
                f"{declared.name}: pool {name} leads to {leader}", (address, str(port(contract))), place
            )
        check.equal(f"{declared.name}: pool {name} is paused", "0", str(pool["paused"]))
        check.equal(f"{declared.name}: size of pool {name}", sizes.get(name), int(pool["pool_size"]))


@following
def test_reads_that_may_be_stale_go_to_a_standby(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, away: Away, check: Check
) -> None:
    """In a cluster that is well: where no standby will do, they go to the leader."""
    reads, follower = contract.app.read_from_standbys, snapshot["follower"]
    wanted = [] if reads is None else [reads.max_lag_ms]
    check.equal(f"{declared.name}: how stale reads may be", wanted, follower["max_lag_ms"])
    if reads is None:
        check.equal(f"{declared.name}: no standby is read from", None, follower["reads_from"])
        return
    check.fact("app.read_from_standbys.max_lag_ms", follower["max_lag_ms"][0], how=declared.name)
    standbys = set(staying(contract, away)) - {follower["leader_in_etcd"]}
    chosen = follower["reads_from"]
    check.true(f"{declared.name}: a standby is read from", chosen in standbys, found=chosen)
    address = contract.host(chosen).address if chosen in standbys else ""
    pool = snapshot["pooler"]["pools"].get(reads_of(contract), {})
    check.equal(f"{declared.name}: stale reads go to {chosen}", address, pool.get("host"))


@following
def test_the_follower_holds_nothing(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    follower = snapshot["follower"]
    told = {key: follower[key] for key in ("state", "holds", "leader", "pgbouncer", "pools_lead_to")}
    leader = follower["leader_in_etcd"]
    serving = {
        "state": "serving",
        "holds": [],
        "leader": leader,
        "pgbouncer": "answers",
        "pools_lead_to": leader,
    }
    check.equal(f"{declared.name}: what the follower does", serving, told)


def port(contract: Contract) -> int:
    return contract.ports["postgresql"]
