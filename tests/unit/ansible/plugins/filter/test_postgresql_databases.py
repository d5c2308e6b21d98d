"""Decisions of the role postgresql_databases: who leads, and which objects are not as declared."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.environment import Environment
from infra.paths import ROOT
from tests.support.declared import contract_of, two_applications
from tests.support.filters import CONTRACT, FIRST, filters, one, said, variables

DATABASES = filters("postgresql_databases")
MEMBERS = list(CONTRACT.database.members)
TEXTS = {".yml", ".py", ".sql", ".j2"}


def database_look(in_recovery: bool | None, line: str = "", **objects: Any) -> dict[str, Any]:
    """A member's answer: whether it is in recovery, or none where no server runs."""
    if in_recovery is None:
        return {"commands": {"state": said("", "no server", 2), "temp": said("", code=1)}}
    first = json.dumps({"in_recovery": in_recovery, "objects": objects})
    return {"commands": {"state": said(f"{first}\n{line}"), "temp": said("/pg/temp/17/PG_17_1")}}


@pytest.mark.parametrize(("in_recovery", "leads"), [(False, True), (True, False), (None, False)])
def test_the_leader_is_the_member_that_answers_and_is_not_in_recovery(
    in_recovery: bool | None, leads: bool
) -> None:
    assert DATABASES["postgresql_databases_leads"](database_look(in_recovery)) is leads
    for member in MEMBERS:  # whichever it is
        found = variables(
            "postgresql_databases", member, "leads", postgresql_databases_look=database_look(in_recovery)
        )
        assert found == {"leads": leads}


@pytest.mark.parametrize(
    ("answers", "check_mode", "parts"),
    [
        ({"db1": False, "db2": None, "db3": None}, False, None),
        ({"db1": True, "db2": False, "db3": True}, False, None),
        ({"db1": None, "db2": None, "db3": None}, True, None),
        ({"db2": None}, False, None),
        ({"db1": None, "db2": True, "db3": None}, False, ["db1, db2, db3", "no member"]),
        ({"db1": False, "db2": False, "db3": None}, False, ["db1 and db2", "Stop the server"]),
        ({"db1": False, "db2": False, "db3": None}, True, ["db1 and db2"]),
    ],
)
def test_one_member_leads(answers: dict[str, bool | None], check_mode: bool, parts: list[str] | None) -> None:
    looks = {name: database_look(answer) for name, answer in answers.items()}
    lines = DATABASES["postgresql_databases_problems"](looks, MEMBERS, check_mode)
    if parts is None:
        assert lines == []
    else:
        one(lines, *parts)


TWO = contract_of("unit", Environment.parse(two_applications()))
PLAIN = TWO.model_dump(mode="json")["database"]
EXPECTED: dict[str, Any] = DATABASES["postgresql_databases_expected"](PLAIN["databases"], "/pg/temp/17")


def answering(objects: dict[str, Any]) -> dict[str, Any]:
    """A leader's answer with these objects; those within a database are in a line of their own."""
    within = {name: found for name, found in objects.items() if name.startswith("database ")}
    lines = [
        json.dumps({"database": name.removeprefix("database "), **found}) for name, found in within.items()
    ]
    return database_look(
        False, "\n".join(lines), **{name: objects[name] for name in objects if name not in within}
    )


def test_objects_are_those_of_all_lines() -> None:
    objects = DATABASES["postgresql_databases_objects"]
    assert objects(database_look(None)) == {}
    assert objects(database_look(False, statistics=True)) == {"statistics": True}
    assert objects(answering(EXPECTED)) == EXPECTED
    assert {"database photos", "database orders"} <= set(EXPECTED)


@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.startswith("database ")])
@pytest.mark.parametrize("found", [None, {"owner": "o"}, ["GRANT SELECT"], False])
def test_an_object_that_is_not_as_declared_is_reported(name: str, found: Any) -> None:
    wrong = DATABASES["postgresql_databases_wrong"]
    assert wrong(answering(EXPECTED), EXPECTED, "db1") == []
    lines = wrong(answering(EXPECTED | {name: found}), EXPECTED, "db1")
    one(lines, f"db1: {name} is {json.dumps(found)}, declared is {json.dumps(EXPECTED[name])}.")
    missing = {key: value for key, value in EXPECTED.items() if key != name}
    one(wrong(answering(missing), EXPECTED, "db1"), f"db1: {name} is null, declared is")


def test_what_is_left_to_do_in_a_database_is_reported_and_run_there() -> None:
    left = {"missing_extensions": ["pg_trgm"], "statements": ["GRANT SELECT"]}
    found = EXPECTED | {"database orders": left, "cluster_statements": ["ALTER ROLE"]}
    lines = DATABASES["postgresql_databases_wrong"](answering(found), EXPECTED, "db1")
    assert [line.partition(" is ")[0] for line in lines] == [
        "db1: cluster_statements",
        "db1: database orders",
    ]
    assert DATABASES["postgresql_databases_repairs"](found) == [
        {"database": "postgres", "statements": ["ALTER ROLE"]},
        {"database": "orders", "statements": ["GRANT SELECT"]},
    ]
    assert DATABASES["postgresql_databases_repairs"](EXPECTED) == []
    assert DATABASES["postgresql_databases_repairs"]({}) == []


