"""Decisions of the three roles of PostgreSQL: what is refused, what is left to do, and on which member."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template
from hypothesis import given
from hypothesis import strategies as st

from infra.environment import Environment
from infra.paths import ROOT
from tests.support.declared import contract_of, local_environment
from tests.support.filters import filters, one, said
from tests.support.rendered import templar

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
MEMBERS = list(CONTRACT.database.members)
FIRST = CONTRACT.database.first
CLUSTER, PAST = "7400000000000000001", "7400000000000000002"
UNIT = "flashtier-postgresql.service"


COMMON, SERVER, DATABASES = (
    filters(role) for role in ("postgresql", "postgresql_server", "postgresql_databases")
)


def variables(role: str, host: str, *names: str, **known: Any) -> dict[str, Any]:
    """What the role's variables come to on a host."""
    ansible = templar(CONTRACT, host, role, **known)
    return {name: ansible.template(trust_as_template(f"{{{{ {role}_{name} }}}}")) for name in names}


# What the roles share


def test_the_layout_follows_the_placements() -> None:
    placements = [
        {"purpose": "data", "volume": "v", "path": "/p/d"},
        {"purpose": "log", "volume": "v", "path": "/l"},
    ]
    at = COMMON["postgresql_layout"](placements, 17)
    assert (at["data_mount"], at["data"], at["auto_file"]) == (
        "/p/d",
        "/p/d/17",
        "/p/d/17/postgresql.auto.conf",
    )
    assert (at["log"], at["wal"]) == ("/l", "")


def test_a_query_has_a_deadline_for_the_connection_and_for_each_statement() -> None:
    words = COMMON["postgresql_ask"]({"bin": "/bin"}, 5433, "SELECT 1", "\\connect photos")
    assert words[-4:] == ["--command", "SELECT 1", "--command", "\\connect photos"]
    where = next(word for word in words if word.startswith("host="))
    assert "port=5433" in where
    assert "connect_timeout=5" in where
    assert "statement_timeout=15s" in where
    module = COMMON["postgresql_connection"](5433)
    assert module["connect_params"]["connect_timeout"] == 5
    assert "statement_timeout=15s" in module["connect_params"]["options"]


INSTALLED: dict[str, Any] = {
    "missing": [],
    "contents": {"createcluster": "#create_main_cluster = true\n create_main_cluster= false\n"},
    "paths": {"createcluster": {"exists": True, "mode": "0644", "uid": 0, "gid": 0}},
    "units": {"postgresql.service": {"active": "inactive", "enabled": "disabled"}},
}


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("missing",), ["postgresql-17"]),
        (("contents", "createcluster"), None),
        (("contents", "createcluster"), "#create_main_cluster = false"),
        (("contents", "createcluster"), "create_main_cluster = false\ncreate_main_cluster = true"),
        (("paths", "createcluster"), {"exists": False}),
        (("paths", "createcluster", "mode"), "0666"),
        (("paths", "createcluster", "uid"), 1000),
        (("paths", "createcluster", "gid"), 1000),
        (("units", "postgresql.service", "active"), "active"),
        (("units", "postgresql.service", "enabled"), "enabled"),
    ],
)
def test_what_makes_an_installation_needed(keys: tuple[str, ...], value: Any) -> None:
    assert COMMON["postgresql_install_needed"](INSTALLED) is False
    look = copy.deepcopy(INSTALLED)
    place: Any = look
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    assert COMMON["postgresql_install_needed"](look) is True


def placed(purpose: str, volume: str, path: str = "") -> dict[str, str]:
    return {"purpose": purpose, "volume": volume, "path": path or f"/pg/{purpose}"}


def mounted(*targets: str, data: bool = True) -> dict[str, Any]:
    """A host's answer with these mount points."""
    table = {"filesystems": [{"target": target} for target in ("/", *targets)]}
    return {"paths": {"data": {"exists": data}}, "commands": {"mounts": said(table)}}


