"""Databases and roles: what follows for each role, and that each fault is one line with its fix."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from infra.environment import Environment
from infra.environment.databases import PERSONS_CONNECTIONS
from infra.environment.extensions import CONTRIB, NEEDS, PACKAGES
from infra.errors import EnvironmentInvalid
from infra.paths import ROOT
from infra.settings import database_roles
from infra.settings.postgresql import settings
from infra.settings.postgresql_sizing import SERVERS_OWN_CONNECTIONS
from tests.support.declared import Path_, local_environment, spoiled, two_applications

TWO = two_applications()
ROLES = ("database", "roles")
OWNER, APP, OTHER_OWNER, OTHER, PERSON = range(5)


def role(name: str, **keys: Any) -> Any:
    return {"name": name, **keys}


def with_role(**keys: Any) -> Any:
    return [*TWO["database"]["roles"], keys]


#: What is wrong, where, the value there, the key that the line begins with, and what it names.
WRONG: list[tuple[str, Path_, Any, str, list[str]]] = [
    ("no database", (*ROLES, PERSON, "databases"), [], "roles.4.databases", ["'ada'", "photos, orders"]),
    ("another database", (*ROLES, PERSON, "databases"), ["shop"], "roles.4.databases", ["'shop'", "photos"]),
    ("twice one", (*ROLES, PERSON, "databases"), ["photos", "photos"], "roles.4.databases", ["twice"]),
    ("no role left", (*ROLES,), [], "roles", ["at least 1 item"]),
    ("one name twice", ROLES, with_role(name="ada", kind="owner"), "roles.5.name", ["'ada'", "rename"]),
    ("a role of PostgreSQL", (*ROLES, PERSON, "name"), "pg_ada", "roles.4.name", ["'pg_ada'", "reserved"]),
    ("a role of the kit", (*ROLES, PERSON, "name"), "flashtier_x", "roles.4.name", ["'flashtier_x'"]),
    ("the superuser", (*ROLES, PERSON, "name"), "postgres", "roles.4.name", ["reserved", "take a name"]),
    ("who replicates", (*ROLES, PERSON, "name"), "replicator", "roles.4.name", ["reserved"]),
    ("who rewinds", (*ROLES, PERSON, "name"), "rewinder", "roles.4.name", ["reserved"]),
    ("a word of pg_hba.conf", (*ROLES, PERSON, "name"), "all", "roles.4.name", ["reserved"]),
    ("what needs quotes", (*ROLES, PERSON, "name"), "Ada L", "roles.4.name", ["'Ada L'", "rename"]),
    ("a kind", (*ROLES, PERSON, "kind"), "admin", "roles.4.kind", ["'admin'", "'person'"]),
    ("an access", (*ROLES, PERSON, "access"), "all", "roles.4.access", ["'all'", "'read-only'"]),
    ("a person of migrations", (*ROLES, PERSON, "access"), "granted", "roles.4.access", ["take read-only"]),
    ("an owner's access", (*ROLES, OWNER, "access"), "read-only", "roles.0.access", ["remove the key"]),
    ("an owner's databases", (*ROLES, OWNER, "databases"), ["photos"], "roles.0.databases", ["remove the"]),
    ("owns nothing", ROLES, with_role(name="idle", kind="owner"), "roles.5.kind", ["'idle'", "remove it"]),
    ("no connection", (*ROLES, PERSON, "connection_limit"), 0, "roles.4.connection_limit", ["equal to 1"]),
    ("the app's access", (*ROLES, APP, "access"), "read-write", "roles.1.access", ["'read-write'", "remove"]),
    ("a database twice", ("database", "databases", 1, "name"), "photos", "databases.1.name", ["twice"]),
    ("a template", ("database", "databases", 1, "name"), "template1", "databases.1.name", ["reserved"]),
    ("no such owner", ("database", "databases", 1, "owner"), "bob", "databases.1.owner", ["'bob'", "add it"]),
    ("a person owns", ("database", "databases", 1, "owner"), "ada", "databases.1.owner", ["'ada'", "owner"]),
    ("encoding", ("database", "databases", 1, "encoding"), "LATIN1", "databases.1.encoding", ["take UTF8"]),
    ("of no package", ("database", "databases", 1, "extensions"), ["x"], "databases.1.extensions",
     ["'x'", "postgresql-17", "pg_trgm", "remove"]),
    ("of a package", ("database", "databases", 1, "extensions"), ["postgis"], "databases.1.extensions",
     ["'postgis'", "postgresql-17-postgis-3", "remove it"]),
    ("of every database", ("database", "databases", 1, "extensions"), ["plpgsql"], "databases.1.extensions",
     ["'plpgsql'", "remove it"]),
    ("extension twice", ("database", "databases", 1, "extensions"), ["cube", "cube"],
     "databases.1.extensions", ["'cube'", "twice"]),
    ("without another", ("database", "databases", 1, "extensions"), ["earthdistance", "cube"],
     "databases.1.extensions", ["'earthdistance'", "'cube'", "before it"]),
    ("a logical slot", ("database", "logical_slots"), ["audit"], "logical_slots", ["audit", "remove it"]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "path", "value", "key", "parts"), WRONG, ids=[case[0] for case in WRONG])
def test_each_fault_is_one_line_with_key_value_and_fix(
    what: str, path: Path_, value: Any, key: str, parts: list[str]
) -> None:
    line = only_fault(spoiled(TWO, path, value))
    assert line.startswith(f"flashtier:environment.database.{key}"), line
    assert [part for part in parts if part not in line] == [], line


def only_fault(declared: Any) -> str:
    with pytest.raises(EnvironmentInvalid) as caught:
        settings(Environment.parse(declared))
    assert len(caught.value.faults) == 1, caught.value.faults
    assert "\n" not in caught.value.faults[0]
    return caught.value.faults[0]


@pytest.mark.parametrize(
    ("path", "value", "key", "parts"),
    [
        (("app", "database"), "shop", "app.database", ["'shop'", "photos or orders"]),
        (("app", "role"), "orders_app", "app.role", ["'orders_app'", "'photos'", "take photos_app"]),
        (("app", "role"), "photos_owner", "app.role", ["kind application", "take photos_app"]),
        ((*ROLES, OTHER), role("orders_app", kind="application", databases=["orders"]),
         "database.roles.3.connection_limit", ["'orders_app'", "add it"]),
        ((*ROLES, PERSON, "connection_limit"), 500, "database.roles.4.connection_limit = 500",
         ["max_connections 102", "take at most 94"]),
        ((*ROLES, APP, "connection_limit"), 20, "database.roles.1.connection_limit = 20", ["at least 72"]),
    ],
)  # fmt: skip
def test_roles_fit_the_app_and_the_server(path: Path_, value: Any, key: str, parts: list[str]) -> None:
    line = only_fault(spoiled(TWO, path, value))
    assert line.startswith(f"flashtier:environment.{key}"), line
    assert [part for part in parts if part not in line] == [], line


def test_a_section_that_is_missing_is_named() -> None:
    for key in ("databases", "roles"):
        declared = local_environment()
        del declared["database"][key]
        assert only_fault(declared) == f"flashtier:environment.database.{key}: is missing; add it"


def test_people_read_and_have_few_connections_unless_declared() -> None:
    person = Environment.parse(TWO).database.roles[PERSON]
    assert (person.rights, person.connections) == ("read-only", PERSONS_CONNECTIONS)
    declared = spoiled(TWO, (*ROLES, PERSON, "access"), "read-write")
    writer = database_roles.roles(Environment.parse(declared))[PERSON]
    assert writer.access == "read-write"
    assert "default_transaction_read_only" not in {setting.name for setting in writer.settings}


def test_another_application_raises_max_connections_by_its_limit() -> None:
    def most(declared: Any) -> int:
        found = {one.name: one.value for one in settings(Environment.parse(declared))}
        own = int(found["superuser_reserved_connections"]) + int(found["reserved_connections"])
        assert own == SERVERS_OWN_CONNECTIONS
        return int(found["max_connections"])

    assert most(TWO) == most(local_environment()) + 10


def test_what_follows_for_each_role() -> None:
    found = {role.name: role for role in database_roles.roles(Environment.parse(TWO))}
    assert {name: (role.databases, role.access, role.connection_limit) for name, role in found.items()} == {
        "photos_owner": (("photos",), "granted", -1),
        "photos_app": (("photos",), "granted", -1),
        "orders_owner": (("orders",), "granted", -1),
        "orders_app": (("orders",), "read-write", 10),
        "ada": (("photos", "orders"), "read-only", 3),
    }
    assert found["photos_owner"].password == "owner_database_password"  # noqa: S105 - its name
    assert found["ada"].password == "database_role_ada_password"  # noqa: S105 - its name


@pytest.mark.parametrize("path", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_environment_of_the_kit_declares_the_apps_database_and_nothing_else(path: Any) -> None:
    declared = yaml.safe_load(path.read_text())["config"]["flashtier:environment"]
    environment = Environment.parse(declared)
    assert [one.model_dump() for one in database_roles.databases(environment)] == [
        {"name": "photos", "owner": "photos_owner", "encoding": "UTF8", "extensions": ()}
    ]
    roles = database_roles.roles(environment)
    assert [(role.name, role.password) for role in roles] == [
        ("photos_owner", "owner_database_password"),
        ("photos_app", "app_database_password"),
    ]


def test_extensions_that_need_a_package_are_none_of_debians_own() -> None:
    assert CONTRIB.isdisjoint({*PACKAGES, "plpgsql"})
    assert {*NEEDS, *(needed for names in NEEDS.values() for needed in names)} <= CONTRIB
