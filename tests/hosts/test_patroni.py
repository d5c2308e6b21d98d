"""Who leads and who follows: each member is asked itself, and etcd, and they have to agree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts import database
from tests.hosts.facts import Check
from tests.hosts.members import Away, has_member, staying
from tests.hosts.snapshot import Snapshot

serving = pytest.mark.where.with_args(has_member)

UNAUTHORIZED = 401


@pytest.fixture
def keys(contract: Contract, snapshots: dict[str, Snapshot], check: Check) -> dict[str, str]:
    """What etcd holds of the cluster, by what follows its prefix; every member of etcd says the same."""
    told = {
        host.name: snapshots[host.name]["cluster_keys"]
        for host in contract.hosts
        if "etcd" in host.components
    }
    prefix = f"/service/{contract.stack}/"
    own = f"/flashtier/{contract.stack}"
    leased = tuple(f"{own}/takeover/{name}" for name in ("agents/", "units/", "sealed/", "order", "tried"))
    moving = ("members/", "status", "failsafe", f"{own}/probes/", *leased)
    first: dict[str, str] = next(iter(told.values()))

    def lasting(held: dict[str, str]) -> dict[str, str]:
        """Without what members write again and again."""
        return {key: value for key, value in held.items() if not key.removeprefix(prefix).startswith(moving)}

    for name, held in told.items():
        check.equal(f"{name}: keys of the cluster in etcd", lasting(first), lasting(held))
    return {key.removeprefix(prefix): value for key, value in first.items()}


def followers(contract: Contract, leading: Snapshot, away: Away) -> list[str]:
    return [name for name in staying(contract, away) if name != leading.name]


def test_one_member_leads_and_all_name_it(
    contract: Contract,
    snapshots: dict[str, Snapshot],
    leading: Snapshot,
    keys: dict[str, str],
    away: Away,
    check: Check,
) -> None:
    check.equal("leader by etcd, and the member that takes writes", keys.get("leader"), leading.name)
    timelines = set()
    for name in staying(contract, away):
        told = snapshots[name]["member"]["cluster"]
        found = {one["name"]: (one["role"], one["state"], one["host"]) for one in told["members"]}
        known = sorted([*found, *away], key=member_number)
        check.fact("database.members", known, how=f"/cluster of {name}, and those removed on purpose")
        for member, (role, state, address) in found.items():
            leads = member == leading.name
            check.equal(
                f"{name} says of {member}: leads, state and address",
                (leads, "running" if leads else "streaming", contract.host(member).address),
                (role == "leader", state, address),
            )
        check.equal(f"{name}: paused", False, told.get("pause", False))
        check.equal(f"{name}: switchover that waits", None, told.get("scheduled_switchover"))
        timelines |= {one.get("timeline") for one in told["members"]}
    check.true("members are on one timeline", len(timelines) == 1, found=sorted(map(str, timelines)))
    check.fact(
        "database.first", contract.database.members[0], how="the first of the members that hold a copy"
    )


def test_a_removed_member_keeps_its_record(
    contract: Contract, keys: dict[str, str], away: Away, check: Check
) -> None:
    """Without it a volume that is blank one day would be taken for a new one."""
    for name in contract.database.members:
        record = json.loads(keys.get(f"/flashtier/{contract.stack}/members/{name}", "{}"))
        check.equal(f"{name}: volumes with its copy, in etcd", True, bool(record.get("volumes")))
        check.equal(f"{name}: removed, as the others go on without it", name in away, "removed" in record)


def member_number(name: str) -> int:
    return int(name.removeprefix("db"))


@serving
def test_a_member_is_of_the_cluster_that_etcd_knows(
    declared: ContractHost,
    contract: Contract,
    snapshot: Snapshot,
    server: Any,
    keys: dict[str, str],
    check: Check,
) -> None:
    """Its medium, its markers, its server, Patroni and etcd."""
    name, identifier = declared.name, keys.get("initialize")
    check.equal(f"{name}: the server's system identifier", identifier, server["system_identifier"])
    told = snapshot["member"]["patroni"]
    check.equal(f"{name}: Patroni's system identifier", identifier, told["database_system_identifier"])
    volumes = {f"{volume.mount_point}/.flashtier-member": volume.uuid for volume in declared.volumes}
    wanted = {
        path: f"stack={contract.stack}\nhost={name}\nuuid={volumes[path]}\nsystem_identifier={identifier}\n"
        for path in database.markers(declared)
    }
    check.true(f"{name}: a volume carries data or WAL", bool(wanted))
    check.equal(f"{name}: markers of its volumes", wanted, snapshot["member"]["markers"])
    record = json.loads(keys.get(f"/flashtier/{contract.stack}/members/{name}", "{}"))
    check.equal(f"{name}: volumes with its copy, in etcd", sorted(wanted), sorted(record.get("volumes", {})))
    check.equal(f"{name}: what the check before a start says", "", snapshot["member"]["medium"])


@serving
def test_a_standby_streams_from_the_leader(
    declared: ContractHost,
    contract: Contract,
    snapshot: Snapshot,
    server: Any,
    leading: Snapshot,
    away: Away,
    check: Check,
) -> None:
    name, receiver = declared.name, server["receiver"]
    check.equal(f"{name}: in recovery", name != leading.name, server["in_recovery"])
    if name == leading.name:
        check.equal(f"{name}: receives", None, receiver)
        found = {
            one: (told["address"], told["role"], told["state"]) for one, told in server["standbys"].items()
        }
        wanted = {
            other: (contract.host(other).address, "replicator", "streaming")
            for other in followers(contract, leading, away)
        }
        check.equal(f"{name}: standbys", wanted, found)
    else:
        receiver = receiver or dict.fromkeys(("status", "host", "slot", "connection"), "")
        check.equal(
            f"{name}: receives, from where and by which slot",
            ("streaming", contract.host(leading.name).address, name),
            (receiver["status"], receiver["host"], receiver["slot"]),
        )
        check.true(f"{name}: checks whom it follows", "sslmode=verify-full" in receiver["connection"])
    # One for each other member, on all of them: whoever leads next has what the others still need.
    # Of one that was removed they keep it for `member_slots_ttl`.
    kept = {one: told for one, told in server["slots"].items() if one not in away}
    slots = {one: (told["type"], told["temporary"]) for one, told in kept.items()}
    others = [one for one in staying(contract, away) if one != name]
    check.equal(f"{name}: slots", dict.fromkeys(others, ("physical", False)), slots)
    lost = sorted(one for one, told in kept.items() if told["wal"] in ("lost", "unreserved"))
    check.equal(f"{name}: slots whose WAL is gone", [], lost)


def test_commits_wait_as_declared(
    contract: Contract, leading: Snapshot, keys: dict[str, str], away: Away, check: Check
) -> None:
    """What counts is the setting of the member that leads; /sync says who may lead after it."""
    server, others = leading["database"]["server"], followers(contract, leading, away)
    found = server["settings"]["synchronous_standby_names"]["setting"]
    sync = json.loads(keys.get("sync") or "null") or {}
    voters = sorted(filter(None, (sync.get("sync_standby") or "").split(",")))
    how = f"synchronous_standby_names of {leading.name}"
    check.fact("durability.synchronous_mode", mode(found, others), how=how)
    if contract.durability.quorum:
        check.equal("/sync names the leader", leading.name, sync.get("leader"))
        check.equal("/sync names all standbys", sorted(others), voters)
        kinds = {name: told["sync"] for name, told in server["standbys"].items()}
        check.equal("standbys that a commit counts", dict.fromkeys(others, "quorum"), kinds)
    else:
        check.equal("/sync names standbys", [], voters)
    strict = json.loads(keys.get("config", "{}")).get("synchronous_mode_strict")
    check.fact("durability.synchronous_mode_strict", strict, how="/config in etcd")


def mode(names: str, others: list[str]) -> str:
    """What the setting means, where it is one of those that may be; itself where it is not."""
    if not names:
        return "asynchronous"
    listed = re.fullmatch(r"ANY 1 \(([^()]*)\)", names)
    counted = [name.strip().strip('"') for name in listed[1].split(",")] if listed else []
    return "quorum" if sorted(counted) == sorted(others) else names


def leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, item in tree.items():
            yield from leaves(item, f"{path}.{key}")
    else:
        yield path, tree


def test_the_clusters_settings_are_the_declared_ones(
    contract: Contract, snapshots: dict[str, Snapshot], keys: dict[str, str], away: Away, check: Check
) -> None:
    """In etcd, and as each member has read them. What is not declared must not be there."""
    told = {"etcd": json.loads(keys.get("config", "{}"))}
    told |= {name: snapshots[name]["member"]["config"] for name in staying(contract, away)}
    wanted = dict(leaves(contract.database.patroni.model_dump(mode="json"), "database.patroni"))
    for where, config in told.items():
        found = dict(leaves(config, "database.patroni"))
        for key in wanted:
            check.fact(key, found.get(key), how=f"/config of {where}")
        check.equal(f"{where}: settings that are not declared", [], sorted(found.keys() - wanted.keys()))


@serving
def test_patroni_is_the_locked_one_and_answers_members_only(
    declared: ContractHost, snapshot: Snapshot, check: Check
) -> None:
    name, told = declared.name, snapshot["member"]
    check.equal(f"{name}: Patroni's version", database.locked(), told["patroni"]["patroni"]["version"])
    check.equal(f"{name}: program of Patroni", f"{snapshot['patroni']['path']}/bin/patroni", told["program"])
    check.equal(f"{name}: Patroni and a client without a certificate", "refused", told["no certificate"])
    check.equal(f"{name}: Patroni and a change without a password", UNAUTHORIZED, told["no password"])
    check.equal(
        f"{name}: settings that wait for a restart", False, told["patroni"].get("pending_restart", False)
    )