def host_problems(look: dict[str, Any], **changed: Any) -> list[str]:
    placements = [placed("data", "flash"), placed("log", "network")]
    # All four are declared; the two that tests do not unmount stand for the rest.
    placements += [placed(purpose, "flash", "/pg/data") for purpose in ("temp", "wal")]
    known = {"host": "db1", "placements": placements, "clients": ["10.1.0.4"], "check_mode": False}
    found: list[str] = COMMON["postgresql_problems"](look, **(known | changed))
    return found


def test_a_host_with_its_volumes_has_no_problem() -> None:
    assert host_problems(mounted("/pg/data", "/pg/log")) == []


def test_a_missing_placement_and_a_missing_client_are_refused() -> None:
    look = mounted("/pg/data", "/pg/log")
    one(host_problems(look, placements=[placed("log", "x")]), "placements log;", "wal")
    one(host_problems(look, clients=[]), "no host reach postgresql")


def test_a_path_that_is_not_a_mount_point_is_refused_unless_check_mode_has_yet_to_make_it() -> None:
    look = mounted("/pg/data")
    one(host_problems(look), "/pg/log is not a mount point", "volume network")
    one(host_problems(look, check_mode=True), "/pg/log is not a mount point")
    look = mounted("/pg/data", data=False)
    assert host_problems(look, check_mode=True) == []
    one(host_problems(look), "/pg/log is not a mount point")


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_gets_settings_and_client_authentication(member: str) -> None:
    look = mounted(*(placement.path for placement in CONTRACT.host(member).placements))
    found = variables("postgresql", member, "problems", "at", "host_settings", postgresql_look=look)
    assert found["problems"] == []
    tasks = yaml.safe_load((ROOT / "ansible/roles/postgresql/tasks/configure.yml").read_text())
    assert [task.get("when") for task in tasks] == [None]
    known = templar(CONTRACT, member, "postgresql", postgresql_look=look)
    paths = {known.template(trust_as_template(entry["path"])) for entry in tasks[0]["host_files"]["files"]}
    names = ("", "/postgresql.conf", "/pg_hba.conf", "/pg_ident.conf")
    assert paths == {f"/etc/flashtier/postgresql{name}" for name in names}
    assert {"name": "listen_addresses", "value": CONTRACT.host(member).address} in found["host_settings"]


# The cluster and its server


def control(identifier: str) -> dict[str, Any]:
    return said(f"pg_control version number:   1700\nDatabase system identifier:   {identifier}\nPages: 1")


def server_look(*, cluster: bool = True, active: str = "active", enabled: str = "enabled") -> dict[str, Any]:
    """A first member, by default one that runs its cluster."""
    paths = {name: {"exists": True} for name in ("program", "unit")}
    return {
        "paths": paths | {"cluster": {"exists": cluster}, "unfinished_wal": {"exists": False}},
        "contents": {
            "identity": f"{CLUSTER}\n" if cluster else None,
            "auto": "# nothing\n" if cluster else None,
        },
        "commands": {
            "control": control(CLUSTER) if cluster else said("", "no such file", 1),
            "state": said("{}") if cluster else said("", "no server", 2),
        },
        "units": {UNIT: {"load": "loaded", "active": active, "enabled": enabled, "reload": "no"}},
        "idle": [] if (active, enabled) == ("active", "enabled") else [UNIT],
    }


STATES = [
    {"cluster": cluster, "active": active, "enabled": enabled}
    for cluster, (active, enabled) in itertools.product(
        [True, False],
        [("active", "enabled"), ("inactive", "enabled"), ("failed", "disabled"), ("inactive", "disabled")],
    )
]


