"""How much of a host's memory file systems may take, and whom the kernel kills first."""

from __future__ import annotations

from collections.abc import Collection

from infra.contract import Contract, ContractHost
from tests.hosts.promises import units

#: Percent of a host's memory that each file system in memory may take, and MiB that it gets in any case.
TMPFS_SHARES = {"/tmp": 10, "/dev/shm": 20, "/run": 5}  # noqa: S108 - mount points
TMPFS_LEAST_MIB = {"/run": 32}

#: OOM scores by unit. Backends of PostgreSQL have 200: the kernel chooses one of them before the postmaster.
OOM_SCORES = {
    "prometheus-node-exporter.service": 600,
    "prometheus.service": 300,
    "photo-api.service": 200,
    "nginx.service": -500,
    "haproxy.service": -500,
    "pgbouncer.service": -500,
    "flashtier-follower.service": -500,
    "versitygw.service": -500,
    "etcd.service": -800,
    "patroni.service": -900,
    "flashtier-postmaster.service": -500,
    "flashtier-probe.service": -500,
    "flashtier-seal.service": -500,
    "flashtier-release.service": -500,
}


def oom_scores(contract: Contract, host: ContractHost, away: Collection[str] = ()) -> dict[str, int]:
    """`OOM_SCORES` of what `host` runs."""
    return {unit: OOM_SCORES[unit] for unit in units(contract, host, away) if unit in OOM_SCORES}


def tmpfs_mib(host: ContractHost) -> dict[str, int]:
    """MiB of each file system in memory of `host`, by mount point."""
    return {
        path: max(host.size.memory_mib * share // 100, TMPFS_LEAST_MIB.get(path, 0))
        for path, share in TMPFS_SHARES.items()
    }
