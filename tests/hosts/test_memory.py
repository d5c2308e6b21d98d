"""Memory is for services: files in it are bounded by the host's own, and who is killed first is declared."""

from __future__ import annotations

from infra.contract import Contract, ContractHost
from tests.hosts.facts import Check
from tests.hosts.members import Away
from tests.hosts.memory import TMPFS_LEAST_MIB, oom_scores, tmpfs_mib
from tests.hosts.snapshot import Snapshot


def test_file_systems_in_memory_are_bounded(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """By the host's memory: systemd and the kernel take the machine's where the host is a container."""
    memory = declared.size.memory_mib << 20
    found = snapshot["memory_file_systems"]
    for path, wanted in tmpfs_mib(declared).items():
        there = found.get(path, {"bytes": 0, "inodes": 0})
        check.equal(f"{declared.name}: size of {path} in MiB", wanted, there["bytes"] >> 20, how="statvfs")
        check.equal(f"{declared.name}: inodes of {path}", wanted * 256, there["inodes"], how="statvfs")
    unbounded = {path: size for path, size in found.items() if not 0 < size["bytes"] <= memory // 5}
    small = {path for path in unbounded if path in TMPFS_LEAST_MIB}
    check.equal(
        f"{declared.name}: file systems in memory larger than a fifth of it",
        [],
        sorted(set(unbounded) - small),
    )
    total = sum(size["bytes"] for size in found.values())
    check.true(
        f"{declared.name}: file systems in memory take less than half of it together",
        total < memory // 2,
        found=f"{total >> 20} MiB of {memory >> 20}",
    )


def test_who_is_killed_first(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, away: Away, check: Check
) -> None:
    """What only observes goes first, what holds data last."""
    oom = snapshot["oom"]
    for unit, score in oom_scores(contract, declared, away).items():
        shown = oom["units"].get(unit, {"declared": None, "in effect": None})
        check.equal(f"{declared.name}: OOM score of {unit}", score, shown["declared"], how="systemctl show")
        # Without CAP_SYS_RESOURCE systemd leaves the score as it is where it would have to lower it.
        wanted = score if score >= 0 or oom["lowers"] else 0
        check.equal(
            f"{declared.name}: OOM score of the main process of {unit}",
            wanted,
            shown["in effect"],
            how="/proc/PID/oom_score_adj",
        )
