"""The made-up contract of the drill, and the playbook that runs real roles with it: no stack and no AWS."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import Any

from infra.paths import ROOT
from tests.drills.nvme.machine import DRIVE_BYTES, Machine

IDENTITY = uuid.UUID("5d1f0c9e-52a1-5b8e-9f0d-0f6f6c1d7a01")
LOG_IDENTITY = uuid.UUID("5d1f0c9e-52a1-5b8e-9f0d-0f6f6c1d7a02")
EBS_SERIAL = "vol0a1b2c3d4e5f67890"
MIB = 1 << 20
#: A tenth of each drive stays free.
PARTITION_BYTES = DRIVE_BYTES * 9 // 10 // MIB * MIB
#: Seconds for a run of the playbook.
PLAYBOOK = 1500

#: The order of ansible/site.yml, up to what carries the cluster.
VOLUMES = [
    {
        "name": "Database host",
        "hosts": "database",
        "tasks": [
            {
                "name": "Install PostgreSQL",
                "ansible.builtin.import_role": {"name": "postgresql", "tasks_from": "install"},
            },
            {"name": "Volumes", "ansible.builtin.import_role": {"name": "storage"}},
            {"name": "Data", "ansible.builtin.import_role": {"name": "placement"}},
        ],
    }
]
#: What the role patroni's tasks are given of a host that holds nothing yet.
BLANK = {
    "patroni_plan": {"create": "db1"},
    "patroni_look": {
        "paths": {"unfinished_wal": {"exists": False}, "program": {"exists": True}},
        "commands": {},
    },
}
UNIT = "patroni.service"
FILES = "/etc/flashtier/postgresql"
#: In the place of Patroni, which would need etcd: the server that it runs, as it runs it.
SERVER = {
    "patroni_program": "/usr/lib/postgresql/17/bin/postgres",
    "patroni_config_file": f"-D /pg/data/17 --config-file={FILES}/postgresql.conf"
    f" --hba_file={FILES}/pg_hba.conf --ident_file={FILES}/pg_ident.conf"
    " --listen_addresses=127.0.0.1 --unix_socket_directories=/run/postgresql",
}
UNITS = "/etc/systemd/system"
GUARDS = [
    {"path": "/usr/local/lib/flashtier", "state": "directory"},
    {
        "path": "/usr/local/lib/flashtier/check-member",
        "template": "patroni/check-member.j2",
        "mode": "0755",
    },
    {"path": f"{UNITS}/flashtier-member.service", "template": "patroni/flashtier-member.service.j2"},
    {"path": f"{UNITS}/{UNIT}", "template": "patroni/patroni.service.j2"},
]
#: The roles that write its files and make the cluster, and the unit with the guards of its medium.
CLUSTER = [
    {
        "name": "PostgreSQL",
        "hosts": "database",
        "vars_files": [str(ROOT / "ansible" / "roles" / "patroni" / "vars" / "main.yml")],
        "tasks": [
            {"name": "Files", "ansible.builtin.import_role": {"name": "postgresql"}},
            {
                "name": "Cluster",
                "ansible.builtin.import_role": {"name": "patroni", "tasks_from": "create"},
                "vars": BLANK,
            },
            {
                "name": "Marker",
                "ansible.builtin.import_role": {"name": "patroni", "tasks_from": "mark"},
                "vars": BLANK | {"patroni_begins": True},
            },
            {"name": "Unit", "host_files": {"files": GUARDS}, "vars": SERVER},
        ],
    }
]


def array_device(identity: uuid.UUID) -> str:
    digits = identity.hex
    return "/dev/disk/by-id/md-uuid-" + ":".join(digits[at : at + 8] for at in range(0, 32, 8))


def volumes(count: int, *, accept_blank: bool = False) -> list[dict[str, Any]]:
    """A flash volume over `count` drives in the host, and one of EBS for logs."""
    one = f"/dev/disk/by-partuuid/{uuid.uuid5(IDENTITY, 'drive-0')}"
    drives = {"scheduler": "none", "read_ahead_kib": 128, "accept_blank": False}
    flash = drives | {"model": "Amazon EC2 NVMe Instance Storage", "serials": [], "count": count}
    flash |= {"partition_bytes": PARTITION_BYTES, "accept_blank": accept_blank}
    ebs = drives | {"model": "Amazon Elastic Block Store", "serials": [EBS_SERIAL], "count": 1}
    return [
        _volume("flash", "instance-store", IDENTITY, array_device(IDENTITY) if count > 1 else one, flash),
        _volume(
            "log",
            "gp3",
            LOG_IDENTITY,
            f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{EBS_SERIAL}",
            ebs | {"partition_bytes": None},
        ),
    ]


def _volume(name: str, kind: str, identity: uuid.UUID, device: str, nvme: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "volume_class": kind,
        "size_bytes": DRIVE_BYTES,
        "device": device,
        "uuid": str(identity),
        "mount_point": f"/vol/{name}",
        "mount_options": ["noatime"],
        "nvme": nvme,
    }


def play(
    machine: Machine,
    declared: list[dict[str, Any]],
    what: list[dict[str, Any]] = VOLUMES,
    tags: str = "all",
) -> subprocess.CompletedProcess[str]:
    """Run `VOLUMES` or `CLUSTER` on the machine."""
    on = {"data": "flash", "wal": "flash", "temp": "flash", "log": "log"}
    placements = [
        {
            "purpose": purpose,
            "volume": volume,
            "path": f"/pg/{purpose}",
            "source": f"/vol/{volume}/{purpose}",
            "owner": "postgres",
            "group": "postgres",
            "mode": "0700",
        }
        for purpose, volume in on.items()
    ]
    variables = {
        "ansible_host": "127.0.0.1",
        "ansible_port": machine.port,
        "ansible_user": "operator",
        "ansible_ssh_private_key_file": str(machine.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={machine.known_hosts} -o StrictHostKeyChecking=yes"
        " -o IdentitiesOnly=yes -o ConnectTimeout=60",
        "ansible_python_interpreter": "/usr/bin/python3",
        "storage_volumes": declared,
        "placement_placements": placements,
        "placement_volumes": declared,
        "postgresql_clients": ["127.0.0.1"],
        "postgresql_members": [],
        "patroni_scope": "drill",
        "patroni_volumes": declared,
        "patroni_database_hosts": [{"name": "db1", "placements": placements, "volumes": declared}],
        "patroni_watchdog": "unsupported",
    }
    shared = {
        "version": 17,
        "host": "db1",
        "address": "127.0.0.1",
        "settings": [],
        "placements": placements,
    }
    for role in ("postgresql", "patroni"):
        variables |= {f"{role}_{name}": value for name, value in shared.items()}
    inventory = Path(machine.folder, "inventory.json")
    inventory.write_text(json.dumps({"database": {"hosts": {"db1": variables}}}))
    templates = Path(machine.folder, "templates")
    if not templates.is_symlink():
        templates.symlink_to(ROOT / "templates")  # where roles find them: next to the playbook
    playbook = Path(machine.folder, "play.json")
    playbook.write_text(json.dumps(what))
    return subprocess.run(
        ["ansible-playbook", "-i", str(inventory), "--tags", tags, str(playbook)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PLAYBOOK,
        check=False,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible" / "ansible.cfg"),
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_TIMEOUT": "120",
        },
    )
