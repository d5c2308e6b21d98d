"""Members of the database: which hosts run one, and which were removed on purpose and stay down."""

from __future__ import annotations

from collections.abc import Mapping

from infra.contract import Contract, ContractHost
from tests.hosts.etcd import published
from tests.hosts.snapshot import Snapshot

#: By name of a member that was removed, why it does not run.
Away = dict[str, str]
ADD = "ansible-playbook ansible/playbooks/add_member.yml -e member="


def has_member(host: ContractHost) -> bool:
    """Marks tests of a member that runs; of one that was removed they are skipped (conftest.py)."""
    return "patroni" in host.components


def removed(contract: Contract, snapshots: Mapping[str, Snapshot]) -> Away:
    """By name, of members with the mark of remove_member.yml in etcd, why they do not run."""
    records = published(contract, snapshots, "members")
    return {
        name: f"{name} was removed on purpose; it comes back by: {ADD}{name}"
        for name in contract.database.members
        if records.get(name, {}).get("removed")
    }


def member_ports(contract: Contract) -> set[int]:
    """What a member listens on: its server, and Patroni."""
    return {contract.ports[name] for name in ("postgresql", "patroni")}


def staying(contract: Contract, away: Mapping[str, str]) -> list[str]:
    """The declared members that run."""
    return [name for name in contract.database.members if name not in away]