def test_a_query_that_does_not_get_to_its_end_is_reported() -> None:
    look = answering(EXPECTED)
    look["commands"]["state"] |= {"code": 3, "stderr": "ERROR: relation does not exist"}
    one(DATABASES["postgresql_databases_wrong"](look, EXPECTED, "db1"), "ended with 3", "does not exist")


SQL = {"cluster": "the cluster", "declare": "the migrations", "database": "the database"}


def test_each_database_is_asked_for_its_own_after_the_cluster() -> None:
    ask = DATABASES["postgresql_databases_commands"]
    words = ask(PLAIN["databases"], PLAIN["roles"], {"photos": ["CREATE TABLE photos ()"]}, SQL)
    assert [word for word in words if not word.startswith("SET ")] == [
        "the cluster",
        *("\\connect photos", "the migrations", "the database", "ROLLBACK"),
        *("\\connect orders", "the migrations", "the database", "ROLLBACK"),
    ]
    migrations = [word for word in words if word.startswith("SET flashtier.migrations")]
    assert migrations == [
        "SET flashtier.migrations = '[\"CREATE TABLE photos ()\"]'",
        "SET flashtier.migrations = '[]'",
    ]


def test_texts_reach_the_session_as_they_are() -> None:
    texts = ["it's", 'a "b" \\ \n']
    words = DATABASES["postgresql_databases_commands"]([{"name": "photos"}], [], {"photos": texts}, SQL)
    name, _, quoted = words[4].partition(" = ")
    assert name == "SET flashtier.migrations"
    assert json.loads(quoted[1:-1].replace("''", "'")) == texts


def test_the_roles_to_keep_are_the_declared_ones_and_the_followers() -> None:
    found = {one["name"]: one for one in DATABASES["postgresql_databases_logins"](PLAIN["roles"], 2)}
    assert list(found) == [*(role.name for role in TWO.database.roles), "flashtier_follower"]
    limits = {name: one["connection_limit"] for name, one in found.items()}
    assert limits == {
        "photos_owner": -1, "photos_app": -1, "orders_owner": -1, "orders_app": 10, "ada": 3,
        "flashtier_follower": 4,
    }  # fmt: skip
    assert found["photos_app"]["configuration"] == {
        "lock_timeout": "2s", "statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s",
    }  # fmt: skip
    assert found["ada"]["configuration"]["default_transaction_read_only"] == "on"
    assert {one["password"] for one in found.values()} == {
        "owner_database_password", "app_database_password", "follower_database_password",
        *(f"database_role_{name}_password" for name in ("orders_owner", "orders_app", "ada")),
    }  # fmt: skip


def test_migrations_name_no_schema() -> None:
    """The role and the verification run them in a schema of their own, which they roll back."""
    found = sorted((ROOT / "app/src/photo_api/migrations").glob("*.sql"))
    assert found
    statements = {path.name: re.sub(r"--[^\n]*", "", path.read_text()) for path in found}
    assert [name for name, text in statements.items() if re.search(r"\bpublic\s*\.", text)] == []


def test_variables_of_databases() -> None:
    look = database_look(False, '{"database": "photos"}')
    names = ("wrong", "kept", "leads", "migrations", "ask")
    role_path = str(ROOT / "ansible/roles/postgresql_databases")
    found = variables(
        "postgresql_databases", FIRST, *names, postgresql_databases_look=look, role_path=role_path
    )
    assert (found["kept"], found["leads"]) == (False, True)
    # Texts of templates within, as the server answers them.
    declared = '{"location": "/pg/temp/17", "public": ["CREATE"]}'
    assert f"{FIRST}: tablespace is null, declared is {declared}." in found["wrong"]
    files = sorted((ROOT / "app/src/photo_api/migrations").glob("*.sql"))
    assert found["migrations"] == {"photos": [path.read_text().rstrip() for path in files]}
    assert [word for word in found["ask"] if word.startswith("\\connect")] == ["\\connect photos"]


def test_no_role_of_ansible_names_an_application() -> None:
    """Nor does what it renders for the database: names are those of the environment."""
    folders = [ROOT / "ansible/roles" / role for role in ("postgresql", "postgresql_databases", "patroni")]
    folders += [ROOT / "templates/postgresql", ROOT / "ansible/plugins/filter", ROOT / "ansible/group_vars"]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXTS]
    assert len(files) > 30
    assert [str(path) for path in files if re.search(r"\bphotos(_app|_owner)?\b", path.read_text())] == []
