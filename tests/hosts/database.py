"""What the kit promises of the database beyond the contract's settings: the same in all environments."""

from __future__ import annotations

import tomllib
from pathlib import Path

from infra.contract import Contract, ContractHost
from infra.paths import ROOT
from infra.settings.setting import PostgresqlSetting
from tests.hosts import schema

#: Rights in the cluster as a whole and in the app's database: sql/server.sql, sql/photos.sql.
DATABASE_RIGHTS = {
    "postgres": {
        "rights": ["PUBLIC CONNECT", "PUBLIC TEMPORARY",
                   "postgres CONNECT", "postgres CREATE", "postgres TEMPORARY"],
        "connections": -1, "open": True, "tablespace": "pg_default",
    },
    "photos": {
        "rights": ["photos_app CONNECT",
                   "photos_owner CONNECT", "photos_owner CREATE", "photos_owner TEMPORARY"],
        "connections": -1, "open": True, "tablespace": "pg_default",
    },
}  # fmt: skip
SCHEMA_RIGHTS = {
    "public": {
        "owner": "pg_database_owner",
        "rights": "{pg_database_owner=UC/pg_database_owner,photos_app=U/pg_database_owner}",
    }
}
MIGRATIONS = ROOT / "app" / "src" / "photo_api" / "migrations"
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
#: Roles: attributes in addition to LOGIN, whether they inherit, and the secret that is their password.
ROLES: dict[str, tuple[list[str], bool, str | None]] = {
    "postgres": (["superuser", "create_role", "create_db", "replication", "bypass_rls"], True, None),
    "photos_app": ([], False, "app_database_password"),
    "photos_owner": ([], False, "owner_database_password"),
    "replicator": (["replication"], True, "replication_database_password"),
    "rewinder": ([], True, "rewind_database_password"),
    "flashtier_follower": ([], False, "follower_database_password"),
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
#: role@database: deadlines, so that whoever waits for a lock does not hold up all who come after.
POSTGRESQL_ROLE_SETTINGS = {
    "photos_app@*": ["lock_timeout=2s", "statement_timeout=5s", "idle_in_transaction_session_timeout=10s"],
    "photos_owner@*": ["lock_timeout=3s", "idle_in_transaction_session_timeout=60s"],
}


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


def connections(contract: Contract, role: str) -> int:
    """How many connections a role may have; -1 for no limit."""
    followers = sum("follower" in host.components for host in contract.hosts)
    return 2 * followers if role == "flashtier_follower" else -1


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
    folder = Path(__file__).parent / "sql"
    return {
        "server": ("postgres", (folder / "server.sql").read_text()),
        "photos": ("photos", (folder / "photos.sql").read_text()),
        "schema": ("photos", schema.query()),
    }
