"""Only the first member gets a cluster and a running server: tasks and files of postgresql_server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from infra.paths import ROOT
from tests.support.filters import CONTRACT, FIRST
from tests.support.postgresql_host import UNIT, server_look
from tests.support.rendered import templar

MEMBERS = list(CONTRACT.database.members)

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
