"""Each member of etcd, asked itself: its cluster, what it runs with, who may do what, and its snapshots."""

from __future__ import annotations

import base64

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts.etcd import ACCOUNTS, ports, rights, settings, volume_of
from tests.hosts.facts import Check
from tests.hosts.snapshot import Snapshot

#: A snapshot is taken each hour; one takes minutes at most, and a boot delays it by its random share.
OLDEST_SNAPSHOT = 3600 + 1800 + 600
MOST_SNAPSHOTS = 24
HTTP_BAD_REQUEST = 400
with_etcd = pytest.mark.where(lambda host: "etcd" in host.components)


@with_etcd
def test_the_member_serves_its_cluster(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    etcd, name = snapshot["etcd"], declared.name
    check.equal(f"{name}: etcd is healthy", "true", etcd["health"])
    check.equal(f"{name}: etcd reports faults", [], etcd["status"].get("errors", []))
    _, peer = ports(contract)
    wanted = {
        host.name: ([f"https://{host.address}:{peer}"], False)
        for host in contract.hosts
        if "etcd" in host.components
    }
    found = {
        one.get("name", one["ID"]): (one["peerURLs"], one.get("isLearner", False)) for one in etcd["members"]
    }
    check.equal(f"{name}: members with their addresses, and whether they only learn", wanted, found)
    ids = {one["ID"]: one.get("name") for one in etcd["members"]}
    check.equal(f"{name}: the member's own name", name, ids.get(etcd["status"]["header"]["member_id"]))
    cluster = f"{int(etcd['status']['header']['cluster_id']):x}"
    check.equal(
        f"{name}: cluster that the host and its volume are marked with",
        {"host": cluster, "volume": cluster},
        etcd["marks"],
    )
    check.equal(f"{name}: a blank member may start", False, etcd["start file"])


def test_members_are_of_one_cluster_with_one_leader(
    contract: Contract, snapshots: dict[str, Snapshot], check: Check
) -> None:
    answers = [snapshots[host.name]["etcd"]["status"] for host in contract.hosts if "etcd" in host.components]
    check.equal("clusters of etcd", 1, len({status["header"]["cluster_id"] for status in answers}))
    leaders = {status.get("leader", "0") for status in answers}
    check.true("members name one leader of etcd", len(leaders) == 1 and "0" not in leaders, found=leaders)


@with_etcd
def test_accounts_and_rights_of_etcd(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    etcd, name = snapshot["etcd"], declared.name
    check.equal(f"{name}: etcd asks for accounts", True, etcd["auth"])
    check.equal(f"{name}: accounts of etcd", ACCOUNTS, etcd["users"])
    found = {
        role: {
            (decoded(right["key"]), decoded(right.get("range_end", "")), right.get("permType", "READ"))
            for right in held
        }
        for role, held in etcd["roles"].items()
        if role != "root"
    }
    check.equal(f"{name}: rights in etcd", rights(contract.stack), found)
    check.equal(f"{name}: etcd and a client without a certificate", "refused", etcd["no certificate"])
    for who in ("wrong password", "no account"):
        check.equal(f"{name}: etcd and a client with {who}", HTTP_BAD_REQUEST, etcd[who])


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()


@with_etcd
def test_settings_of_etcd_are_in_effect(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    etcd, wanted = snapshot["etcd"], settings(declared, contract)
    found = {name: etcd["environment"].get(name) for name in wanted}
    check.equal(f"{declared.name}: etcd's settings", wanted, found, how="/proc/PID/environ")
    check.equal(
        f"{declared.name}: etcd's quota",
        float(wanted["ETCD_QUOTA_BACKEND_BYTES"]),
        etcd["metrics"].get("etcd_server_quota_backend_bytes"),
        how="/metrics",
    )
    volume = next(one for one in declared.volumes if one.name == volume_of(declared))
    number = snapshot["devices"][volume.device].get("number")
    check.equal(f"{declared.name}: device of etcd's data", number, etcd["data"], how="st_dev")


@with_etcd
def test_snapshots_of_etcd(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """Only what is whole has its name; the first comes within the hour, whatever the host did meanwhile."""
    found, name = snapshot["etcd"]["snapshots"], declared.name
    whole = {path: one for path, one in found.items() if path.endswith(".db")}
    check.true(f"{name}: at most {MOST_SNAPSHOTS} snapshots", len(whole) <= MOST_SNAPSHOTS, found=len(whole))
    check.equal(
        f"{name}: rights of snapshots", [], sorted(path for path, one in whole.items() if one[2] != "0600")
    )
    # What systemd says of a timer after a boot is the stamp of its first start, though it never ran.
    if whole or snapshot["etcd"]["age"] > OLDEST_SNAPSHOT:
        youngest = min((one[1] for one in whole.values()), default=float("inf"))
        check.true(f"{name}: a snapshot of the last hour", youngest < OLDEST_SNAPSHOT, found=youngest)
