"""Whom the database server lets in, and what each role may do there: the server itself is asked."""

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
from tests.hosts.snapshot import Snapshot

serving = pytest.mark.where(lambda host: "patroni" in host.components)


@serving
def test_who_is_let_in(declared: ContractHost, contract: Contract, server: Any, check: Check) -> None:
    """Over the network only what the contract's flows name, with TLS and SCRAM; locally only the owner.

    Whoever may replicate can confirm commits: members alone, and each itself, which asks for its WAL's end.
    """
    sources = {
        contract.host(flow.source)
        for flow in contract.flows
        if flow.destination == declared.name and flow.port_name == "postgresql"
    }
    web = [host for host in sources if host.tier == "web"]
    wanted = {("photos", "photos_app,photos_owner", host.address) for host in web}
    wanted |= {("postgres", "flashtier_follower", host.address) for host in web}
    for host in [declared, *(host for host in sources if host.name in contract.database.members)]:
        wanted |= {("replication", "replicator", host.address), ("postgres", "rewinder", host.address)}
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
    found = {
        (",".join(rule["database"]), ",".join(sorted(rule["user_name"])), network(rule))
        for rule in let_in
        if rule["type"] != "local"
    }
    check.equal(f"{declared.name}: who is let in, and to what", sorted(wanted), sorted(found))
    check.equal("pg_hba.conf ends by refusing", ("host", ["all"], "reject"), last_rule(server["hba"]))


def network(rule: Any) -> str:
    """The address that a rule is about; with its mask where it is more than one address."""
    whole = rule["netmask"] in (None, "255.255.255.255")
    return rule["address"] if whole else str(ipaddress.ip_network(f"{rule['address']}/{rule['netmask']}"))


def last_rule(rules: list[Any]) -> tuple[str, list[str], str]:
    return (rules[-1]["type"], rules[-1]["user_name"], rules[-1]["auth_method"])


@pytest.fixture
def leader(leading: Snapshot) -> Any:
    """What the server of the member that leads reports: members share roles and rights."""
    return leading["database"]["server"]


def test_roles(contract: Contract, leader: Any, check: Check) -> None:
    check.equal("roles", sorted(database.ROLES), sorted(leader["roles"]))
    for name, role in leader["roles"].items():
        powers, inherits, secret = database.ROLES.get(name, ([], False, None))
        held = [power for power in database.ROLES["postgres"][0] if role[power]]
        check.equal(f"powers of {name}", powers, held)
        expected = "SCRAM-SHA-256" if secret else ""
        check.equal(f"password of {name}", expected, role["password"] or "", how="pg_authid")
        limits = (role["login"], role["inherit"], role["connections"], role["valid_until"])
        most = database.connections(contract, name)
        check.equal(f"login, inherit, connections and end of {name}", (True, inherits, most, None), limits)


def test_passwords_are_the_stacks_secrets(contract: Contract, leader: Any, check: Check) -> None:
    """Against the verifier that the server keeps: an open session would not notice another password."""
    secrets = read_secrets(contract.stack)
    for role, (_, _, secret) in database.ROLES.items():
        if secret:
            kept = leader["roles"].get(role, {}).get("verifier") or ""
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


def test_no_one_has_other_rights(leader: Any, leading: Snapshot, check: Check) -> None:
    """Rights, owners and objects in the cluster and in the app's database: whole lists."""
    rights = {
        name: {**held, "rights": sorted(held["rights"])} for name, held in leader["database_rights"].items()
    }
    check.equal("rights of databases", database.DATABASE_RIGHTS, rights)
    check.equal("template databases", ["template0", "template1"], leader["templates"])
    check.equal("rights of tablespaces", {"temp": ["PUBLIC CREATE", "postgres CREATE"]},
                {name: sorted(held) for name, held in leader["tablespace_rights"].items()})  # fmt: skip
    check.equal("roles in roles", database.MEMBERSHIPS, sorted(leader["memberships"]))
    check.equal("extensions of postgres", ["pg_stat_statements", "plpgsql"], sorted(leader["extensions"]))
    check.equal("rights on functions", database.FUNCTION_RIGHTS, sorted(leader["function_rights"]))
    for thing in ("parameter_rights", "subscriptions", "names_mapped"):
        check.equal(thing.replace("_", " "), [], leader[thing])
    photos = leading["database"]["photos"]
    check.equal("photos: extensions", ["plpgsql"], sorted(photos["extensions"]))
    check.equal("photos: schemas and their rights", database.SCHEMA_RIGHTS, photos["schemas"])
    check.equal("photos: rights on what is made later", {}, photos["default_rights"])
    check.equal("photos: migrations", len(list(database.MIGRATIONS.glob("*.sql"))), photos["migrations"])
    check.equal("photos: languages", ["c", "internal", "plpgsql", "sql"], photos["languages"])
    for thing in (
        "functions",
        "triggers",
        "event_triggers",
        "policies",
        "foreign_servers",
        "publications",
    ):
        check.equal(f"photos: {thing.replace('_', ' ')}", [], photos[thing])


def test_the_schema_is_what_the_migrations_declare(leading: Snapshot, check: Check) -> None:
    """Relations, columns, defaults, constraints, indexes and rights, as the server describes both."""
    declared, present = (set(leading["database"]["schema"][side]) for side in ("declared", "present"))
    kinds = {line.split()[0] for line in declared}
    check.true(
        "photos: the migrations declare something", {"relation", "column", "right"} <= kinds, found=kinds
    )
    check.equal("photos: declared by the migrations and missing", [], sorted(declared - present))
    check.equal("photos: present and not declared by the migrations", [], sorted(present - declared))
