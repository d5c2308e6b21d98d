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
from tests.hosts.members import has_member
from tests.hosts.snapshot import Snapshot

serving = pytest.mark.where.with_args(has_member)


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
    members = [declared, *(host for host in sources if host.name in contract.database.members)]
    wanted = {
        (one.name, ",".join(names), host.address)
        for one in contract.database.databases
        for kinds, hosts in ((("owner", "application"), web), (("person",), members))
        for host in hosts
        if (names := logins(contract, one.name, kinds))
    }
    wanted |= {("postgres", "flashtier_follower", host.address) for host in web}
    for host in members:
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


def logins(contract: Contract, database: str, kinds: tuple[str, ...]) -> list[str]:
    """Roles of these kinds that connect to a database, sorted."""
    return sorted(r.name for r in contract.database.roles if r.kind in kinds and database in r.databases)


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
    known = database.roles(contract)
    limits = {role.name: role.connection_limit for role in contract.database.roles}
    check.equal("roles", sorted(known), sorted(leader["roles"]))
    for name, role in leader["roles"].items():
        powers, inherits, secret = known.get(name, ([], False, None))
        held = [power for power in database.POWERS if role[power]]
        check.equal(f"powers of {name}", powers, held)
        expected = "SCRAM-SHA-256" if secret else ""
        check.equal(f"password of {name}", expected, role["password"] or "", how="pg_authid")
        found = (role["login"], role["inherit"], role["connections"], role["valid_until"])
        most = limits.get(name, database.connections(contract, name))
        check.equal(f"login, inherit, connections and end of {name}", (True, inherits, most, None), found)
    for name in limits:
        check.fact(f"database.role.{name}.connection_limit", leader["roles"].get(name, {}).get("connections"))


def test_passwords_are_the_stacks_secrets(contract: Contract, leader: Any, check: Check) -> None:
    """Against the verifier that the server keeps: an open session would not notice another password."""
    secrets = read_secrets(contract.stack)
    for role, (_, _, secret) in database.roles(contract).items():
        if secret:
            kept = leader["roles"].get(role, {}).get("verifier") or ""
            same = verifies(kept, secrets.get(secret, ""))
            check.true(f"password of {role} is the stack's {secret}", same)
            if role not in database.KITS_OWN:
                fits = (name for name, value in secrets.items() if verifies(kept, value))
                found = secret if same else next(fits, "no secret of the stack")
                check.fact(f"database.role.{role}.password", found, how="pg_authid")


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


def test_no_one_has_other_rights(contract: Contract, leader: Any, check: Check) -> None:
    """Rights and owners in the cluster as a whole: whole lists."""
    rights = {
        name: {**held, "rights": sorted(held["rights"])} for name, held in leader["database_rights"].items()
    }
    check.equal("rights of databases", database.database_rights(contract), rights)
    for role in contract.database.roles:
        for name in role.databases:
            may = f"{role.name} CONNECT" in rights.get(name, {}).get("rights", [])
            check.fact(f"database.role.{role.name}.database.{name}", may, how="pg_database")
    check.equal("template databases", ["template0", "template1"], leader["templates"])
    check.equal("rights of tablespaces", {"temp": ["PUBLIC CREATE", "postgres CREATE"]},
                {name: sorted(held) for name, held in leader["tablespace_rights"].items()})  # fmt: skip
    check.equal("roles in roles", database.MEMBERSHIPS, sorted(leader["memberships"]))
    check.equal("extensions of postgres", ["pg_stat_statements", "plpgsql"], sorted(leader["extensions"]))
    check.equal("rights on functions", database.FUNCTION_RIGHTS, sorted(leader["function_rights"]))
    for thing in ("parameter_rights", "subscriptions", "names_mapped"):
        check.equal(thing.replace("_", " "), [], leader[thing])


def test_each_database_has_what_is_declared(contract: Contract, leading: Snapshot, check: Check) -> None:
    """Extensions, schemas, and rights of those whose access is declared, also on what is made later."""
    for one in contract.database.databases:
        name, found = one.name, leading["database"][f"in {one.name}"]
        check.equal(f"{name}: extensions", sorted(["plpgsql", *one.extensions]), sorted(found["extensions"]))
        for extension in one.extensions:
            check.fact(f"database.database.{name}.extension.{extension}", extension in found["extensions"])
        schemas = {of: {**held, "rights": sorted(held["rights"])} for of, held in found["schemas"].items()}
        check.equal(f"{name}: schemas and their rights", database.schema_rights(contract, name), schemas)
        later = sorted(found["default_rights"])
        check.equal(f"{name}: rights on what is made later", database.default_rights(contract, name), later)
        guests = database.guests(contract, name)
        given = tuple(f"{role.name} " for role in guests if role.access != "granted")
        wanted = database.table_rights(contract, name, found["relations"])
        held = sorted(line for line in found["table_rights"] if line.startswith(given)) if given else []
        check.equal(f"{name}: rights of those whose access is declared", wanted, held)


def test_each_role_has_its_access(contract: Contract, leading: Snapshot, check: Check) -> None:
    """The same in all of its databases; an owner has what it grants, and so nothing that is made for it."""
    owners = database.owners(contract)
    for role in contract.database.roles:
        found = {
            database.access(role, owners[name], leading["database"][f"in {name}"]["default_rights"])
            for name in role.databases
        }
        check.fact(f"database.role.{role.name}.access", ", ".join(sorted(found)), how="pg_default_acl")


def test_the_apps_database_has_what_its_migrations_make(
    contract: Contract, leading: Snapshot, check: Check
) -> None:
    found, name = leading["database"][f"in {contract.app.database}"], contract.app.database
    migrations = len(list(database.MIGRATIONS.glob("*.sql")))
    check.equal(f"{name}: migrations", migrations, leading["database"]["migrations"])
    check.equal(f"{name}: languages", ["c", "internal", "plpgsql", "sql"], found["languages"])
    for thing in database.MADE_BY_NO_MIGRATION:
        check.equal(f"{name}: {thing.replace('_', ' ')}", [], found[thing])


def test_the_schema_is_what_the_migrations_declare(
    contract: Contract, leading: Snapshot, check: Check
) -> None:
    """Relations, columns, defaults, constraints, indexes and rights, as the server describes both.

    The rights of those whose access is declared are held by a test of their own.
    """
    declared, present = (set(leading["database"]["schema"][side]) for side in ("declared", "present"))
    name, kinds = contract.app.database, {line.split()[0] for line in declared}
    given = {f"right {role.name} " for role in database.guests(contract, name) if role.access != "granted"}
    others = {line for line in present if not line.startswith(tuple(given))} if given else present
    check.true(
        f"{name}: the migrations declare something", {"relation", "column", "right"} <= kinds, found=kinds
    )
    check.equal(f"{name}: declared by the migrations and missing", [], sorted(declared - present))
    check.equal(f"{name}: present and not declared by the migrations", [], sorted(others - declared))
