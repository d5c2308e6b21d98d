"""What the kit promises of the database beyond the contract's settings: the same in all environments."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.contract import Contract, ContractHost
from infra.paths import ROOT
from infra.settings.database_roles import DatabaseRole
from infra.settings.setting import PostgresqlSetting
from tests.hosts import schema

MIGRATIONS = ROOT / "app" / "src" / "photo_api" / "migrations"
#: What the app's database has none of; those of extensions are not counted.
MADE_BY_NO_MIGRATION = (
    "functions", "triggers", "event_triggers", "policies", "foreign_servers", "publications",
)  # fmt: skip
#: What a server and Patroni make in its data directory next to folders of their own (pg_*).
DATA_DIRECTORY = {
    "PG_VERSION", "base", "current_logfiles", "global", "patroni.dynamic.json", "postgresql.auto.conf",
    "postgresql.conf", "postgresql.conf.backup", "postmaster.opts", "postmaster.pid",
}  # fmt: skip
#: What a copy and a rewind leave there.
OF_COPIES = {"backup_label.old", "backup_manifest", "tablespace_map.old"}
#: What makes a server a standby at its next start.
OF_STANDBYS = {"standby.signal"}
#: Patroni's own, in the data directory; it includes the kit's first.
PATRONI_CONFIG = "/pg/data/17/postgresql.conf"
POSTGRESQL_CONFIG = "/etc/flashtier/postgresql/postgresql.conf"
#: Set from the host and its paths in addition to the declared settings; each has a check of its own.
POSTGRESQL_HOST_SETTINGS = {
    "allow_alter_system",
    "cluster_name",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "log_directory",
    "port",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_key_file",
    "temp_tablespaces",
    "unix_socket_directories",
}
#: What Patroni's command line names in addition to settings.
POSTGRESQL_COMMAND = {"config_file", "data_directory"}
#: Of those that the cluster's store has, what Patroni writes into its file and not on the command line.
WRITTEN_BY_PATRONI = {"wal_keep_size"}
#: What Patroni writes there for a standby, and leaves when the standby is promoted.
OF_RECOVERY = {"primary_conninfo", "primary_slot_name", "recovery_target_timeline"}
#: What Patroni writes there as empty, so that no other file sets it: a target would end or pause a standby.
NO_TARGET = {
    "recovery_target",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_xid",
}
#: Attributes of postgres in addition to LOGIN; other roles have none, but as `KITS_OWN` says.
POWERS = ["superuser", "create_role", "create_db", "replication", "bypass_rls"]
#: Roles that no environment declares: attributes, whether they inherit, and the secret that is the password.
KITS_OWN: dict[str, tuple[list[str], bool, str | None]] = {
    "postgres": (POWERS, True, None),
    "replicator": (["replication"], True, "replication_database_password"),
    "rewinder": ([], True, "rewind_database_password"),
    "flashtier_follower": ([], False, "follower_database_password"),
}
#: On each table or sequence, of a role with such an access; by the letters of pg_default_acl.
ACCESS = {
    "granted": {},
    "read-only": {"r": ["SELECT"]},
    "read-write": {"r": ["DELETE", "INSERT", "SELECT", "UPDATE"], "S": ["USAGE"]},
}
#: Which role has the rights of another, and how: it can neither become that one nor give its rights on.
MEMBERSHIPS = ["flashtier_follower in pg_read_all_stats, inherits"]
#: What pg_rewind calls on the member that leads (PostgreSQL 17, pg_rewind, Notes).
FUNCTION_RIGHTS = [
    "rewinder pg_ls_dir(text,boolean,boolean)",
    "rewinder pg_read_binary_file(text)",
    "rewinder pg_read_binary_file(text,bigint,bigint,boolean)",
    "rewinder pg_stat_file(text,boolean)",
]


#: By a setting's owner: pg_settings.source and sourcefile.
SOURCES = {
    "file": ("configuration file", POSTGRESQL_CONFIG),
    "command line": ("command line", None),
    "dcs": ("command line", None),
}


def source(setting: PostgresqlSetting) -> tuple[str, str | None]:
    """Where the server has a declared setting from."""
    if setting.name in WRITTEN_BY_PATRONI:
        return ("configuration file", PATRONI_CONFIG)
    return SOURCES[setting.owner]


def roles(contract: Contract) -> dict[str, tuple[list[str], bool, str | None]]:
    """All roles, as `KITS_OWN` has them."""
    return KITS_OWN | {role.name: ([], False, role.password) for role in contract.database.roles}


def connections(contract: Contract, role: str) -> int:
    """How many connections a role of the kit's own may have; -1 for no limit."""
    followers = sum("follower" in host.components for host in contract.hosts)
    return 2 * followers if role == "flashtier_follower" else -1


