"""What remove.yml, add.yml and out.yml do on which member and in which order, by their tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.template import trust_as_template

from tests.support.filters import CONTRACT, said
from tests.support.patroni_host import MEMBERS, UNIT, blank, known_to_etcd, member_look
from tests.support.rendered import templar
from tests.support.role_tasks import tasks

FIRST, SECOND, THIRD = MEMBERS
ROLE = "patroni"


def task(name: str, called: str) -> dict[str, Any]:
    (found,) = (one for one in tasks(ROLE, name) if one["name"].startswith(called))
    return found


def holds(known: Any, one: dict[str, Any]) -> bool:
    when = one.get("when", [])
    return all(
        known.template(trust_as_template(f"{{{{ ({part}) | bool }}}}"))
        for part in (when if isinstance(when, list) else [when])
    )


def value(known: Any, expression: str) -> Any:
    return known.template(trust_as_template(f"{{{{ {expression} }}}}"))


def answered(away: str = "") -> dict[str, Any]:
    """What Patroni says of the cluster that the first leads; `away` is no member at the moment."""
    members = [
        {"name": name, "role": "quorum_standby", "state": "streaming"}
        if name != FIRST
        else {"name": name, "role": "leader", "state": "running"}
        for name in MEMBERS
        if name != away
    ]
    return {"json": {"members": members}}


def place(follows: bool) -> dict[str, Any]:
    state = {"follows": follows, "reached": "0/9000000", "streams": follows, "oldest": "0000000000000005"}
    return said(json.dumps({"place": state}))


def member(
    name: str,
    *,
    away: str = "",
    copies: dict[str, Any] | None = None,
    look: dict[str, Any] | None = None,
    **known: Any,
) -> Any:
    """Ansible's templating on a member, of a cluster that `away` was removed from."""
    looks = {one: member_look(one) for one in MEMBERS}
    for one, found in looks.items():
        found["commands"]["state"] = place(one != FIRST)
    if look is not None:
        looks[away or THIRD] = look
    dcs = known_to_etcd(*MEMBERS)
    if copies is not None:
        dcs["copies"] = copies
    variables = {
        "ansible_play_hosts": MEMBERS,
        "ansible_play_hosts_all": MEMBERS,
        "ansible_check_mode": False,
        "hostvars": {
            one: {"patroni_look": looks[one], "patroni_asked": answered(away) if one != away else {}}
            for one in MEMBERS
        },
        "patroni_look": looks[name],
        "patroni_unit_look": {"units": {UNIT: {"active": "active"}}},
        "patroni_dcs": dcs,
        "patroni_confirmed": "",
        "patroni_removed": THIRD,
        "patroni_added": THIRD,
    }
    return templar(CONTRACT, name, ROLE, **variables | known)


@pytest.mark.parametrize("named", ["", "db9", f"{FIRST},{SECOND}"])
@pytest.mark.parametrize(("file", "variable"), [("remove", "patroni_removed"), ("add", "patroni_added")])
def test_a_name_that_is_no_members_is_refused_in_one_line(file: str, variable: str, named: str) -> None:
    refusal = task(file, "Assert that a member was named")["ansible.builtin.assert"]
    known = member(FIRST, **{variable: named})
    assert value(known, refusal["that"]) is False
    text = known.template(trust_as_template(refusal["fail_msg"]))
    assert text.startswith(f"member = {named}: must be one of {', '.join(MEMBERS)}")
    assert "\n" not in text
    assert value(member(FIRST), refusal["that"]) is True


@pytest.mark.parametrize("file", ["remove", "add"])
def test_a_host_that_cannot_be_reached_is_refused(file: str) -> None:
    refusal = task(file, "Assert that its host can be reached")["ansible.builtin.assert"]
    assert value(member(FIRST, ansible_play_hosts=[FIRST, SECOND]), refusal["that"]) is False
    assert value(member(FIRST), refusal["that"]) is True


