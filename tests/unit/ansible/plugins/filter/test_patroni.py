"""Settings of a member and when it has files to read: plugins/filter/patroni.py."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.filters import CONTRACT, FIRST, filters, one, variables
from tests.support.patroni_host import CLUSTER, MARKERS, MEMBERS, blank, known_to_etcd, member_look

SERVER = filters("patroni")


RELEASES = "/opt/patroni/releases"
NEW = f"{RELEASES}/4.1.5-new/bin/patroni"


def started(release: str) -> list[str]:
    folder = f"{RELEASES}/{release}/bin"
    return [f"{folder}/python3", f"{folder}/patroni", "/etc/patroni/patroni.yml"]


@pytest.mark.parametrize(
    ("file", "program"),
    [
        (None, ""),
        ("[Service]\nExecStartPre=/bin/true\n", ""),
        (f"[Service]\n# ExecStart=/x\nExecStart={NEW} /etc/patroni/patroni.yml\n", NEW),
    ],
)
def test_the_program_is_the_one_that_the_unit_names(file: str | None, program: str) -> None:
    assert SERVER["patroni_program"](file) == program


@pytest.mark.parametrize(
    ("command", "installed", "older"),
    [
        (started("4.1.5-new"), NEW, ""),
        (started("4.1.4-old"), NEW, "4.1.4-old"),
        ([], NEW, ""),
        (started("4.1.4-old"), "", ""),
        (["/usr/bin/something", "else"], NEW, ""),
    ],
)
def test_a_release_that_waits_for_a_restart_has_its_name(
    command: list[str], installed: str, older: str
) -> None:
    assert SERVER["patroni_older"](command, installed) == older


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
    assert SERVER["patroni_left"]({"contents": {"auto": auto}}) == left


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
    written = SERVER["patroni_auto"](look, "/etc/x.conf")
    assert [line for line in written.splitlines() if not line.startswith("#")] == [
        line for line in lines if line in kept
    ]
    # What was written leaves nothing to do.
    assert SERVER["patroni_left"]({"contents": {"auto": written}}) == []


ANSWERED: dict[str, Any] = {
    "settings": {"port": "5432", "work_mem": "4MB"},
    **{"restart": ["port"], "pending": [], "faults": []},
}


@pytest.mark.parametrize("answer", ["", "{}"])
def test_a_server_that_does_not_answer_has_no_settings(answer: str) -> None:
    assert SERVER["patroni_state"](answer) == {"settings": {}, "restart": [], "pending": [], "faults": []}
    with pytest.raises(ValueError, match="Expecting value"):
        SERVER["patroni_state"]("\n")


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
    lines = SERVER["patroni_wrong"](ANSWERED, [setting], "db1")
    if part is None:
        assert lines == []
    else:
        one(lines, part, f"WHERE name = '{setting['name']}'")


#: A line of `patroni_wrong` about each.
PORT, MEMORY = "db1: port is 1, declared is 5432.", "db1: work_mem is 4MB, declared is 64MB."


@pytest.mark.parametrize(
    ("answered", "wrong", "written", "unread"),
    [
        ({}, [], {}, False),
        ({}, [], {"changed": False, "outdated": []}, False),
        # What a reload changes.
        ({}, [MEMORY], {}, True),
        ({"faults": ["pg_hba.conf:1"]}, [], {}, True),
        ({}, [], {"changed": True, "outdated": []}, True),
        ({}, [], {"changed": False, "outdated": ["/etc/flashtier/postgresql/pg_hba.conf"]}, True),
        # What it does not.
        ({"pending": ["port"]}, [PORT], {}, False),
        ({"pending": ["port"]}, [PORT, MEMORY], {}, True),
        ({"pending": ["ort"]}, [PORT], {}, True),
    ],
)
def test_when_a_server_has_files_to_read(
    answered: dict[str, Any], wrong: list[str], written: dict[str, Any], unread: bool
) -> None:
    assert SERVER["patroni_unread"](ANSWERED | answered, wrong, written) is unread


@pytest.mark.parametrize("member", MEMBERS)
def test_variables_of_a_member(member: str) -> None:
    names = ("identifier", "left", "wrong", "unread", "auto", "markers", "etcd")
    found = variables("patroni", member, *names, patroni_look=member_look(member))
    assert (found["identifier"], found["left"]) == (CLUSTER, [])
    assert found["markers"] == MARKERS[member]
    assert f"{member}: ssl_ca_file is unknown to the server" in "".join(found["wrong"])
    control = [host.address for host in CONTRACT.hosts if host.tier == "control"]
    assert found["etcd"]["endpoints"] == [f"https://{address}:2379" for address in control]
    # A server that does not answer has read nothing.
    assert found["unread"] is True


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_comes_to_the_same_plan(member: str) -> None:
    looks = {name: member_look(name) for name in MEMBERS}
    known = {
        "ansible_play_hosts_all": MEMBERS,
        "hostvars": {name: {"patroni_look": look} for name, look in looks.items()},
        "patroni_dcs": known_to_etcd(*MEMBERS),
    }
    found = variables("patroni", member, "plan", **known)["plan"]
    assert (found["run"], found["copies"], found["problems"]) == (MEMBERS, [], [])
    # Check mode has not asked etcd where nothing is installed yet.
    blanks = {name: {"patroni_look": blank(name)} for name in MEMBERS}
    found = variables(
        "patroni", member, "plan", **known | {"hostvars": blanks, "patroni_dcs": {"skipped": True}}
    )
    assert found["plan"]["create"] == FIRST


@pytest.mark.parametrize(
    ("pending", "declared", "waits"),
    [
        ([], [{"name": "port", "value": 1}, {"name": "work_mem", "value": "64MB"}], ["port"]),
        ([], [{"name": "port", "value": 5432}, {"name": "work_mem", "value": "64MB"}], []),
        (["wal_level"], [{"name": "port", "value": 1}], ["port", "wal_level"]),
    ],
    ids=["changed by this run", "as declared; the other takes a reload", "changed by an earlier one"],
)
def test_what_a_restart_will_change_is_known_in_the_run_that_changes_it(
    pending: list[str], declared: list[dict[str, Any]], waits: list[str]
) -> None:
    assert SERVER["patroni_waits"](ANSWERED | {"pending": pending}, declared) == waits
