"""The database server, asked itself: where its data is, how it is set, and whom it lets in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from typing import Any

import pytest

from infra.contract import Contract, ContractHost
from infra.stack.outputs import read_secrets
from tests.hosts import database
from tests.hosts.facts import Check
from tests.hosts.snapshot import Seen
from tests.hosts.units import normal

serving = pytest.mark.where(lambda host: "postgresql_server" in host.components)
waiting = pytest.mark.where(
    lambda host: "postgresql" in host.components and "postgresql_server" not in host.components
)


@pytest.fixture
def server(seen: Seen) -> Any:
    """The primary's own account of itself (sql/server.sql)."""
    return seen["database"]["server"]


@pytest.fixture
def number(declared: ContractHost, seen: Seen) -> dict[str, str]:
    """The device number of the volume that each purpose was declared to be on, its UUID seen."""
    found = {}
    for placed in declared.placements:
        volume = next(volume for volume in declared.volumes if volume.name == placed.volume)
        device = seen["devices"][volume.device]
        if device.get("uuid") != volume.uuid:
            pytest.fail(f"{volume.device} carries {device.get('uuid')}, not {volume.uuid}", pytrace=False)
        found[placed.purpose] = device["number"]
    return found


@serving
def test_the_server_is_the_declared_one(
    declared: ContractHost, contract: Contract, server: Any, check: Check
) -> None:
    check.fact("database.version", server["version"])
    check.fact("database.first", declared.name)
    check.equal(f"{declared.name}: in recovery", False, server["in_recovery"])
    check.equal("cluster_name", contract.stack, server["settings"]["cluster_name"]["setting"])
    check.equal(
        "databases and owners", {"postgres": "postgres", "photos": "photos_owner"}, server["databases"]
    )


def test_every_member_has_the_programs(contract: Contract, snapshots: dict[str, Seen], check: Check) -> None:
    package = f"postgresql-{contract.database.version}"
    members = [
        name
        for name, seen in snapshots.items()
        if seen["installed_packages"]["state"].get(package) == "install ok installed"
        and contract.host(name).tier == "database"
    ]
    check.fact("database.members", members, how=f"hosts of the tier with the package {package}")


@serving
def test_files_are_on_the_declared_volumes(
    declared: ContractHost, seen: Seen, server: Any, number: dict[str, str], check: Check
) -> None:
    """By the number of the device that each file lies on, along the paths that the server itself uses."""
    paths, settings = seen["paths"], server["settings"]
    data = settings["data_directory"]["setting"]
    where = {placed.purpose: placed.path for placed in declared.placements}
    for purpose, path in {
        "data": data,
        "wal": f"{data}/pg_wal",
        "temp": server["tablespaces"].get("temp", "no tablespace temp"),
        "log": settings["log_directory"]["setting"],
    }.items():
        found = paths.get(path)
        check.true(f"{purpose}: {path} is one of the paths of the kit", found is not None)
        if found:
            check.equal(f"{purpose}: device of {path}", number[purpose], found["number"], how="st_dev")
            check.true(f"{purpose}: {path} is in {where[purpose]}", inside(found["real"], where[purpose]))
            check.equal(f"{purpose}: owner of {path}", "postgres", found["owner"])
    check.equal("temp_tablespaces", "temp", settings["temp_tablespaces"]["setting"])
    check.true("log file is in its place", inside(server["log_file"], where["log"]), found=server["log_file"])
    check.equal(f"mode of {data}", "0700", paths[data]["mode"] if data in paths else None)


def inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


@serving
def test_the_data_directory_holds_what_the_server_makes(seen: Seen, server: Any, check: Check) -> None:
    """A file such as standby.signal decides what the server is at its next start."""
    data = server["settings"]["data_directory"]["setting"]
    found = set((seen["paths"].get(data) or {}).get("entries") or [])
    foreign = {name for name in found - database.DATA_DIRECTORY if not name.startswith("pg_")}
    check.true(f"{data} is a cluster", "PG_VERSION" in found, found=sorted(found))
    check.equal(f"files in {data} that the server does not make", [], sorted(foreign))


#: By a setting's owner: pg_settings.source and sourcefile. Without a cluster manager no setting is the DCS's.
SOURCES = {
    "file": ("configuration file", database.POSTGRESQL_CONFIG),
    "command line": ("command line", None),
}


