"""What a member's server says of itself (tests/hosts/sql), where all is as declared."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from infra.contract import Contract, ContractHost
from tests.hosts import database
from tests.hosts.database import source
from tests.support.aws.ec2_cluster import CLUSTER, leader

ROUNDS, SALT = 4096, b"0123456789abcdef"


def verifier(password: str) -> str:
    """RFC 5803."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, *keys = (base64.b64encode(part).decode() for part in (SALT, stored, server))
    return f"SCRAM-SHA-256${ROUNDS}:{salt}${':'.join(keys)}"


def setting(value: str, source: str = "configuration file", file: str | None = None) -> dict[str, Any]:
    return {"setting": value, "reset": value, "unit": None, "source": source, "file": file,
            "pending_restart": False, "shown": value}  # fmt: skip


def settings(contract: Contract, host: ContractHost) -> dict[str, Any]:
    of_the_host = {
        "allow_alter_system": "off",
        "log_directory": "/pg/log",
        "ssl_ca_file": "/etc/flashtier/tls/ca.crt",
        "ssl_cert_file": "/etc/flashtier/tls/host.crt",
        "ssl_key_file": "/etc/flashtier/tls/host.key",
        "temp_tablespaces": "temp",
    }
    of_patroni = {
        "hba_file": "/etc/flashtier/postgresql/pg_hba.conf",
        "ident_file": "/etc/flashtier/postgresql/pg_ident.conf",
        "unix_socket_directories": "/run/postgresql",
        "synchronous_standby_names": "",
    }
    others = [name for name in contract.database.members if name != host.name]
    if host.name != leader(contract):
        of_patroni["primary_conninfo"] = "host=somewhere"
    elif contract.durability.quorum:
        of_patroni["synchronous_standby_names"] = f"ANY 1 ({','.join(reversed(others))})"
    usual = dict.fromkeys(("data_checksums", "ssl", "fsync", "full_page_writes"), "on")
    usual["password_encryption"] = "scram-sha-256"  # noqa: S105 - a method
    command = {
        "cluster_name": contract.stack,
        "config_file": database.PATRONI_CONFIG,
        "data_directory": "/pg/data/17",
        "listen_addresses": host.address,
        "port": "5432",
    }
    written = "configuration file"
    return (
        {name: setting(value, "default") for name, value in usual.items()}
        | {name: setting(value, "command line") for name, value in command.items()}
        | {name: setting(value, written, database.POSTGRESQL_CONFIG) for name, value in of_the_host.items()}
        | {name: setting(value, written, database.PATRONI_CONFIG) for name, value in of_patroni.items()}
        | {one.name: setting(one.value, *source(one)) for one in contract.database.settings}
    )


def rule(number: int, **values: Any) -> dict[str, Any]:
    usual = {"file_name": "/etc/flashtier/postgresql/pg_hba.conf", "line_number": number, "error": None,
             "type": "host", "database": ["all"], "user_name": ["all"], "address": None, "netmask": None,
             "auth_method": "reject"}  # fmt: skip
    return usual | values


def rules(contract: Contract, host: ContractHost) -> list[dict[str, Any]]:
    sources = [
        contract.host(flow.source)
        for flow in contract.flows
        if flow.port_name == "postgresql" and flow.destination == host.name
    ]
    network = {"type": "hostssl", "netmask": "255.255.255.255", "auth_method": "scram-sha-256"}
    app = {**network, "database": ["photos"], "user_name": ["photos_app", "photos_owner"]}
    follower = {**network, "database": ["postgres"], "user_name": ["flashtier_follower"]}
    members = [host, *(one for one in sources if one.name in contract.database.members)]
    return [
        rule(1, type="local", user_name=["postgres"], auth_method="peer"),
        rule(2, type="local"),
        *(
            rule(3, address=one.address, database=[of], user_name=[role], **network)
            for one in members
            for of, role in (("replication", "replicator"), ("postgres", "rewinder"))
        ),
        *(
            rule(4, address=one.address, **to)
            for one in sources
            if one.tier == "web"
            for to in (app, follower)
        ),
        rule(5, address="all"),
    ]


def role(contract: Contract, name: str, secrets: dict[str, str]) -> dict[str, Any]:
    powers, inherits, secret = database.ROLES[name]
    return {
        **{power: power in powers for power in database.ROLES["postgres"][0]},
        "login": True,
        "inherit": inherits,
        "connections": database.connections(contract, name),
        "valid_until": None,
        "password": "SCRAM-SHA-256" if secret else None,
        "verifier": verifier(secrets[secret]) if secret else None,
    }


def replication(contract: Contract, host: ContractHost) -> dict[str, Any]:
    """Who follows whom, and what is kept for whom."""
    others = [name for name in contract.database.members if name != host.name]
    leads = host.name == leader(contract)
    sync = "quorum" if contract.durability.quorum else "async"
    slot = {"type": "physical", "temporary": False, "active": leads, "wal": "reserved"}
    return {
        "in_recovery": not leads,
        "system_identifier": CLUSTER,
        "slots": dict.fromkeys(others, slot),
        "standbys": {
            name: {
                "address": contract.host(name).address,
                "role": "replicator",
                "state": "streaming",
                "sync": sync,
            }
            for name in others
            if leads
        },
        "receiver": None
        if leads
        else {
            "status": "streaming",
            "host": contract.host(leader(contract)).address,
            "slot": host.name,
            "connection": "user=replicator sslmode=verify-full",
        },
    }


def answers(contract: Contract, host: ContractHost, secrets: dict[str, str]) -> dict[str, Any]:
    nothing: list[Any] = []
    server = {
        "settings": settings(contract, host),
        "hba": rules(contract, host),
        **replication(contract, host),
        "scoped_settings": database.POSTGRESQL_ROLE_SETTINGS,
        "roles": {name: role(contract, name, secrets) for name in database.ROLES},
        "function_rights": database.FUNCTION_RIGHTS,
        "memberships": database.MEMBERSHIPS,
        "database_rights": database.DATABASE_RIGHTS,
        "templates": ["template0", "template1"],
        "extensions": {"pg_stat_statements": "1.11", "plpgsql": "1.0"},
        "databases": {"postgres": "postgres", "photos": "photos_owner"},
        "tablespaces": {"temp": "/pg/temp/17"},
        "tablespace_rights": {"temp": ["PUBLIC CREATE", "postgres CREATE"]},
        "log_file": "/pg/log/postgresql.json",
        "version": 17,
        **dict.fromkeys(
            ("file_errors", "auto_settings", "parameter_rights", "subscriptions",
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
    if server["in_recovery"]:
        return {"server": server}
    lines = ["column photos.id bigint", "relation photos kind=r", "right photos_app SELECT on photos"]
    schema = {"declared": lines, "present": lines}
    return {"server": server, "photos": photos, "schema": schema}