def server_tasks() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every task of the role by the file that it is in, blocks opened."""
    for path in sorted((ROOT / "ansible/roles/postgresql_server/tasks").glob("*.yml")):
        waiting = list(yaml.safe_load(path.read_text()))
        while waiting:
            task = waiting.pop(0)
            yield path.name, task
            waiting.extend(part for key in ("block", "rescue", "always") for part in task.get(key, []))


def test_initdb_is_in_one_file_which_one_task_includes() -> None:
    words = [
        (name, task)
        for name, task in server_tasks()
        if "initdb" in json.dumps(task.get("ansible.builtin.command"))
    ]
    assert {name for name, _ in words} == {"cluster.yml"}
    including = [task for _, task in server_tasks() if "cluster.yml" in json.dumps(task)]
    assert len(including) == 1
    others = [path for path in ROOT.glob("ansible/**/*.yml") if "postgresql_server" not in path.parts]
    assert [
        path for path in others if "/initdb" in path.read_text() or "cluster.yml" in path.read_text()
    ] == []


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("member", MEMBERS)
def test_only_the_first_member_gets_a_cluster_and_a_running_server(
    member: str, state: dict[str, Any]
) -> None:
    """The conditions of the role's tasks, as Ansible evaluates them on each member in each state."""
    look = server_look(**state)
    known = templar(CONTRACT, member, "postgresql_server", postgresql_server_look=look)

    def runs(task: dict[str, Any]) -> bool:
        conditions = task.get("when", True)
        conditions = conditions if isinstance(conditions, list) else [conditions]
        return all(known.template(trust_as_template(f"{{{{ ({one}) | bool }}}}")) for one in conditions)

    tasks = {task["name"]: task for name, task in server_tasks() if name == "main.yml"}
    run = {name for name, task in tasks.items() if runs(task)}
    assert ("Make the cluster where there is none" in run) == (member == FIRST and not state["cluster"])
    if member != FIRST:
        assert "Run the server of the first member" not in run
        up = state["active"] == "active" or state["enabled"] == "enabled"
        assert ("Keep the server of the other members down" in run) == up
    else:
        assert "Run the server of the first member" in run  # its answer is empty
        assert "Keep the server of the other members down" not in run
    down = tasks["Keep the server of the other members down"]["ansible.builtin.systemd_service"]
    assert (down["enabled"], down["state"]) == (False, "stopped")
    # Whoever includes cluster.yml by another way meets the same condition as its first task.
    first = next(task for name, task in server_tasks() if name == "cluster.yml")
    allowed = known.template(trust_as_template(f"{{{{ {first['ansible.builtin.assert']['that']} }}}}"))
    assert allowed is (member == FIRST and not state["cluster"])


@pytest.mark.parametrize("member", MEMBERS)
def test_files_of_a_cluster_are_the_first_members_alone(member: str) -> None:
    known = templar(CONTRACT, member, "postgresql_server", postgresql_server_look=server_look())
    task = next(task for name, task in server_tasks() if name == "configure.yml" and "host_files" in task)
    kept = {
        known.template(trust_as_template(entry["path"])): entry
        for entry in task["host_files"]["files"]
        if known.template(trust_as_template(entry.get("only_if", "{{ true }}")))
    }
    everywhere = {f"/etc/systemd/system/{UNIT}"}
    assert everywhere <= set(kept)
    if member == FIRST:
        assert {"/pg/temp/17", "/etc/flashtier/postgresql/system_identifier"} <= set(kept)
        watched = {path for path, entry in kept.items() if entry.get("state") == "watched"}
        read = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
        assert watched == {f"/etc/flashtier/postgresql/{name}" for name in read} | {
            f"/etc/flashtier/tls/{name}" for name in ("ca.crt", "host.crt", "host.key")
        }
    else:
        assert set(kept) == everywhere


def cluster_problems(look: dict[str, Any]) -> list[str]:
    found: list[str] = SERVER["postgresql_server_problems"](
        look, host="db1", data="/pg/data/17", identity_file="/etc/x/identity"
    )
    return found


def test_a_first_member_that_runs_its_cluster_has_no_problem() -> None:
    assert cluster_problems(server_look()) == []
    assert cluster_problems(server_look(cluster=False)) == []


