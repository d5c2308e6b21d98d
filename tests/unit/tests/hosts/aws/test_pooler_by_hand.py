"""A pgBouncer or a follower that is not as declared is noticed and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.hosts.pooler import pool_sizes
from tests.support.aws.ec2_cluster import leader
from tests.support.aws.verification import verify
from tests.support.aws_contract import aws_contract

CONTRACT = aws_contract("prod")
LEADER = leader(CONTRACT)
WEB, OTHER = [host.name for host in CONTRACT.hosts if host.tier == "web"][:2]
SIZE = pool_sizes(CONTRACT)["photos"]
SETTINGS, POOL = ["pooler", "settings"], ["pooler", "pools", "photos"]
ROLES = ["database", "server", "roles", "flashtier_follower"]
MEMBERSHIPS = ["database", "server", "memberships", "+"]

#: The host, where in what it tells (+ adds to a list), what is there then, and what names it.
BY_HAND: list[tuple[str, list[str], Any, str]] = [
    (WEB, [*SETTINGS, "pool_mode"], "session", f"{WEB}: settings that differ from pgBouncer's files"),
    (WEB, [*POOL, "host"], "10.9.9.9", f"{WEB}: pool photos leads to {LEADER}"),
    (WEB, [*POOL, "paused"], 1, f"{WEB}: pool photos is paused"),
    (WEB, [*POOL, "pool_size"], 1, f"{WEB}: size of pool photos: declared {SIZE}, in effect 1"),
    (WEB, ["follower", "state"], "held", f"{WEB}: what the follower does"),
    (WEB, ["follower", "max_lag_ms"], [2000], f"{WEB}: how stale reads may be"),
    (OTHER, ["follower", "reads_from"], "db2", f"{OTHER}: no standby is read from"),
    (OTHER, ["pooler", "pools"], {}, f"{OTHER}: pools: declared"),
    (OTHER, ["pooler", "ini"], [], f"{OTHER}: pgBouncer's files set something"),
    (OTHER, ["follower", "leader_in_etcd"], "", f"{OTHER}: etcd names a member"),
    (WEB, ["oom", "units", "pgbouncer.service", "in effect"], 0, "pgbouncer.service"),
    (LEADER, [*ROLES, "connections"], -1, "inherit, connections and end of flashtier_follower"),
    (LEADER, [*ROLES, "superuser"], True, "powers of flashtier_follower"),
    (LEADER, MEMBERSHIPS, "flashtier_follower in pg_monitor", "roles in roles"),
]
FILES = ["test_pooler.py", "test_postgresql_access.py", "test_memory.py"]


def test_each_thing_that_is_not_as_declared_is_named(tmp_path: Path) -> None:
    changes = [(host, path, value) for host, path, value, _ in BY_HAND]
    faults = verify(tmp_path, "prod", changes=changes, files=FILES)["faults"]
    missed = [(host, path) for host, path, _, says in BY_HAND if not any(says in fault for fault in faults)]
    assert missed == [], "\n".join(faults)


def test_what_is_as_declared_passes(tmp_path: Path) -> None:
    assert verify(tmp_path, "prod", files=FILES)["faults"] == []


STANDBY = next(name for name in CONTRACT.database.members if name != LEADER)
READS = ["pooler", "pools", "photos_read"]
#: Where reads may go to a standby.
STALE_BY_HAND: list[tuple[str, list[str], Any, str]] = [
    (WEB, ["follower", "max_lag_ms"], [60000], f"{WEB}: how stale reads may be"),
    (OTHER, ["follower", "max_lag_ms"], [7], "app.read_from_standbys.max_lag_ms"),
    (WEB, ["follower", "reads_from"], LEADER, f"{WEB}: a standby is read from"),
    (OTHER, [*READS, "host"], CONTRACT.host(LEADER).address, f"{OTHER}: stale reads go to {STANDBY}"),
    (OTHER, [*READS, "pool_size"], 1, f"{OTHER}: size of pool photos_read"),
]


def test_reads_that_go_where_they_must_not_are_named(tmp_path: Path) -> None:
    changes = [(host, path, value) for host, path, value, _ in STALE_BY_HAND]
    faults = verify(tmp_path, "prod", changes=changes, files=["test_pooler.py"], two=True)["faults"]
    missed = [path for _, path, _, says in STALE_BY_HAND if not any(says in fault for fault in faults)]
    assert missed == [], "\n".join(faults)


def test_reads_from_standbys_as_declared_pass(tmp_path: Path) -> None:
    assert verify(tmp_path, "prod", files=["test_pooler.py"], two=True)["faults"] == []