@serving
def test_settings_are_in_effect(contract: Contract, server: Any, check: Check) -> None:
    for setting in contract.database.settings:
        key, found = f"database.setting.{setting.name}.value", server["settings"].get(setting.name)
        if found is None:
            check.fact(key, None, how="pg_settings has no such parameter")
            continue
        # Over the unix socket, which the server is asked on, the settings of TCP show as 0.
        value = found["reset"] if setting.name.startswith("tcp_") else found["setting"]
        same = normal(setting.value, found["unit"]) == normal(value, found["unit"])
        check.fact(key, setting.value if same else found["shown"], how="pg_settings")
        check.equal(
            f"{setting.name}: set in",
            SOURCES[setting.owner],
            (found["source"], found["file"]),
        )


@serving
def test_no_setting_waits_or_comes_from_elsewhere(contract: Contract, server: Any, check: Check) -> None:
    settings = server["settings"]
    check.equal(
        "settings that wait for a restart", [], [n for n, s in settings.items() if s["pending_restart"]]
    )
    check.equal("settings left by ALTER SYSTEM", [], server["auto_settings"])
    check.equal("lines of the configuration with an error", [], server["file_errors"])
    declared = {setting.name for setting in contract.database.settings} | database.POSTGRESQL_HOST_SETTINGS
    given = {
        name
        for name, setting in settings.items()
        if setting["source"] in ("configuration file", "environment variable", "command line")
    }
    check.equal("settings that nobody declared", [], sorted(given - declared - database.POSTGRESQL_COMMAND))
    check.equal("files that were changed after the server read them", [], server["unread"])
    check.equal(
        "settings of roles and databases", database.POSTGRESQL_ROLE_SETTINGS, server["scoped_settings"]
    )


@serving
def test_safety(server: Any, check: Check) -> None:
    for name, value in {
        "data_checksums": "on",
        "ssl": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "allow_alter_system": "off",
        "ssl_cert_file": "/etc/flashtier/tls/host.crt",
        "ssl_key_file": "/etc/flashtier/tls/host.key",
        "ssl_ca_file": "/etc/flashtier/tls/ca.crt",
        "password_encryption": "scram-sha-256",
    }.items():
        check.equal(name, value, server["settings"][name]["setting"])


@serving
def test_who_is_let_in(declared: ContractHost, contract: Contract, server: Any, check: Check) -> None:
    """Over the network only what the contract's flows name, with TLS and SCRAM; locally only the owner."""
    addresses = {host.name: host.address for host in contract.hosts}
    clients = {
        addresses[flow.source]
        for flow in contract.flows
        if flow.destination == declared.name and flow.port_name == "postgresql"
    }
    check.equal(
        "pg_hba.conf: lines with an error", [], [rule["error"] for rule in server["hba"] if rule["error"]]
    )
    let_in = [rule for rule in server["hba"] if rule["auth_method"] != "reject"]
    for rule in let_in:
        line = f"{rule['file_name']}:{rule['line_number']}"
        if rule["type"] == "local":
            check.equal(f"{line}: local", (["postgres"], "peer"), (rule["user_name"], rule["auth_method"]))
            continue
        check.equal(
            f"{line}: type and method", ("hostssl", "scram-sha-256"), (rule["type"], rule["auth_method"])
        )
        check.equal(f"{line}: databases", ["photos"], rule["database"])
        check.equal(f"{line}: roles", ["photos_app", "photos_owner"], sorted(rule["user_name"]))
    networks = {network(rule) for rule in let_in if rule["type"] != "local"}
    check.equal("addresses that pg_hba.conf lets in", sorted(clients), sorted(networks))
    check.equal("pg_hba.conf ends by refusing", ("host", ["all"], "reject"), last_rule(server["hba"]))


def network(rule: Any) -> str:
    """The address that a rule is about; with its mask where it is more than one address."""
    whole = rule["netmask"] in (None, "255.255.255.255")
    return rule["address"] if whole else str(ipaddress.ip_network(f"{rule['address']}/{rule['netmask']}"))


def last_rule(rules: list[Any]) -> tuple[str, list[str], str]:
    return (rules[-1]["type"], rules[-1]["user_name"], rules[-1]["auth_method"])


@serving
def test_roles(server: Any, check: Check) -> None:
    check.equal("roles", ["photos_app", "photos_owner", "postgres"], sorted(server["roles"]))
    for name, role in server["roles"].items():
        powers = ("superuser", "create_role", "create_db", "replication", "bypass_rls")
        held = [power for power in powers if role[power]]
        check.equal(f"powers of {name}", list(powers) if name == "postgres" else [], held)
        expected = "" if name == "postgres" else "SCRAM-SHA-256"
        check.equal(f"password of {name}", expected, role["password"] or "", how="pg_authid")
        limits = (role["login"], role["inherit"], role["connections"], role["valid_until"])
        check.equal(
            f"login, inherit, connections and end of {name}", (True, name == "postgres", -1, None), limits
        )


