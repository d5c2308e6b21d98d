"""What restoring etcd does on which host and in which order, by its tasks and their conditions."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from infra.paths import ROOT
from tests.support.filters import CONTRACT
from tests.support.patroni_host import CLUSTER, MEMBERS
from tests.support.rendered import templar
from tests.support.role_tasks import tasks

ROLES = ROOT / "ansible" / "roles"
FIRST, SECOND, THIRD = MEMBERS
PLAYS = yaml.safe_load((ROOT / "ansible" / "playbooks" / "restore_etcd.yml").read_text())
STEPS = [
    task["ansible.builtin.import_role"] | {"play": play, "task": task}
    for play in PLAYS
    for task in play["tasks"]
]


def task(role: str, name: str, called: str) -> dict[str, Any]:
    (found,) = (one for one in tasks(role, name) if one["name"] == called)
    return found


def medium(record: str, **more: Any) -> dict[str, Any]:
    found = {"readable": True, "why": "", "identifier": CLUSTER, "state": "shut down", "timeline": 1}
    return found | {"record": record, "histories": {}} | more


def member(name: str, positions: dict[str, Any], **known: Any) -> Any:
    variables = {
        "ansible_play_hosts_all": MEMBERS,
        "hostvars": {one: {"patroni_position": found} for one, found in positions.items()},
        "patroni_position": positions.get(name),
    }
    return templar(CONTRACT, name, "patroni", **variables | known)


def value(known: Any, expression: str) -> Any:
    return known.template(trust_as_template(f"{{{{ {expression} }}}}"))


POSITIONS = {FIRST: medium("0/300"), SECOND: medium("0/310"), THIRD: medium("0/308")}
GONE = {"unreachable": True, "msg": "timed out"}


def test_nothing_is_stopped_before_all_was_checked_and_the_snapshot_restored_beside() -> None:
    assert [(step["name"], step["tasks_from"].removeprefix("restore_")) for step in STEPS] == [
        ("procedure", "begin"),
        ("etcd", "check"),
        ("patroni", "check"),
        ("etcd", "prepare"),
        ("etcd", "stop"),
        ("patroni", "stop"),
        ("etcd", "start"),
        ("patroni", "start"),
        ("follower", "again"),
        ("etcd", "end"),
    ]
    for step in STEPS[:4]:
        words = json.dumps(list(tasks(step["name"], step["tasks_from"])))
        assert "systemd_service" not in words
        assert "halt.yml" not in words


def test_check_mode_ends_with_what_would_happen() -> None:
    assert [step["task"].get("when") for step in STEPS] == [None] * 3 + ["not ansible_check_mode"] * 7


@pytest.mark.parametrize(
    ("confirmed", "check", "stops"), [("", False, True), ("locale", False, True), ("", True, False)]
)
def test_it_stops_unless_the_stack_is_named(confirmed: str, check: bool, stops: bool) -> None:
    known = member(FIRST, POSITIONS, patroni_confirmed=confirmed, ansible_check_mode=check)
    refusal = task("patroni", "restore_check", "Stop unless the stack is named")
    assert bool(value(known, refusal["when"])) is stops
    said = known.template(trust_as_template(refusal["ansible.builtin.fail"]["msg"]))
    assert f"confirm = {confirmed}: must be {CONTRACT.stack}" in said
    assert "\n" not in said
    named = member(FIRST, POSITIONS, patroni_confirmed=CONTRACT.stack)
    assert not value(named, refusal["when"])


@pytest.mark.parametrize(("lost", "lines"), [([], 1), ([SECOND], 0), ([THIRD], 1)])
def test_a_member_that_does_not_answer_is_refused_unless_it_is_named(lost: list[str], lines: int) -> None:
    known = member(FIRST, POSITIONS | {SECOND: GONE}, patroni_lost=lost)
    refusal = task("patroni", "restore_position", "Assert that it is known who is furthest ahead")
    found = value(known, refusal["vars"]["patroni_unplaced"].strip("{} "))
    assert len(found) == lines
    assert all(SECOND in line and "-e lost=" in line for line in found)


def test_the_member_that_takes_writes_stops_before_the_others() -> None:
    positions = POSITIONS | {SECOND: medium("0/310", state="in production")}
    look = {"paths": {"unit": {"exists": True}}}
    first, rest = (
        one
        for one in tasks("patroni", "restore_stop")
        if one.get("ansible.builtin.include_tasks") == "halt.yml"
    )
    for stopping, names in ((first, [SECOND]), (rest, [FIRST, THIRD])):
        assert [
            name
            for name in MEMBERS
            if value(member(name, positions, patroni_restore_look=look), stopping["when"])
        ] == names
    order = [one["name"] for one in tasks("patroni", "restore_stop")]
    assert order.index("Keep Patroni from starting until etcd was restored") < order.index(first["name"])
    assert order[-2] == "Read how far each one goes"


@pytest.mark.parametrize(("lost", "leads"), [([], SECOND), ([SECOND], THIRD)])
def test_the_one_furthest_ahead_leads_before_any_other_starts(lost: list[str], leads: str) -> None:
    steps = list(tasks("patroni", "restore_start"))
    starting = [one for one in steps if one.get("ansible.builtin.include_tasks") == "release.yml"]
    started = [
        [name for name in MEMBERS if value(member(name, POSITIONS, patroni_lost=lost), one["when"])]
        for one in starting
    ]
    assert started == [[leads], [name for name in MEMBERS if name not in (*lost, leads)]]
    names = [one["name"] for one in steps]
    order = [
        "Remove what the snapshot holds of an old leader",
        "Assert that the snapshot is of the cluster that the members hold",
        "Make sure that no lost member runs",
        starting[0]["name"],
        "Wait until it leads",
        starting[1]["name"],
    ]
    assert [name for name in names if name in order] == order
    assert steps[0]["patroni_dcs"]["clear"] == ["leader", "sync", "status", "failsafe", "failover"]


def test_only_lost_members_that_ssh_does_not_reach_are_asked_whether_they_run() -> None:
    look = task("patroni", "restore_check", "Ask lost members that could not be reached whether Patroni runs")
    for found, asked in ((GONE, [SECOND]), (medium("0/310"), []), ({"readable": False, "why": "blank"}, [])):
        known = member(FIRST, POSITIONS | {SECOND: found}, patroni_lost=[SECOND])
        assert value(known, look["loop"].strip("{} ")) == asked
    check = task("patroni", "restore_check", "Assert that none of them runs")["ansible.builtin.assert"]
    for status, holds in ((-1, True), (200, False), (403, False)):
        answers = {"results": [{"item": SECOND, "status": status}]}
        known = member(FIRST, POSITIONS, patroni_lost=[SECOND], patroni_alive=answers)
        assert bool(value(known, check["that"])) is holds


def test_no_member_starts_beside_a_lost_one_that_runs() -> None:
    """It could not be reached to be stopped, would take the lead, and the others would be rewound."""
    known = member(
        FIRST, POSITIONS, patroni_lost=[SECOND], patroni_known={"registered": [SECOND, THIRD], "attempts": 20}
    )
    look = task("patroni", "restore_start", "Wait until etcd knows of none for 20 seconds")
    assert not value(known, look["until"])
    for attempts, alone in ((1, False), (20, True)):
        gone = {"registered": [THIRD], "attempts": attempts}
        known_gone = member(FIRST, POSITIONS, patroni_lost=[SECOND], patroni_known=gone)
        assert bool(value(known_gone, look["until"])) is alone
    around = task("patroni", "restore_start", "Make sure that no lost member runs")
    said = known.template(trust_as_template(around["rescue"][0]["ansible.builtin.fail"]["msg"]))
    assert f"Patroni still runs on {SECOND}, " in said
    assert "\n" not in said


@pytest.mark.parametrize(("knows", "holds"), [(CLUSTER, True), ("", False), ("7400000000000000009", False)])
def test_a_snapshot_of_another_cluster_starts_no_member(knows: str, holds: bool) -> None:
    known = member(SECOND, POSITIONS, patroni_cleared={"initialize": knows})
    check = task(
        "patroni", "restore_start", "Assert that the snapshot is of the cluster that the members hold"
    )
    assert bool(value(known, check["ansible.builtin.assert"]["that"])) is holds
    said = known.template(trust_as_template(check["ansible.builtin.assert"]["fail_msg"]))
    assert "-e snapshot=<path>" in said


@pytest.mark.parametrize(
    ("unfinished", "removes"),
    [(False, True), (True, False)],
    ids=["a new restore", "one that was interrupted"],
)
def test_data_from_before_the_first_attempt_is_what_is_kept(unfinished: bool, removes: bool) -> None:
    known = templar(CONTRACT, "control1", "etcd", etcd_swap={"paths": {"unfinished": {"exists": unfinished}}})
    begin = task("etcd", "restore_start", "Begin to swap")
    assert bool(value(known, begin["when"])) is removes
    assert begin["block"][0]["ansible.builtin.file"]["path"] == "{{ etcd_before }}"
    move = task("etcd", "restore_start", "Keep the data that was there")["ansible.builtin.command"]
    assert (move["creates"], move["removes"]) == ("{{ etcd_before }}", "{{ etcd_data }}")


def test_all_hosts_restore_the_same_new_cluster_with_later_revisions() -> None:
    words = json.dumps(task("etcd", "restore_prepare", "Restore it next to the data"))
    for part in ("--bump-revision={{ etcd_moment | int * 1000 }}", "--mark-compacted", "{{ etcd_moment }}"):
        assert part in words
    assert task("etcd", "restore_check", "Keep the choice")["run_once"] is True
