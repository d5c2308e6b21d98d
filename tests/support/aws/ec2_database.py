"""What the primary's server says of itself (tests/hosts/sql), where all is as declared."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from infra.contract import Contract
from tests.hosts import database

ROUNDS, SALT = 4096, b"0123456789abcdef"


def verifier(password: str) -> str:
    """RFC 5803."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, *keys = (base64.b64encode(part).decode() for part in (SALT, stored, server))
    return f"SCRAM-SHA-256${ROUNDS}:{salt}${':'.join(keys)}"


def setting(value: str, source: str = "configuration file") -> dict[str, Any]:
    file = database.POSTGRESQL_CONFIG if source == "configuration file" else None
    return {"setting": value, "reset": value, "unit": None, "source": source, "file": file,
            "pending_restart": False, "shown": value}  # fmt: skip


def settings(contract: Contract) -> dict[str, Any]:
    given = {
        "allow_alter_system": "off",
        "cluster_name": contract.stack,
        "hba_file": "/etc/flashtier/postgresql/pg_hba.conf",
        "ident_file": "/etc/flashtier/postgresql/pg_ident.conf",
        "listen_addresses": contract.host(contract.database.first).address,
        "log_directory": "/pg/log",
        "port": "5432",
        "ssl_ca_file": "/etc/flashtier/tls/ca.crt",
        "ssl_cert_file": "/etc/flashtier/tls/host.crt",
        "ssl_key_file": "/etc/flashtier/tls/host.key",
        "temp_tablespaces": "temp",
        "unix_socket_directories": "/run/postgresql",
    } | {one.name: one.value for one in contract.database.settings}
    usual = dict.fromkeys(("data_checksums", "ssl", "fsync", "full_page_writes"), "on")
    usual["password_encryption"] = "scram-sha-256"  # noqa: S105 - a method
    command = {"config_file": database.POSTGRESQL_CONFIG, "data_directory": "/pg/data/17"}
    return (
        {name: setting(value, "default") for name, value in usual.items()}
        | {name: setting(value, "command line") for name, value in command.items()}
        | {name: setting(value) for name, value in given.items()}
    )


def rule(number: int, **values: Any) -> dict[str, Any]:
    usual = {"file_name": "/etc/flashtier/postgresql/pg_hba.conf", "line_number": number, "error": None,
             "type": "host", "database": ["all"], "user_name": ["all"], "address": None, "netmask": None,
             "auth_method": "reject"}  # fmt: skip
    return usual | values


def rules(contract: Contract) -> list[dict[str, Any]]:
    clients = [
        contract.host(flow.source).address
        for flow in contract.flows
        if flow.port_name == "postgresql" and flow.destination == contract.database.first
    ]
    network = {"type": "hostssl", "database": ["photos"], "user_name": ["photos_app", "photos_owner"],
               "netmask": "255.255.255.255", "auth_method": "scram-sha-256"}  # fmt: skip
    return [
        rule(1, type="local", user_name=["postgres"], auth_method="peer"),
        rule(2, type="local"),
        *(rule(3, address=client, **network) for client in clients),
        rule(4, address="all"),
    ]


def role(name: str, secrets: dict[str, str]) -> dict[str, Any]:
    owner = name == "postgres"
    powers = ("superuser", "create_role", "create_db", "replication", "bypass_rls")
    kept = (
        None if owner else verifier(secrets[{"photos_app": "app"}.get(name, "owner") + "_database_password"])
    )
    return {
        **dict.fromkeys(powers, owner),
        "login": True,
        "inherit": owner,
        "connections": -1,
        "valid_until": None,
        "password": None if owner else "SCRAM-SHA-256",
        "verifier": kept,
    }


def answers(contract: Contract, secrets: dict[str, str]) -> dict[str, Any]:
    nothing: list[Any] = []
    server = {
        "settings": settings(contract),
        "hba": rules(contract),
        "scoped_settings": database.POSTGRESQL_ROLE_SETTINGS,
        "roles": {name: role(name, secrets) for name in ("photos_app", "photos_owner", "postgres")},
        "database_rights": database.DATABASE_RIGHTS,
        "templates": ["template0", "template1"],
        "extensions": {"pg_stat_statements": "1.11", "plpgsql": "1.0"},
        "databases": {"postgres": "postgres", "photos": "photos_owner"},
        "tablespaces": {"temp": "/pg/temp/17"},
        "tablespace_rights": {"temp": ["PUBLIC CREATE", "postgres CREATE"]},
        "log_file": "/pg/log/postgresql.json",
        "in_recovery": False,
        "version": 17,
        **dict.fromkeys(
            ("file_errors", "auto_settings", "memberships", "parameter_rights", "slots", "subscriptions",
             "names_mapped", "unread"),
            nothing,
        ),
    }  # fmt: skip
    photos = {
        "migrations": len(list(database.MIGRATIONS.glob("*.sql"))),
        "extensions": {"plpgsql": "1.0"},
        "schemas": database.SCHEMA_RIGHTS,
        "languages": ["c", "internal", "plpgsql", "sql"],
        "default_rights": {},
        **dict.fromkeys(
            ("functions", "triggers", "event_triggers", "policies", "foreign_servers", "publications"),
            nothing,
        ),
    }  # fmt: skip
    lines = ["column photos.id bigint", "relation photos kind=r", "right photos_app SELECT on photos"]
    schema = {"declared": lines, "present": lines}
    return {"server": server, "photos": photos, "schema": schema}
