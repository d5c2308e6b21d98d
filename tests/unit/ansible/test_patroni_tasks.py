"""What the tasks of the role patroni do on which member, by the conditions that they have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from infra.paths import ROOT
from tests.support.filters import CONTRACT, FIRST
from tests.support.patroni_host import (
    MEMBERS,
    OLD_UNIT,
    UNIT,
    blank,
    known_to_etcd,
    member_look,
    unmarked,
)
from tests.support.rendered import templar

#: It has web hosts hold their statements, and may restart at any time.
WATCH = "flashtier-postmaster.service"
TASKS = ROOT / "ansible" / "roles" / "patroni" / "tasks"
OTHER = next(member for member in MEMBERS if member != FIRST)


def tasks(*names: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every task of these files, or of all, by the file that it is in; blocks are opened."""
    for path in sorted(TASKS.glob("*.yml")):
        if names and path.name not in names:
            continue
        waiting = [(task, []) for task in yaml.safe_load(path.read_text())]
        while waiting:
            task, above = waiting.pop(0)
            when = [*above, *conditions(task)]
            yield path.name, task | {"when": when}
            waiting.extend(
                (part, when) for key in ("block", "rescue", "always") for part in task.get(key, [])
            )


def conditions(task: dict[str, Any]) -> list[str]:
    when = task.get("when", [])
    return when if isinstance(when, list) else [when]


def host(member: str, looks: dict[str, dict[str, Any]], dcs: dict[str, Any], **known: Any) -> Any:
    """Ansible's templating on a member, in a run of these hosts and with what etcd answers."""
    variables = {
        "ansible_play_hosts_all": MEMBERS,
        "hostvars": {name: {"patroni_look": look} for name, look in looks.items()},
        "patroni_look": looks[member],
        "patroni_dcs": dcs,
    }
    return templar(CONTRACT, member, "patroni", **variables | known)


def holds(known: Any, when: list[str]) -> bool:
    return all(known.template(trust_as_template(f"{{{{ ({one}) | bool }}}}")) for one in when)


def test_initdb_is_in_one_file_which_one_task_includes() -> None:
    making = {name for name, task in tasks() if "initdb" in json.dumps(task.get("ansible.builtin.command"))}
    assert making == {"create.yml"}
    including = [(name, task) for name, task in tasks() if "create.yml" in json.dumps(task)]
    assert [name for name, _ in including] == ["main.yml"]
    assert including[0][1]["when"] == ["patroni_plan.create == patroni_host"]
    others = [path for path in ROOT.glob("ansible/**/*.yml") if path.parent != TASKS]
    assert [path for path in others if "/initdb" in path.read_text()] == []
    assert "bootstrap" not in (ROOT / "templates/patroni/patroni.yml.j2").read_text().split("\nscope:")[1]


