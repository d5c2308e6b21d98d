"""Decisions of the role postgresql_databases: who leads, and which objects are not as declared."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.paths import ROOT
from tests.support.filters import CONTRACT, FIRST, filters, one, said, variables

DATABASES = filters("postgresql_databases")
MEMBERS = list(CONTRACT.database.members)


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


DECLARED: dict[str, Any] = {
    "database": {"owner": "o", "app": ["CONNECT"]},
    "schema": {"public": [], "app": ["USAGE"]},
    "statistics": True,
    "photos_statements": [],
}


def answering(objects: dict[str, Any]) -> dict[str, Any]:
    """A leader's answer with these objects; those of the database photos are in a line of their own."""
    line = {name: found for name, found in objects.items() if name in ("schema", "photos_statements")}
    return database_look(
        False, json.dumps(line), **{name: objects[name] for name in objects if name not in line}
    )


def test_objects_are_those_of_both_lines() -> None:
    objects = DATABASES["postgresql_databases_objects"]
    assert objects(database_look(None)) == {}
    assert objects(database_look(False, statistics=True)) == {"statistics": True}
    assert objects(answering(DECLARED)) == DECLARED


@pytest.mark.parametrize("name", list(DECLARED))
@pytest.mark.parametrize("found", [None, {"owner": "o", "app": []}, ["GRANT SELECT"], False])
def test_an_object_that_is_not_as_declared_is_reported(name: str, found: Any) -> None:
    wrong = DATABASES["postgresql_databases_wrong"]
    assert wrong(answering(DECLARED), DECLARED, "db1") == []
    lines = wrong(answering(DECLARED | {name: found}), DECLARED, "db1")
    one(lines, f"db1: {name} is {json.dumps(found)}, declared is {json.dumps(DECLARED[name])}.")
    missing = {key: value for key, value in DECLARED.items() if key != name}
    one(wrong(answering(missing), DECLARED, "db1"), f"db1: {name} is null, declared is")


def test_a_query_that_does_not_get_to_its_end_is_reported() -> None:
    look = answering(DECLARED)
    look["commands"]["state"] |= {"code": 3, "stderr": "ERROR: relation does not exist"}
    one(DATABASES["postgresql_databases_wrong"](look, DECLARED, "db1"), "ended with 3", "does not exist")


@given(
    st.dictionaries(st.sampled_from(["database", "schema"]), st.lists(st.sampled_from("ABC"))),
)
def test_exactly_the_rights_beyond_those_declared_are_too_many(more: dict[str, list[str]]) -> None:
    found = copy.deepcopy(DECLARED)
    for name, rights in more.items():
        found[name]["app"].extend(rights)
    revoked = DATABASES["postgresql_databases_too_many"](found, DECLARED)
    objects = {"database": "photos", "schema": "public"}
    by_object = {one["objs"]: sorted(one["privs"].split(",")) for one in revoked}
    assert by_object == {objects[name]: sorted(set(rights)) for name, rights in more.items() if rights}


@pytest.mark.parametrize("found", [{}, {"database": None}, {"schema": {"public": []}}])
def test_nothing_is_revoked_of_what_does_not_exist(found: dict[str, Any]) -> None:
    assert DATABASES["postgresql_databases_too_many"](found, DECLARED) == []


def test_texts_reach_the_session_as_they_are() -> None:
    words = DATABASES["postgresql_databases_set"](["it's", 'a "b" \\ \n'], "x.y")
    name, _, quoted = words.partition(" = ")
    assert name == "SET x.y"
    assert json.loads(quoted.strip("'").replace("''", "'")) == ["it's", 'a "b" \\ \n']


def test_migrations_name_no_schema() -> None:
    """The role and the verification run them in a schema of their own, which they roll back."""
    found = sorted((ROOT / "app/src/photo_api/migrations").glob("*.sql"))
    assert found
    statements = {path.name: re.sub(r"--[^\n]*", "", path.read_text()) for path in found}
    assert [name for name, text in statements.items() if re.search(r"\bpublic\s*\.", text)] == []


def test_variables_of_databases() -> None:
    look = database_look(False, "{}")
    names = ("wrong", "too_many", "kept", "leads")
    found = variables("postgresql_databases", FIRST, *names, postgresql_databases_look=look)
    assert (found["kept"], found["leads"], found["too_many"]) == (False, True, [])
    # Texts of templates within, as the server answers them.
    declared = '{"location": "/pg/temp/17", "public": ["CREATE"]}'
    assert f"{FIRST}: tablespace is null, declared is {declared}." in found["wrong"]
