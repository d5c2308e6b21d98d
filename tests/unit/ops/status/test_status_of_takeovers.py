"""Whether a leader that is stuck or gone would give way, as `flashtier status` says it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ops.status.view import show
from tests.support.status_answers import CONTRACT, Hosts, healthy, judged, put


def shown(hosts: Hosts) -> str:
    text = io.StringIO()
    show(judged(hosts), Console(file=text, width=200))
    return text.getvalue()


def test_it_is_ready_in_a_stack_that_is_well() -> None:
    found = judged(healthy()).takeover
    assert found is not None
    assert (found.declared, found.off, found.silent, found.hindered, found.last) == (True, None, (), (), None)
    assert "takeover     ready" in shown(healthy())
    assert judged(healthy()).notes == ()


OFF = {"owner": "ada@ctl", "reason": "new disks"}
HINDERED = {"host": "control1", "enabled": True, "hindered": ["db3: nothing there could seal db1 off"]}


@pytest.mark.parametrize(
    ("key", "value", "line", "note"),
    [
        ("off", OFF, "switched off by ada@ctl (new disks)", "takeover.yml -e switch=on"),
        ("units/control1", HINDERED, "hindered", "would keep its lead"),
    ],
)
def test_what_hinders_it_is_a_note_and_no_fault(key: str, value: object, line: str, note: str) -> None:
    hosts = put(healthy(), f"takeover/{key}", value)
    assert f"takeover     {line}" in shown(hosts)
    assert judged(hosts).health == "healthy"
    assert any(note in one for one in judged(hosts).notes)


def test_a_part_that_publishes_nothing_is_named() -> None:
    hosts = healthy()
    for name in CONTRACT.database.members:
        del hosts[name]["keys"]["/flashtier/test/takeover/agents/db2"]
    assert judged(hosts).takeover.silent == ("db2 (seal)",)  # type: ignore[union-attr]
    assert any("db2 (seal)" in note for note in judged(hosts).notes)


def test_the_last_one_is_told_with_its_cause() -> None:
    last = {"at": 1796089434.2, "by": "control2", "cause": "gone", "leader": "db1"}
    assert "last 2026-12-01T01:43:54+00:00: db1 was gone, by control2" in shown(
        put(healthy(), "takeover/last", last, leased=False)
    )


def test_where_it_is_not_declared_nothing_is_noted() -> None:
    database = CONTRACT.database.model_copy(update={"takeover": False})
    hosts = put(healthy(), "takeover/units/control1", HINDERED)
    found = judged(hosts, CONTRACT.model_copy(update={"database": database}))
    assert found.takeover is not None
    assert not found.takeover.declared
    assert found.notes == ()