@pytest.mark.parametrize(
    ("confirmed", "check", "lines"), [("", False, 1), (SECOND, False, 1), (THIRD, False, 0), ("", True, 0)]
)
def test_a_removal_wants_the_name_once_more_but_for_its_preview(
    confirmed: str, check: bool, lines: int
) -> None:
    known = member(FIRST, patroni_confirmed=confirmed, ansible_check_mode=check)
    assert len(value(known, "patroni_leaving_refusals")) == lines


def test_the_member_that_leaves_or_comes_back_is_not_asked_who_leads() -> None:
    """It may hang, and its word is not needed."""
    (asking,) = (one for one in tasks(ROLE, "members") if one.get("register") == "patroni_asked")
    asked = [name for name in MEMBERS if holds(member(name, patroni_unasked=THIRD), asking)]
    assert asked == [FIRST, SECOND]
    assert [name for name in MEMBERS if holds(member(name), asking)] == MEMBERS
    for file, whom in (("remove", "removed"), ("add", "added"), ("replace", "replaced")):
        assert task(file, "Ask who leads")["vars"] == {"patroni_unasked": f"{{{{ patroni_{whom} }}}}"}


def test_the_mark_comes_before_the_stop_and_only_there() -> None:
    """A play between the two leaves the member as it is, and none after them starts it."""
    names = [one["name"] for one in tasks(ROLE, "remove")]
    assert names.index("Mark it as removed") < names.index("Stop it")
    assert names.index("Assert that the others go on without it") < names.index("Mark it as removed")
    for called in ("Mark it as removed", "Stop it"):
        changed = task("remove", called)
        assert [name for name in MEMBERS if holds(member(name), changed)] == [THIRD]
    assert task("remove", "Stop it")["vars"] == {"patroni_goes_on": False}
    mark = task("remove", "Mark it as removed")["patroni_dcs"]["member"].strip("{} ")
    marked = value(member(THIRD), mark)
    assert (marked["name"], marked["removed"]) == (THIRD, True)
    # What it had stays recorded: a blank volume is not taken for a new one.
    assert marked["volumes"]


def test_what_a_removed_member_has_stays() -> None:
    words = json.dumps(list(tasks(ROLE, "remove")))
    assert [word for word in ("discard.yml", "absent", "forget", "initialize") if f'"{word}"' in words] == []


def marked(**flags: bool) -> dict[str, Any]:
    dcs = known_to_etcd(*MEMBERS)
    dcs["copies"][THIRD] |= flags
    copies: dict[str, Any] = dcs["copies"]
    return copies


def decided(known: Any) -> tuple[list[str], str]:
    """The refusals, and the way back; as the tasks of add.yml work them out one after the other."""
    keep = task("add", "Keep what was found")["ansible.builtin.set_fact"]
    facts = {name: value(known, text.strip("{} ")) for name, text in keep.items()}
    position = {"readable": True, "record": "0/9000000"}
    on = member(
        FIRST,
        **facts,
        away=THIRD,
        hostvars={
            name: {**found, "patroni_position": position}
            for name, found in known.available_variables["hostvars"].items()
        },
    )
    way = task("add", "Decide how it comes back")["ansible.builtin.set_fact"]["patroni_return"]
    return value(on, "patroni_returning_refusals"), on.template(trust_as_template(way))["way"]


def test_its_own_data_comes_back_where_it_is_whole_and_a_copy_where_not() -> None:
    assert decided(member(FIRST, away=THIRD, copies=marked(removed=True))) == ([], "own")
    look = blank(THIRD)
    assert decided(member(FIRST, away=THIRD, copies=marked(removed=True), look=look)) == ([], "copy")
    # A run that ended after the data was removed, and one that ended after the record was.
    assert decided(member(FIRST, away=THIRD, copies=marked(returning=True), look=look)) == ([], "copy")
    gone = {name: record for name, record in marked().items() if name != THIRD}
    assert decided(member(FIRST, away=THIRD, copies=gone, look=look)) == ([], "copy")


def test_a_lost_copy_is_not_made_again_by_adding() -> None:
    refusals, _ = decided(member(FIRST, away=THIRD, copies=marked(), look=blank(THIRD)))
    (line,) = refusals
    assert "replace_member.yml" in line


