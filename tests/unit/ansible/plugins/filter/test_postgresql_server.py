"""Decisions of the role postgresql_server: cluster, settings, and when the server needs attention."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.filters import CONTRACT, FIRST, filters, one, said, variables
from tests.support.postgresql_host import CLUSTER, PAST, UNIT, control, server_look

SERVER = filters("postgresql_server")
MEMBERS = list(CONTRACT.database.members)


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
