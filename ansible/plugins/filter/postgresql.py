"""Filters of the role `postgresql`, and what the three roles of PostgreSQL share. They only compute."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

DOCUMENTATION = r"""
name: postgresql
short_description: Where PostgreSQL is on a host, how to ask its server, and what is wrong with the host
description:
  - C(postgresql_layout), C(postgresql_host_settings), C(postgresql_connection) and C(postgresql_ask) say
    where files are, which settings follow from the host and how to reach the server.
  - C(postgresql_logins) says which roles of the kinds given may connect to which database.
  - C(postgresql_install_needed) and C(postgresql_problems) read what C(host_look) found on the host; the
    last gives a line for each reason to change nothing.
options:
  _input:
    description: The answer of C(host_look), the placements or the layout, as the filter's name says.
    type: raw
    required: true
  host:
    description: The host's name, for messages.
    type: str
"""

EXAMPLES = r"""
postgresql_at: "{{ postgresql_placements | postgresql_layout(postgresql_version) }}"
"""

RETURN = r"""
_value:
  description: Lines, a mapping or words, as the filter's name says.
  type: raw
"""

PURPOSES = ["data", "log", "temp", "wal"]
CREATE_CLUSTER = re.compile(r"^\s*create_main_cluster\s*=\s*(\S+)", re.MULTILINE)
CONFIG = "/etc/flashtier/postgresql"
SOCKETS = "/run/postgresql"
#: Seconds for a connection, and for each statement: PostgreSQL's form.
CONNECT_TIMEOUT, STATEMENT_TIMEOUT = 5, "15s"

#: The answer of `host_look`, which documents it.
Look = Mapping[str, Any]


class Placement(TypedDict):
    """What is read of an element of `postgresql_placements`."""

    purpose: str
    volume: str
    path: str


class Role(TypedDict):
    """What is read of an element of `postgresql_roles`."""

    name: str
    kind: str
    databases: list[str]


def layout(placements: list[Placement], version: int) -> dict[str, str]:
    """Where everything of PostgreSQL is, by name; `problems` reports placements that are missing."""
    paths = {placement["purpose"]: placement["path"] for placement in placements}
    below = {purpose: f"{paths[purpose]}/{version}" if purpose in paths else "" for purpose in PURPOSES}
    return {
        "bin": f"/usr/lib/postgresql/{version}/bin",
        "config": CONFIG,
        "config_file": f"{CONFIG}/postgresql.conf",
        "hba_file": f"{CONFIG}/pg_hba.conf",
        "ident_file": f"{CONFIG}/pg_ident.conf",
        "sockets": SOCKETS,
        "tls": "/etc/flashtier/tls",
        "data_mount": paths.get("data", ""),
        "data": below["data"],
        "wal": below["wal"],
        "temp": below["temp"],
        "log": paths.get("log", ""),
        # ALTER SYSTEM, pg_basebackup and restores write here.
        "auto_file": f"{below['data']}/postgresql.auto.conf",
        # initdb and pg_basebackup work under these names; a rename makes the result the cluster.
        "data_unfinished": f"{below['data']}.unfinished",
        "wal_unfinished": f"{below['wal']}.unfinished",
    }


def host_settings(at: Mapping[str, str]) -> list[dict[str, str | int]]:
    """Settings of the file that follow from the host and not from its size. Values as SHOW prints them.

    Addresses, the cluster's name and the files of client authentication are Patroni's to give.
    """
    values: dict[str, str | int] = {
        "log_directory": at["log"],
        "temp_tablespaces": "temp",
        "ssl_ca_file": f"{at['tls']}/ca.crt",
        "ssl_cert_file": f"{at['tls']}/host.crt",
        "ssl_key_file": f"{at['tls']}/host.key",
        # Settings have one home: these files. ALTER SYSTEM is refused, and what it left is removed.
        "allow_alter_system": "off",
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def logins(roles: list[Role], *kinds: str) -> list[dict[str, str]]:
    """For each database, the roles of these kinds that may connect to it: {database, users}."""
    users: dict[str, list[str]] = {}
    for role in roles:
        if role["kind"] in kinds:
            for database in role["databases"]:
                users.setdefault(database, []).append(role["name"])
    return [{"database": database, "users": ",".join(sorted(names))} for database, names in users.items()]


def connection(port: int) -> dict[str, Any]:
    """Arguments of community.postgresql's modules: the unix socket, with deadlines."""
    return {
        "login_unix_socket": SOCKETS,
        "login_user": "postgres",
        "login_port": port,
        "connect_params": {
            "connect_timeout": CONNECT_TIMEOUT,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT}",
        },
    }


def ask(at: Mapping[str, str], port: int, *commands: str) -> list[str]:
    """The command that runs SQL, or psql's own commands, as `postgres`. Exits with 2 if no server answers."""
    return [
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
        f"{at['bin']}/psql",
        "--no-psqlrc",
        "--quiet",
        "--no-align",
        "--tuples-only",
        "--set=ON_ERROR_STOP=1",
        f"host={SOCKETS} port={port} user=postgres dbname=postgres connect_timeout={CONNECT_TIMEOUT}"
        f" options='-c statement_timeout={STATEMENT_TIMEOUT}'",
        *(word for command in commands for word in ("--command", command)),
    ]


def install_needed(look: Look) -> bool:
    """Whether a package is missing, or Debian's tools would make or run a cluster of their own."""
    file, unit = look["paths"]["createcluster"], look["units"]["postgresql.service"]
    said = CREATE_CLUSTER.findall(look["contents"]["createcluster"] or "")
    return (
        len(look["missing"]) > 0
        or said[-1:] != ["false"]
        or (file.get("mode"), file.get("uid"), file.get("gid")) != ("0644", 0, 0)
        or unit.get("active") == "active"
        or unit.get("enabled") == "enabled"
    )


def problems(
    look: Look, *, host: str, placements: list[Placement], clients: list[str], check_mode: bool
) -> list[str]:
    """Why nothing may be changed, a line each."""
    found = []
    purposes = sorted(placement["purpose"] for placement in placements)
    if purposes != PURPOSES:
        found.append(
            f"{host}: placements {', '.join(purposes)}; PostgreSQL needs exactly {', '.join(PURPOSES)}."
            " Run pulumi up with the same checkout."
        )
    if not clients:
        found.append(
            f"{host}: the contract lets no host reach postgresql; declare web hosts and run pulumi up."
        )
    # Check mode has made no mount point on a fresh host.
    if not check_mode or look["paths"]["data"]["exists"]:
        table = json.loads(look["commands"]["mounts"]["stdout"])["filesystems"]
        mounted = {mount["target"] for mount in table}
        found += [
            f"{host}: {placement['path']} is not a mount point, so PostgreSQL would write to the root disk"
            f" instead of volume {placement['volume']}. The role placement mounts it: run the playbook"
            " without leaving out its tag."
            for placement in placements
            if placement["path"] not in mounted
        ]
    return found


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "postgresql_layout": layout,
            "postgresql_host_settings": host_settings,
            "postgresql_logins": logins,
            "postgresql_connection": connection,
            "postgresql_ask": ask,
            "postgresql_install_needed": install_needed,
            "postgresql_problems": problems,
        }