def role_settings(contract: Contract) -> dict[str, list[str]]:
    """role@database: what is set for roles, sorted; none is set for a database."""
    return {
        f"{role.name}@*": sorted(f"{setting.name}={setting.value}" for setting in role.settings)
        for role in contract.database.roles
    }


def owners(contract: Contract) -> dict[str, str]:
    """Of all databases that are no templates."""
    return {"postgres": "postgres"} | {one.name: one.owner for one in contract.database.databases}


def guests(contract: Contract, database: str) -> list[DatabaseRole]:
    """The roles that may connect to a declared database, but for its owner."""
    owner = owners(contract)[database]
    return [one for one in contract.database.roles if database in one.databases and one.name != owner]


def database_rights(contract: Contract) -> dict[str, Any]:
    """Rights on databases, sorted, and what else the server says of each (sql/server.sql)."""
    found = {"postgres": ["PUBLIC CONNECT", "PUBLIC TEMPORARY", *all_rights("postgres")]}
    for name, owner in owners(contract).items():
        if name != "postgres":
            found[name] = [*all_rights(owner), *(f"{role.name} CONNECT" for role in guests(contract, name))]
    usual = {"connections": -1, "open": True, "tablespace": "pg_default"}
    return {name: {"rights": sorted(rights), **usual} for name, rights in found.items()}


def all_rights(owner: str) -> list[str]:
    return [f"{owner} {right}" for right in ("CONNECT", "CREATE", "TEMPORARY")]


def schema_rights(contract: Contract, database: str) -> dict[str, Any]:
    """Schemas of a declared database, their owners and rights (sql/database.sql)."""
    owner = "pg_database_owner"
    guest = [f"{role.name} USAGE" for role in guests(contract, database)]
    return {
        "public": {"owner": owner, "rights": sorted([f"{owner} CREATE", f"{owner} USAGE", *guest])},
    }


def default_rights(contract: Contract, database: str) -> list[str]:
    """Rights on what is made later in a declared database, sorted (sql/database.sql)."""
    owner = owners(contract)[database]
    return sorted(
        f"{owner} in public: {role.name} {right} on {letter}"
        for role in guests(contract, database)
        for letter, rights in ACCESS[role.access].items()
        for right in rights
    )


def table_rights(contract: Contract, database: str, relations: Mapping[str, str]) -> list[str]:
    """Rights of roles with an access on `relations`, name -> letter, sorted (sql/database.sql)."""
    return sorted(
        f"{role.name} {right} on {name}"
        for role in guests(contract, database)
        for name, letter in relations.items()
        for right in ACCESS[role.access].get(letter, [])
    )


def access(role: DatabaseRole, owner: str, later: list[str]) -> str:
    """The access that a role has by `later`, rights on what is made later; in words where it is none."""
    held = sorted(line for line in later if f": {role.name} " in line)
    for name, letters in ACCESS.items():
        wanted = [f"{owner} in public: {role.name} {right} on {letter}"
                  for letter, rights in letters.items() for right in rights]  # fmt: skip
        if sorted(wanted) == held:
            return name
    return ", ".join(held)


def locked() -> str:
    """Patroni's version in this checkout."""
    packages = tomllib.loads((ROOT / "patroni" / "uv.lock").read_text())["package"]
    return next(str(one["version"]) for one in packages if one["name"] == "patroni")


def markers(host: ContractHost) -> list[str]:
    """What makes a volume of `host` that of a member: a file in the root of each that carries data or WAL."""
    if "patroni" not in host.components:
        return []
    carrying = {placed.volume for placed in host.placements if placed.purpose in ("data", "wal")}
    return [f"{volume.mount_point}/.flashtier-member" for volume in host.volumes if volume.name in carrying]


def sql(contract: Contract) -> dict[str, tuple[str, str]]:
    """Queries, each with the database that it is asked of; one JSON document each.

    The first is for every member, and tells whether it leads; the others are for the leader.
    """
    folder, app = Path(__file__).parent / "sql", contract.app.database
    own = (folder / "database.sql").read_text()
    return {
        "server": ("postgres", (folder / "server.sql").read_text()),
        **{f"in {one.name}": (one.name, own) for one in contract.database.databases},
        "migrations": (app, "SELECT count(*) FROM schema_versions"),
        "schema": (app, schema.query(owners(contract)[app])),
    }
