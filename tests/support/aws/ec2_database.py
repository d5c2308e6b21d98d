"""What a member's server says of itself (tests/hosts/sql), where all is as declared."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from infra.contract import Contract, ContractHost
from infra.settings.database_roles import ApplicationDatabase
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
    logins = [
        (kind, {**network, "database": [one.name], "user_name": names})
        for one in contract.database.databases
        for kind in ("application", "person")
        if (names := sorted(r.name for r in contract.database.roles
                            if one.name in r.databases and (r.kind == "person") == (kind == "person")))
    ]  # fmt: skip
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
            for to in (*(login for kind, login in logins if kind == "application"), follower)
        ),
        *(
            rule(5, address=one.address, **login)
            for one in members
            for kind, login in logins
            if kind == "person"
        ),
        rule(6, address="all"),
    ]


def role(contract: Contract, name: str, secrets: dict[str, str]) -> dict[str, Any]:
    powers, inherits, secret = database.roles(contract)[name]
    limits = {one.name: one.connection_limit for one in contract.database.roles}
    return {
        **{power: power in powers for power in database.POWERS},
        "login": True,
        "inherit": inherits,
        "connections": limits.get(name, database.connections(contract, name)),
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
        "scoped_settings": database.role_settings(contract),
        "roles": {name: role(contract, name, secrets) for name in database.roles(contract)},
        "function_rights": database.FUNCTION_RIGHTS,
        "memberships": [*database.MEMBERSHIPS],
        "database_rights": database.database_rights(contract),
        "templates": ["template0", "template1"],
        "extensions": {"pg_stat_statements": "1.11", "plpgsql": "1.0"},
        "databases": database.owners(contract),
        "encodings": dict.fromkeys(database.owners(contract), "UTF8"),
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
    if server["in_recovery"]:
        return {"server": server}
    app = contract.app
    lines = ["column photos.id bigint", "relation photos kind=r", f"right {app.role} SELECT on photos"]
    return {
        "server": server,
        **{f"in {one.name}": within(contract, one) for one in contract.database.databases},
        "migrations": len(list(database.MIGRATIONS.glob("*.sql"))),
        "schema": {"declared": lines, "present": [*lines]},
    }


def within(contract: Contract, declared: ApplicationDatabase) -> dict[str, Any]:
    """What a database says of itself (tests/hosts/sql/database.sql)."""
    relations = {"photos": "r", "photos_id_seq": "S"}
    return {
        "extensions": dict.fromkeys(("plpgsql", *declared.extensions), "1.0"),
        "schemas": database.schema_rights(contract, declared.name),
        "languages": ["c", "internal", "plpgsql", "sql"],
        "default_rights": database.default_rights(contract, declared.name),
        "relations": relations,
        "table_rights": database.table_rights(contract, declared.name, relations),
        **{thing: [] for thing in database.MADE_BY_NO_MIGRATION},
    }