def test_one_that_streams_and_counts_is_left_alone() -> None:
    keep = task("add", "Keep what was found")["ansible.builtin.set_fact"]
    assert value(member(FIRST), keep["patroni_returned"].strip("{} ")) is True
    known = member(
        THIRD,
        patroni_returned=True,
        patroni_return={"way": "own"},
        patroni_return_record={"a": 1},
        patroni_return_plan={"run": MEMBERS},
    )
    for called in (
        "Read how far",
        "Mark it as one",
        "Make it a new copy",
        "Wait until commits",
        "Report that",
    ):
        assert not holds(known, task("add", called)), called


@pytest.mark.parametrize(("way", "start", "copy"), [("own", True, False), ("copy", False, True)])
def test_only_what_cannot_follow_is_removed(way: str, start: bool, copy: bool) -> None:
    for name in MEMBERS:
        known = member(name, patroni_returned=False, patroni_return={"way": way})
        assert holds(known, task("add", "Start it with")) is (start and name == THIRD)
        assert holds(known, task("add", "Make it a new copy")) is copy
        assert holds(known, task("add", "Remove what it cannot follow")) is (name == THIRD)


def test_a_copy_is_removed_with_its_marker_first_and_its_record_last() -> None:
    """Whatever ends in between, no host starts a member on half of one."""
    names = [one["name"] for one in tasks(ROLE, "discard")]
    assert names == [
        "Stop the member",
        "Read what is mounted",
        "Assert that the volumes are there",
        "Remove markers, data and WAL",
        "Remove the record of the copy",
    ]
    paths = value(member(THIRD), task("discard", "Remove markers")["loop"].strip("{} "))
    markers = [path for path in paths if path.endswith("/.flashtier-member")]
    assert markers
    assert paths[: len(markers)] == markers
    (removing,) = (one for one in tasks(ROLE, "replace") if "discard.yml" in json.dumps(one))
    assert [name for name in MEMBERS if holds(member(name, patroni_replaced=SECOND), removing)] == [SECOND]


def test_a_member_that_cannot_follow_is_reported_by_each_run() -> None:
    report = task("service", "Report a standby that cannot follow")
    look = member_look(THIRD)
    state = {"follows": True, "reached": "0/1000000", "streams": False, "oldest": "0000000000000005"}
    look["commands"]["state"] = said(json.dumps({"place": state}))
    known = {name: member(name, look=look) for name in MEMBERS}
    assert [name for name in MEMBERS if holds(known[name], report)] == [THIRD]
    assert "replace_member.yml" in known[THIRD].template(
        trust_as_template(report["ansible.builtin.debug"]["msg"])
    )


@pytest.mark.parametrize(
    ("out", "away", "allowed"),
    [
        (THIRD, "", True),
        (FIRST, "", True),
        (SECOND, THIRD, False),
        (FIRST, THIRD, False),
        (THIRD, THIRD, True),
    ],
)
def test_a_host_goes_only_if_commits_return_without_it(out: str, away: str, allowed: bool) -> None:
    """The first leads; one that leads is replaced by one that counted."""
    check = task("out", "Assert that the others go on without it")
    least = check["vars"]["patroni_out_least"].strip("{} ")
    known = member(SECOND, away=away, patroni_out=out)
    known = member(SECOND, away=away, patroni_out=out, patroni_out_least=value(known, least))
    assert value(known, check["ansible.builtin.assert"]["that"]) is allowed
    text = known.template(trust_as_template(check["ansible.builtin.assert"]["fail_msg"]))
    assert text.startswith(f"{out}: {FIRST} leads")
    assert "\n" not in text


@pytest.mark.parametrize(("out", "switches"), [(FIRST, True), (SECOND, False)])
def test_one_that_leads_hands_over_before_it_is_stopped(out: str, switches: bool) -> None:
    names = [one["name"] for one in tasks(ROLE, "out")]
    assert names.index("Have another member lead") < names.index("Stop its member")
    for name in MEMBERS:
        known = member(name, patroni_out=out)
        assert holds(known, task("out", "Have another member lead")) is switches
        assert holds(known, task("out", "Stop its member")) is (name == out)