def test_another_member_is_not_asked_for_a_cluster() -> None:
    other = next(member for member in MEMBERS if member != FIRST)
    look = server_look(cluster=False) | {"commands": {}}
    found = variables(
        "postgresql_server", other, "problems", "commands", "identifier", postgresql_server_look=look
    )
    assert found == {"problems": [], "commands": {}, "identifier": ""}


def test_a_cluster_that_cannot_be_read_is_refused() -> None:
    look = server_look()
    look["commands"]["control"] = said("", "wrong checksum", 1)
    one(cluster_problems(look), "cannot read /pg/data/17: wrong checksum")


def test_another_cluster_than_the_host_has_run_is_refused() -> None:
    look = server_look()
    look["commands"]["control"] = control(PAST)
    one(cluster_problems(look), f"holds cluster {PAST}", f"has run {CLUSTER}", "/etc/x/identity")
    for unknown in (None, "", "\n"):
        look["contents"]["identity"] = unknown
        assert cluster_problems(look) == []


@pytest.mark.parametrize("identity", [f"{CLUSTER}\n", ""])
def test_no_cluster_where_there_was_one_is_refused(identity: str) -> None:
    look = server_look(cluster=False)
    look["contents"]["identity"] = identity
    one(cluster_problems(look), "has run a cluster (/etc/x/identity)", "/pg/data/17 is not one")


def test_the_identifier_is_that_of_the_cluster_just_made() -> None:
    look = server_look()
    assert SERVER["postgresql_server_identifier"](look, {}) == CLUSTER
    assert SERVER["postgresql_server_identifier"](look, {"skipped": True}) == CLUSTER
    assert SERVER["postgresql_server_identifier"](look, control(PAST)) == PAST


@pytest.mark.parametrize(
    ("auto", "left"),
    [
        (None, []),
        ("# work_mem = '1MB'\n", []),
        ("# x\nwork_mem = '1MB'\n  auto_explain.log=on\n", ["work_mem", "auto_explain.log"]),
        ("work_mem '1MB'\n", ["work_mem"]),
        ("primary_conninfo = 'host=db1'\nprimary_slot_name = 'db2'\n", []),
        ("Restore_Command = 'cp'\nwork_mem = '1MB'\n", ["work_mem"]),
        # Not settings of a recovery, whatever their names begin with.
        (
            "recovery_init_sync_method = 'syncfs'\nrecovery_prefetch = 'off'\n",
            ["recovery_init_sync_method", "recovery_prefetch"],
        ),
    ],
)
def test_settings_that_alter_system_left(auto: str | None, left: list[str]) -> None:
    assert SERVER["postgresql_server_left"]({"contents": {"auto": auto}}) == left


#: As pg_basebackup -R and pgBackRest's restore write them.
RECOVERY_LINES = [
    "primary_conninfo = 'user=replicator passfile=''/x/.pgpass'' host=10.1.0.4'",
    "primary_slot_name = 'db2'",
    "restore_command = 'pgbackrest --stanza=photos archive-get %f \"%p\"'",
    "recovery_target_time = '2026-11-29 21:00:00+00'",
    "recovery_target_action = 'promote'",
    "recovery_target_timeline = 'latest'",
    "recovery_target_inclusive = 'off'",
    "recovery_target = 'immediate'",
    "recovery_target_lsn = '0/3000028'",
    "recovery_target_name = 'before'",
    "recovery_target_xid = '761'",
    "recovery_end_command = 'true'",
    "archive_cleanup_command = 'pg_archivecleanup /a %r'",
    "recovery_min_apply_delay = '5min'",
]