RUNS = {
    "from nothing": ({name: blank(name) for name in MEMBERS}, known_to_etcd(initialize=""), FIRST),
    "again": ({name: member_look(name) for name in MEMBERS}, known_to_etcd(*MEMBERS), ""),
    "a lost copy": (
        {name: blank(name) if name == FIRST else member_look(name) for name in MEMBERS},
        known_to_etcd(*MEMBERS),
        "",
    ),
    "adoption": (
        {name: blank(name) for name in MEMBERS} | {OTHER: member_look(OTHER, markers=unmarked(OTHER))},
        known_to_etcd(initialize=""),
        "",
    ),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("member", MEMBERS)
def test_a_cluster_is_made_by_no_other_way(member: str, run: str) -> None:
    """The condition of the task that includes the file, and that of the file's own first task."""
    looks, dcs, creator = RUNS[run]
    known = host(member, looks, dcs)
    (include,) = (task for _, task in tasks("main.yml") if "create.yml" in json.dumps(task))
    assert holds(known, include["when"]) is (member == creator)
    _, guard = next(tasks("create.yml"))
    assert holds(known, [guard["ansible.builtin.assert"]["that"]]) is (member == creator)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_starts_only_where_the_plan_has_it(member: str, run: str) -> None:
    """Copies start at the end of copy.yml, by joined.yml and in a block of the one host that gets it."""
    looks, dcs, _ = RUNS[run]
    down = looks[member] | {"idle": [UNIT]}
    known = host(member, looks | {member: down}, dcs, patroni_new=MEMBERS[-1])
    plan = known.template(trust_as_template("{{ patroni_plan }}"))
    starting = {
        name: holds(known, task["when"])
        for name, task in tasks("service.yml", "adopt.yml", "copy.yml")
        if (task.get("ansible.builtin.systemd_service") or {}).get("state") == "started"
        or task.get("ansible.builtin.include_tasks") == "joined.yml"
    }
    assert set(starting) == {"service.yml", "adopt.yml", "copy.yml"}
    assert starting["service.yml"] is (member in plan["run"])
    assert starting["adopt.yml"] is (member == plan["adopt"])
    assert starting["copy.yml"] is (member == MEMBERS[-1])
    (copies,) = (task for _, task in tasks("main.yml") if "copy.yml" in json.dumps(task))
    assert (copies["loop"], copies["loop_control"]["loop_var"]) == (
        "{{ patroni_plan.copies }}",
        "patroni_new",
    )


#: Files of procedures, which main.yml never includes.
PROCEDURES = {path.name for path in TASKS.glob("*.yml")} - {
    "adopt.yml", "asked.yml", "configure.yml", "copy.yml", "create.yml", "found.yml", "install.yml",
    "joined.yml", "look.yml", "main.yml", "mark.yml", "members.yml", "preflight.yml", "record.yml",
    "rename.yml", "roles.yml", "service.yml", "watch.yml",
}  # fmt: skip


def test_procedures_are_not_part_of_a_run() -> None:
    words = json.dumps([task for name, task in tasks() if name not in PROCEDURES])
    assert [name for name in PROCEDURES if f'"{name}"' in words] == []


def test_nothing_restarts_and_only_the_unit_before_patroni_stops() -> None:
    """A restart moves the lead or takes a member away: it has a play of its own."""
    stopping = [
        (
            name,
            task["ansible.builtin.systemd_service"]["name"],
            task["ansible.builtin.systemd_service"]["state"],
        )
        for name, task in tasks()
        if name not in PROCEDURES
        and (task.get("ansible.builtin.systemd_service") or {}).get("state") not in (None, "started")
    ]
    assert sorted(stopping) == [
        ("adopt.yml", "{{ patroni_old_unit }}", "stopped"),
        ("service.yml", "{{ patroni_unit }}", "reloaded"),
    ]
    handlers = yaml.safe_load((TASKS.parent / "handlers" / "main.yml").read_text())
    assert [one["ansible.builtin.systemd_service"]["name"] for one in handlers] == [WATCH]


@pytest.mark.parametrize(
    ("ended", "stopped"),
    [("Database cluster state:               shut down", True), ("cluster state: in production", False)],
)
def test_a_server_is_adopted_only_if_it_ended_well(ended: str, stopped: bool) -> None:
    (read,) = (task for _, task in tasks("adopt.yml") if task.get("register") == "patroni_ended")
    known = host(FIRST, *RUNS["again"][:2], patroni_ended={"rc": 0, "stdout": ended})
    assert holds(known, [read["failed_when"]]) is not stopped
    names = [name for _, task in tasks("adopt.yml") if (name := task.get("name"))]
    order = ("Stop it", "Read how it ended", "Remove its unit and what it remembered")
    assert [name for name in names if name in order] == list(order)


def test_what_a_beginning_writes_has_its_order() -> None:
    """Settings and the first marker before the start, and the members' own marker once it leads."""
    words = json.dumps([task for _, task in tasks("adopt.yml")])
    start = '"state": "started"'
    parts = ("patroni_cluster_settings", '"patroni_begins": true', "mark.yml", start, "patroni_begun")
    places = [words.index(part) for part in parts]
    # A task's own keys are in the order of the file.
    assert sorted(places[1:3]) + places[3:] == sorted(places[1:])
    assert places[0] < min(places[1:])
    assert words.rindex("mark.yml") > places[-1]
    (again,) = (
        task for _, task in tasks("adopt.yml") if "mark.yml" in json.dumps(task) and "vars" not in task
    )
    assert "patroni_plan.adopt" in str(again["when"])


def test_a_copy_is_marked_only_when_it_is_whole() -> None:
    words = [json.dumps(task) for _, task in tasks("copy.yml")][2:]
    places = [
        next(index for index, word in enumerate(words) if part in word)
        for part in ("pg_basebackup", "pg_verifybackup", "rename.yml", "mark.yml", "joined.yml")
    ]
    assert places == sorted(places)
    started, follows = tasks("joined.yml")
    assert started[1]["ansible.builtin.systemd_service"]["state"] == "started"
    assert "until" in follows[1]
    (copying,) = (word for word in words if "pg_basebackup" in word)
    # Never into the names that a cluster has.
    assert '"--pgdata={{ patroni_at.data_unfinished }}"' in copying
    assert '"--waldir={{ patroni_at.wal_unfinished }}"' in copying


@pytest.mark.parametrize("member", MEMBERS)
def test_files_that_patroni_and_the_server_read_are_watched(member: str) -> None:
    known = host(member, *RUNS["again"][:2])
    kept = {
        known.template(trust_as_template(entry["path"])): entry
        for _, task in tasks("configure.yml")
        for entry in (task.get("host_files") or {}).get("files", [])
    }
    watched = {path for path, entry in kept.items() if entry.get("state") == "watched"}
    read = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
    assert watched == {f"/etc/flashtier/postgresql/{name}" for name in read} | {
        f"/etc/flashtier/tls/{name}" for name in ("ca.crt", "host.crt", "host.key")
    }
    assert {"/etc/patroni/patroni.yml", f"/etc/systemd/system/{UNIT}"} <= set(kept)
    assert f"/etc/systemd/system/{OLD_UNIT}" not in kept
    # A new unit or check counts from the next start, which is for a person to choose.
    assert kept[f"/etc/systemd/system/{UNIT}"]["unit"] == ""
    assert "unit" not in kept["/etc/patroni/patroni.yml"]
