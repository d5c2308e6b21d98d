"""What the kit promises of the database beyond the contract's settings: the same in all environments."""

from __future__ import annotations

from infra.paths import ROOT

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
#: What a server makes in its data directory next to folders of its own (pg_*).
DATA_DIRECTORY = {
    "PG_VERSION", "base", "current_logfiles", "global", "postgresql.auto.conf", "postmaster.opts",
    "postmaster.pid",
}  # fmt: skip
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
#: What the unit's command line names.
POSTGRESQL_COMMAND = {"config_file", "data_directory"}
#: role@database: deadlines, so that whoever waits for a lock does not hold up all who come after.
POSTGRESQL_ROLE_SETTINGS = {
    "photos_app@*": ["lock_timeout=2s", "statement_timeout=5s", "idle_in_transaction_session_timeout=10s"],
    "photos_owner@*": ["lock_timeout=3s", "idle_in_transaction_session_timeout=60s"],
}