@given(
    st.lists(st.sampled_from(RECOVERY_LINES), unique=True),
    st.lists(st.sampled_from(["work_mem = '1MB'", "# a comment", "", "port=1", "fsync off"])),
    st.randoms(use_true_random=False),
)
def test_emptying_never_touches_what_a_standby_or_a_restore_needs(
    kept: list[str], rest: list[str], random: Any
) -> None:
    lines = kept + rest
    random.shuffle(lines)
    look = {"contents": {"auto": "\n".join(lines) + "\n"}}
    written = SERVER["postgresql_server_auto"](look, "/etc/x.conf")
    assert [line for line in written.splitlines() if not line.startswith("#")] == [
        line for line in lines if line in kept
    ]
    # What was written leaves nothing to do.
    assert SERVER["postgresql_server_left"]({"contents": {"auto": written}}) == []


ANSWERED: dict[str, Any] = {"settings": {"port": "5432", "work_mem": "4MB"}, "pending": [], "faults": []}


@pytest.mark.parametrize("answer", ["", "{}"])
def test_a_server_that_does_not_answer_has_no_settings(answer: str) -> None:
    assert SERVER["postgresql_server_state"](answer) == {"settings": {}, "pending": [], "faults": []}
    with pytest.raises(ValueError, match="Expecting value"):
        SERVER["postgresql_server_state"]("\n")


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ({"name": "port", "value": 5432}, None),
        ({"name": "work_mem", "value": "4MB"}, None),
        ({"name": "work_mem", "value": "64MB"}, "db1: work_mem is 4MB, declared is 64MB."),
        ({"name": "nonsense", "value": "1"}, "db1: nonsense is unknown to the server, declared is 1."),
    ],
)
def test_a_setting_that_is_not_in_effect_is_reported(setting: dict[str, Any], part: str | None) -> None:
    lines = SERVER["postgresql_server_wrong"](ANSWERED, [setting], "db1")
    if part is None:
        assert lines == []
    else:
        one(lines, part, f"WHERE name = '{setting['name']}'")


@pytest.mark.parametrize(
    ("answered", "wrong", "idle", "written", "unsettled"),
    [
        ({}, [], [], {}, False),
        ({}, [], ["other.service"], {"changed": False}, False),
        ({}, [], [UNIT], {}, True),
        ({}, ["a line"], [], {}, True),
        ({"pending": ["port"]}, [], [], {}, True),
        ({"faults": ["pg_hba.conf:1"]}, [], [], {}, True),
        ({}, [], [], {"changed": True}, True),
    ],
)
def test_when_a_server_needs_attention(
    answered: dict[str, Any], wrong: list[str], idle: list[str], written: dict[str, Any], unsettled: bool
) -> None:
    found = SERVER["postgresql_server_unsettled"](ANSWERED | answered, wrong, {"idle": idle}, written, UNIT)
    assert found is unsettled


@pytest.mark.parametrize(
    ("written", "unread"),
    [
        ({"changes": {}, "outdated": []}, False),
        ({"changes": {f"/etc/systemd/system/{UNIT}": "content"}, "outdated": []}, False),
        ({"changes": {}, "outdated": ["/etc/flashtier/postgresql/pg_hba.conf"]}, True),
        ({"changes": {"/pg/data/17/postgresql.auto.conf": "content"}, "outdated": []}, True),
    ],
)
def test_the_server_reloads_for_files_that_it_has_yet_to_read(written: dict[str, Any], unread: bool) -> None:
    known = {"postgresql_server_look": server_look(), "postgresql_server_written": written}
    assert variables("postgresql_server", FIRST, "unread", **known) == {"unread": unread}


def test_variables_of_the_server() -> None:
    names = ("problems", "identifier", "left", "wrong", "unsettled", "unread", "auto")
    found = variables("postgresql_server", FIRST, *names, postgresql_server_look=server_look())
    assert found["problems"] == found["left"] == []
    assert (found["identifier"], found["unsettled"], found["unread"]) == (CLUSTER, True, False)
    assert f"{FIRST}: port is unknown to the server, declared is 5432." in "".join(found["wrong"])
    look = server_look()
    look["commands"]["control"] = control(PAST)
    found = variables("postgresql_server", FIRST, "problems", postgresql_server_look=look)
    one(found["problems"], FIRST, "/pg/data/17", PAST)


# Databases and rights


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
