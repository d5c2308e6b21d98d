"""tests/hosts against played hosts on EC2: it covers all facts, and notices what is not as declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hosts.facts import declared_facts
from tests.support.aws.verification import verify
from tests.support.aws_contract import aws_contract

#: What only the comparison of whole files looks at: no fact of the contract.
DISK = ["test_files.py"]
#: Declared before it is built; tests/hosts/test_cloud.py gives the reason.
NOT_YET = {"durability.archive.timeout_s"}


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_every_fact_has_a_check_or_a_reason(tmp_path: Path, stack: str) -> None:
    outcome = verify(tmp_path, stack, without=DISK)
    assert outcome["faults"] == []
    assert outcome["uncovered"] == []
    assert set(outcome["unsupported"]) == NOT_YET
    assert all(outcome["unsupported"].values())
    # Nothing of the run stays in the bucket.
    assert outcome["left"] == []


def test_a_second_applications_database_is_verified_like_the_first(tmp_path: Path) -> None:
    outcome = verify(tmp_path, "staging", without=DISK, two=True)
    assert (outcome["faults"], outcome["uncovered"]) == ([], [])
    files = ["test_postgresql.py", "test_postgresql_access.py"]
    altered = {
        "database.databases.1.owner": "photos_owner",
        "database.databases.1.extensions.0": "citext",
        "database.roles.3.access": "read-only",
        "database.roles.3.connection_limit": 9,
        "database.roles.4.password": "app_database_password",
        "database.roles.4.settings.3.value": "off",
        "database.roles.4.databases.1": "postgres",
    }
    failed = verify(tmp_path, "staging", files=files, altered=altered, two=True)["failed"]
    role = "database.role.ada"
    assert {
        "database.database.orders.owner",
        "database.database.orders.extension.citext",
        "database.role.orders_app.access",
        "database.role.orders_app.connection_limit",
        f"{role}.password",
        f"{role}.setting.default_transaction_read_only.value",
        f"{role}.database.postgres",
    } <= set(failed)


#: On the leader, where in what its server tells (+ adds to a list), what is there then, and what names it.
LEADING = ["database"]
IN_ORDERS = [*LEADING, "in orders"]
RIGHTS_BY_HAND: list[tuple[list[str], Any, str]] = [
    ([*IN_ORDERS, "table_rights", "+"], "ada UPDATE on photos", "orders: rights of those whose access is"),
    (
        [*IN_ORDERS, "default_rights", "+"],
        "orders_owner in public: ada DELETE on r",
        "rights on what is made",
    ),
    ([*IN_ORDERS, "extensions", "dblink"], "1.2", "orders: extensions"),
    ([*IN_ORDERS, "schemas", "public", "rights", "+"], "ada CREATE", "orders: schemas and their rights"),
    ([*LEADING, "server", "memberships", "+"], "ada in pg_read_all_data, inherits", "roles in roles"),
    ([*LEADING, "server", "roles", "ada", "connections"], 90, "inherit, connections and end of ada"),
    ([*LEADING, "server", "encodings", "orders"], "LATIN1", "database.database.orders.encoding"),
    ([*LEADING, "schema", "present", "+"], "right eve SELECT on photos", "not declared by the migrations"),
]


def test_a_right_that_is_given_by_hand_in_one_of_two_databases_is_named(tmp_path: Path) -> None:
    leader = aws_contract("staging").database.members[-1]
    changes = [(leader, path, value) for path, value, _ in RIGHTS_BY_HAND]
    files = ["test_postgresql.py", "test_postgresql_access.py"]
    faults = verify(tmp_path, "staging", changes=changes, files=files, two=True)["faults"]
    missed = [path for path, _, says in RIGHTS_BY_HAND if not any(says in fault for fault in faults)]
    assert missed == [], "\n".join(faults)


@pytest.mark.parametrize("stack", ["dev", "staging"])
def test_the_disk_of_debian_s_image_passes(tmp_path: Path, stack: str) -> None:
    assert verify(tmp_path, stack, files=DISK, whole_disk=True)["faults"] == []


def test_a_fact_that_loses_its_check_is_missed(tmp_path: Path) -> None:
    outcome = verify(tmp_path, without=[*DISK, "test_cloud.py", "test_identity.py"])
    assert {
        "access.proxy.dns_name",
        "access.proxy.endpoint_id",
        "access.proxy.region",
        "backups.bucket",
        "backups.kms_key_arn",
        "backups.region",
        "durability.archive.retention_days",
        "edge_networks",
        "flow.edge.web1.web.port",
        "host.db1.instance_id",
        "host.db1.volume.data.volume_class",
        "host.db1.zone",
    } <= set(outcome["uncovered"])


def test_every_altered_value_fails_its_own_check(tmp_path: Path) -> None:
    outcome = verify(tmp_path, each=True, without=DISK)
    assert outcome["fields"] > 50
    assert outcome["unnoticed"] == []
    assert set(outcome["unsupported"]) == NOT_YET


#: What dev has not: fields of a volume on drives in the host, and a lock on backups.
OF_DRIVES = {
    "volume_class": "gp3",
    "size_bytes": 1 << 30,
    "nvme.count": 3,
    "nvme.partition_bytes": 1 << 30,
    "nvme.read_ahead_kib": 256,
    "nvme.accept_blank": True,
    "nvme.model": "Amazon Elastic Block Store",
}
LOCK = "durability.archive.object_lock_days"


def test_what_only_prod_declares_fails_for_itself(tmp_path: Path) -> None:
    """All at once: each is held against what the hosts and AWS say, whatever else is wrong."""
    hosts = aws_contract("prod").hosts
    index, host = next((i, host) for i, host in enumerate(hosts) if host.tier == "database")
    at, volume = next((i, one) for i, one in enumerate(host.volumes) if one.nvme and not one.nvme.serials)
    altered = {f"hosts.{index}.volumes.{at}.{field}": value for field, value in OF_DRIVES.items()}
    keys = {f"host.{host.name}.volume.{volume.name}.{field}" for field in OF_DRIVES} | {LOCK}
    assert keys <= set(declared_facts(aws_contract("prod")))
    files = ["test_storage.py", "test_cloud.py"]
    failed = verify(tmp_path, "prod", altered=altered | {LOCK: 1}, files=files)["failed"]
    assert sorted(keys - set(failed)) == []


UNIT = {"Id": "evil.service", "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled",
        "FragmentPath": "/usr/lib/x", "NeedDaemonReload": "no", "SubState": "running"}  # fmt: skip
MOUNT = {"number": "0:9", "root": "/", "source": "x", "type": "tmpfs", "options": ["rw"],
         "file_system_options": ["rw"]}  # fmt: skip
FILE = {"kind": "file", "mode": "0644", "owner": "root:root", "package": "", "state": "of no package",
        "sha256": "0"}  # fmt: skip
AGENT = "/usr/lib/polkit-1/polkit-agent-helper-1"

#: On web1 by hand: where in what the host tells (+ adds to a list), what is there then, and what names it.
BY_HAND: list[tuple[list[str], Any, str]] = [
    (["units", "files", "evil.service"], "enabled", "units enabled that are not declared: declared [], in"),
    (["units", "shown", "evil.service"], UNIT, "units that run and are not declared: declared [], in"),
    (["units", "shown", "nginx.service", "DropInPaths"], "/etc/x/evil.conf", "effect ['/etc/x/evil.conf']"),
    (["schedules", "/etc/cron.d/evil"], ["@hourly root reboot"], "in effect {'/etc/cron.d/evil': ['@hourly"),
    (["processes", "+"], ["cron", "root"], "cron: declared 'not running', in effect 'running'"),
    (["entries", "passwd", "+"], "evil:x:4242:100::/:/bin/sh", "accounts: declared"),
    (["entries", "ending", "+"], "evil", "accounts that end on a day"),
    (["sysctls", "net.ipv4.tcp_sack"], ["0", "1"], "'net.ipv4.tcp_sack': '0'"),
    (["sysctls", "net.ipv4.ping_group_range"], ["0 0", "1 0"], "'net.ipv4.ping_group_range': '0 0'"),
    (["installed_packages", "asked", "+"], "evil", "(a person purges them): declared [], in effect ['evil']"),
    (["mounts", "/opt/evil"], MOUNT, "mounts that are not declared: declared [], in effect ['/opt/evil']"),
    (["listeners", "+"], ["tcp", "*", 4444, "nc"], "undeclared: declared [], in effect [('tcp', 4444)]"),
    (["listeners", "+"], ["tcp", "127.0.0.1", 4445, "nc"], "sockets open to itself"),
    (["ways", "queues", "+"], "tbf", "queues: declared [], in effect ['tbf']"),
    (["ways", "routes", "+"], "10.0.0.0/8 10.66.64.99", "routes: declared"),
    (["ways", "interfaces", "wg0"], 1420, "other interfaces: declared 1, in effect 2"),
    (["abilities", "watchdog"], False, "watchdog is out of its reach: declared False, in effect True"),
    (["instance", "firmware"], "i-0", "instance, says the firmware"),
    (["instance", "without_token"], 200, "metadata without a session's token: declared 401, in effect 200"),
    (["clock", "synchronized"], "no", "clock: declared ('169.254.169.123', 'yes')"),
    (["network", "ssh_clients", "+"], "10.9.9.9", "controller: declared '10.66.192.0/21'"),
    (["suid", "+"], "/usr/bin/evil", "programs that give away rights"),
    (["files", "found", "/etc/evil.conf"], FILE, "'/etc/evil.conf': 'no package brought it"),
    (["files", "found", "/etc/fstab", "sha256"], "0", "'/etc/fstab': 'no package brought it"),
    (["files", "found", "/etc/cloud/cloud.cfg", "sha256"], "0", "cloud.cfg': 'differs from what cloud-init"),
    (["files", "found", AGENT, "mode"], "4777", f"{AGENT}: mode and owner"),
    (["files", "found", "/etc/nftables.conf", "attributes"], ["immutable"], "nftables.conf: ACL, capability"),
]  # fmt: skip


def test_what_is_changed_by_hand_on_one_host_is_named(tmp_path: Path) -> None:
    changes = [("web1", path, value) for path, value, _ in BY_HAND]
    outcome = verify(tmp_path, changes=changes, whole_disk=True)
    named = [fault for fault in outcome["faults"] if "web1" in fault]
    missed = [path for path, _, says in BY_HAND if not any(says in fault for fault in named)]
    assert missed == [], "\n".join(named)


def test_a_host_that_does_not_answer_is_a_fault_of_its_own(tmp_path: Path) -> None:
    """The others are compared with those that do."""
    changes = [("web1", ["identity"], {"error": "timed out"})]
    outcome = verify(tmp_path, changes=changes, without=DISK)
    assert [fault for fault in outcome["faults"] if "web1: identity cannot be read: timed out" in fault]
    about_others = [fault for fault in outcome["faults"] if "[db1]" in fault or "[control1]" in fault]
    assert about_others == []
