"""A cluster that is not as declared, or that its members and etcd tell differently, is noticed and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import database
from tests.support.aws.verification import verify
from tests.support.aws_contract import aws_contract

CONTRACT = aws_contract("prod")
FIRST, SECOND, LEADER = CONTRACT.database.members
MARKER = database.markers(CONTRACT.host(SECOND))[0]
LOGICAL = {"type": "logical", "temporary": False, "active": False, "wal": "lost"}
RULE = {"file_name": "/etc/flashtier/postgresql/pg_hba.conf", "line_number": 9, "error": None,
        "type": "hostssl", "database": ["replication"], "user_name": ["replicator"], "address": "10.9.9.9",
        "netmask": "255.255.255.255", "auth_method": "scram-sha-256"}  # fmt: skip
SERVER, MEMBER = ["database", "server"], ["member"]
FIGURES, PROBE = ["probed", "figures"], "flashtier_probe"
HUNG = json.dumps(
    {"host": SECOND, "verdict": "stuck"} | {part: {"state": "hung"} for part in ("data", "wal", "connection")}
)
SETTINGS, CONFIG = [*SERVER, "settings"], [*MEMBER, "config"]

#: The host, where in what it tells (+ adds to a list), what is there then, and what names it.
BY_HAND: list[tuple[str, list[str], Any, str]] = [
    (FIRST, [*SERVER, "receiver", "host"], "10.9.9.9", f"{FIRST}: receives, from where and by which slot"),
    (FIRST, [*SERVER, "receiver", "connection"], "sslmode=require", f"{FIRST}: checks whom it follows"),
    (SECOND, [*SERVER, "slots", "evil"], LOGICAL, f"{SECOND}: slots: "),
    (SECOND, [*SERVER, "slots", FIRST, "wal"], "lost", f"{SECOND}: slots whose WAL is gone: declared [], in"),
    (SECOND, [*MEMBER, "markers", MARKER], "host=other\n", f"{SECOND}: markers of its volumes"),
    (SECOND, [*MEMBER, "medium"], "rc 1: not a mount point", "before a start says: declared '', in"),
    (SECOND, [*MEMBER, "cluster", "pause"], True, f"{SECOND}: paused"),
    (FIRST, [*CONFIG, "ttl"], 30, "patroni.ttl: declared 20, in effect 30 (/config of db1"),
    (FIRST, [*CONFIG, "colour"], "red", f"{FIRST}: settings that are not declared"),
    (FIRST, [*CONFIG, "postgresql", "parameters", "wal_level"], "minimal", "parameters.wal_level"),
    (FIRST, [*MEMBER, "no certificate"], "{}", "a client without a certificate: declared 'refused'"),
    (FIRST, [*MEMBER, "no password"], 200, "a change without a password: declared 401, in effect 200"),
    (FIRST, [*MEMBER, "patroni", "patroni", "version"], "4.0.7", f"{FIRST}: Patroni's version"),
    (FIRST, [*MEMBER, "patroni", "database_system_identifier"], "1", "Patroni's system identifier"),
    (FIRST, [*MEMBER, "program"], "/usr/bin/patroni", f"{FIRST}: program of Patroni"),
    (FIRST, [*SERVER, "system_identifier"], "1", f"{FIRST}: the server's system identifier"),
    (FIRST, [*SETTINGS, "max_connections", "source"], "environment", "max_connections: set in"),
    (FIRST, [*SETTINGS, "wal_level", "pending_restart"], True, "wait for a restart: declared []"),
    (FIRST, [*SERVER, "hba", "+"], RULE, f"{FIRST}: who is let in, and to what"),
    (FIRST, ["paths", "/pg/data/17", "entries", "+"], "recovery.signal", "in effect ['recovery.signal']"),
    (LEADER, [*SETTINGS, "synchronous_standby_names", "setting"], "ANY 1 (db1)",
     "durability.synchronous_mode: declared 'quorum', in effect 'ANY 1 (db1)'"),
    (LEADER, [*SERVER, "standbys", FIRST, "sync"], "async", "standbys that a commit counts"),
    (LEADER, [*SERVER, "standbys", SECOND, "state"], "catchup", f"{LEADER}: standbys: "),
    (LEADER, [*SERVER, "roles", "rewinder", "superuser"], True, "powers of rewinder: declared [], in effect"),
    (LEADER, [*SERVER, "function_rights", "+"], "photos_app pg_read_file(text)", "rights on functions"),
    (FIRST, [*FIGURES, f"{PROBE}_failures"], 9, "database.probe.failures: declared 3, in effect 9"),
    (FIRST, [*FIGURES, f"{PROBE}_period_seconds"], 5, "probe.period_ms: declared 500, in effect 5000"),
    (SECOND, [*FIGURES, f'{PROBE}_volume_deadline_seconds{{volume="flash"}}'], 60,
     "probe.volume.flash.deadline_ms"),
    (SECOND, [*FIGURES, f'{PROBE}_verdict{{verdict="fine"}}'], 0, f"{SECOND}: verdict of its probe"),
    (SECOND, [*FIGURES, f'{PROBE}_state{{part="wal",state="hung"}}'], 1, f"{SECOND}: state of its wal"),
    (SECOND, [*FIGURES, f'{PROBE}_seconds{{part="data",volume="log"}}'], 1,
     f"{SECOND}: volumes that are probed"),
    (SECOND, ["probed", "age"], 99, f"{SECOND}: figures of its probe younger than 15 s"),
    (FIRST, ["probed", "folders", "flash"], "0755 root", f"{FIRST}: the probe's folder on each volume"),
    ("control1", ["cluster_keys", f"/flashtier/prod/probes/{SECOND}"], HUNG, f"{SECOND}: verdict in etcd"),
    ("control2", ["cluster_keys", "/service/prod/sync"], "{}", "control2: keys of the cluster in etcd"),
]  # fmt: skip
FILES = ["test_patroni.py", "test_probe.py", "test_postgresql.py", "test_postgresql_access.py"]


def test_each_thing_that_is_not_as_declared_is_named(tmp_path: Path) -> None:
    changes = [(host, path, value) for host, path, value, _ in BY_HAND]
    faults = verify(tmp_path, "prod", changes=changes, files=FILES)["faults"]
    missed = [(host, path) for host, path, _, says in BY_HAND if not any(says in fault for fault in faults)]
    assert missed == [], "\n".join(faults)


@pytest.mark.parametrize(
    ("host", "path", "value", "says"),
    [
        (FIRST, [*SERVER, "in_recovery"], False, f"members that take writes: {FIRST}, {LEADER}; must be one"),
        (LEADER, [*SERVER, "in_recovery"], True, "members that take writes: none; must be one"),
        (
            "control1",
            ["cluster_keys", "/service/prod/leader"],
            FIRST,
            "leader by etcd, and the member",
        ),
    ],
    ids=["two leaders", "no leader", "etcd names another"],
)
def test_members_and_etcd_have_to_name_one_leader(
    tmp_path: Path, host: str, path: list[str], value: Any, says: str
) -> None:
    faults = verify(tmp_path, "prod", changes=[(host, path, value)], files=["test_patroni.py"])["faults"]
    assert [fault for fault in faults if says in fault], "\n".join(faults)