@serving
def test_passwords_are_the_stacks_secrets(contract: Contract, server: Any, check: Check) -> None:
    """Against the verifier that the server keeps: an open session would not notice another password."""
    secrets = read_secrets(contract.stack)
    for role, secret in {
        "photos_app": "app_database_password",
        "photos_owner": "owner_database_password",
    }.items():
        kept = server["roles"].get(role, {}).get("verifier") or ""
        check.true(f"password of {role} is the stack's {secret}", verifies(kept, secrets[secret]))


def verifies(verifier: str, password: str) -> bool:
    """Whether a SCRAM verifier is that of `password` (RFC 5803: iterations:salt$StoredKey:ServerKey)."""
    try:
        _, parameters, keys = verifier.split("$")
        iterations, salt = parameters.split(":")
        stored = base64.b64decode(keys.split(":")[0])
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    except ValueError:
        return False
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(hashlib.sha256(client).digest(), stored)


@serving
def test_nobody_has_other_rights(server: Any, seen: Seen, check: Check) -> None:
    """Rights, owners and objects in the cluster and in the app's database: whole lists."""
    rights = {
        name: {**held, "rights": sorted(held["rights"])} for name, held in server["database_rights"].items()
    }
    check.equal("rights of databases", database.DATABASE_RIGHTS, rights)
    check.equal("template databases", ["template0", "template1"], server["templates"])
    check.equal("rights of tablespaces", {"temp": ["PUBLIC CREATE", "postgres CREATE"]},
                {name: sorted(held) for name, held in server["tablespace_rights"].items()})  # fmt: skip
    check.equal("roles in roles", [], server["memberships"])
    check.equal("extensions of postgres", ["pg_stat_statements", "plpgsql"], sorted(server["extensions"]))
    for thing in ("parameter_rights", "slots", "subscriptions", "names_mapped"):
        check.equal(thing.replace("_", " "), [], server[thing])
    photos = seen["database"]["photos"]
    check.equal("photos: extensions", ["plpgsql"], sorted(photos["extensions"]))
    check.equal("photos: schemas and their rights", database.SCHEMA_RIGHTS, photos["schemas"])
    check.equal("photos: rights of tables to come", database.DEFAULT_RIGHTS, photos["default_rights"])
    check.equal("photos: migrations", len(list(database.MIGRATIONS.glob("*.sql"))), photos["migrations"])
    check.equal("photos: languages", ["c", "internal", "plpgsql", "sql"], photos["languages"])
    for thing in (
        "functions",
        "triggers",
        "event_triggers",
        "policies",
        "foreign_servers",
        "publications",
        "indexes_in_doubt",
    ):
        check.equal(f"photos: {thing.replace('_', ' ')}", [], photos[thing])
    check.true("photos: there are tables", any(one["kind"] == "r" for one in photos["relations"].values()))
    for name, relation in photos["relations"].items():
        check.equal(f"photos: owner of {name}", "photos_owner", relation["owner"])
        check.equal(f"photos: {name} is open to PUBLIC", False, relation["public"])
        check.equal(f"photos: tablespace of {name}", "", relation["tablespace"])
        options = database.RELATION_OPTIONS.get(name, "")
        check.equal(f"photos: options of {name}", options, relation["options"] or "")
        granted = {"photos_app": database.APP_RIGHTS.get(relation["kind"], [])}
        check.equal(f"photos: rights on {name}", granted, relation["granted"])


@waiting
def test_other_members_run_no_server(declared: ContractHost, seen: Seen, check: Check) -> None:
    """They have their volumes and packages, and neither a cluster nor a server yet."""
    check.equal(f"{declared.name}: a cluster", None, seen["paths"]["/pg/data/17"])
    check.equal(
        f"{declared.name}: processes of postgres",
        [],
        [name for name, owner in seen["processes"] if owner == "postgres"],
    )


@pytest.mark.where(lambda host: host.tier == "database")
def test_debians_own_clusters_do_not_exist(declared: ContractHost, seen: Seen, check: Check) -> None:
    for path in ("/etc/postgresql/17/main", "/var/lib/postgresql/17/main"):
        check.equal(f"{declared.name}: {path}", None, seen["paths"][path])
