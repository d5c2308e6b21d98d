"""Which hosts run a member, make a cluster, get a copy or stay down: plugins/filter/patroni_members.py."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.filters import CONTRACT, one, said
from tests.support.guards import either, sometimes
from tests.support.patroni_host import (
    CLUSTER,
    MADE,
    MARKERS,
    MEMBERS,
    PAST,
    blank,
    known_to_etcd,
    marked,
    member_look,
    unmarked,
)

FIRST, SECOND, THIRD = MEMBERS
NOTHING = known_to_etcd(initialize="")
REPLACE = "ansible/playbooks/replace_member.yml -e member="


def plan(
    looks: dict[str, dict[str, Any]],
    dcs: dict[str, Any] = NOTHING,
    *,
    first: str = FIRST,
    convert: bool = False,
) -> dict[str, Any]:
    """The plan of a run on these hosts; members that are not named hold nothing."""
    found: dict[str, Any] = MADE["patroni_plan"](
        {name: blank(name) for name in MEMBERS} | looks,
        dcs,
        members=MEMBERS,
        first=first,
        markers=MARKERS,
        convert=convert,
    )
    return found


def decided(found: dict[str, Any]) -> dict[str, Any]:
    """What a plan says, without what it does not."""
    return {key: value for key, value in found.items() if value}


def refused(found: dict[str, Any], *parts: str) -> None:
    """One problem with all parts, and nothing else."""
    one(found["problems"], *parts, "Nothing was changed.")
    assert list(decided(found)) == ["problems"]


def everyone() -> dict[str, Any]:
    return {name: member_look(name) for name in MEMBERS}


def test_markers_name_stack_host_and_volume_of_data_and_wal_only() -> None:
    host = CONTRACT.host(SECOND)
    carrying = {placed.volume for placed in host.placements if placed.purpose in ("data", "wal")}
    assert carrying < {volume.name for volume in host.volumes}
    assert MARKERS[SECOND] == {
        f"/vol/{volume.name}/.flashtier-member": (f"stack=unit\nhost={SECOND}\nuuid={volume.uuid}\n")
        for volume in host.volumes
        if volume.name in carrying
    }
    assert MADE["patroni_marked"]("a\n", CLUSTER) == f"a\nsystem_identifier={CLUSTER}\n"
    assert MADE["patroni_marked"]("a\n", CLUSTER, True) == f"a\nsystem_identifier={CLUSTER}\nbegins=yes\n"


def test_the_identifier_is_that_of_the_cluster_just_made() -> None:
    look, identifier = member_look(), MADE["patroni_identifier"]
    assert identifier(look, {}) == identifier(look) == identifier(look, {"skipped": True}) == CLUSTER
    assert identifier(look, {"stdout": f"Database system identifier:   {PAST}"}) == PAST
    assert identifier(blank(FIRST)) == ""


def test_where_nothing_is_known_one_cluster_is_made_on_the_first() -> None:
    assert decided(plan({})) == {"create": FIRST, "adopt": FIRST, "copies": [SECOND, THIRD], "run": [FIRST]}
    assert decided(plan({}, first=SECOND)) == {
        "create": SECOND, "adopt": SECOND, "copies": [FIRST, THIRD], "run": [SECOND],
    }  # fmt: skip


def test_a_cluster_that_is_known_runs() -> None:
    assert decided(plan(everyone(), known_to_etcd(*MEMBERS))) == {"run": MEMBERS}


def test_a_run_of_some_hosts_plans_for_those() -> None:
    looks = {SECOND: member_look(SECOND)}
    found = MADE["patroni_plan"](
        looks, known_to_etcd(*MEMBERS), members=MEMBERS, first=FIRST, markers=MARKERS, convert=False
    )
    assert decided(found) == {"run": [SECOND]}


@pytest.mark.parametrize("looks", [{}, {FIRST: member_look(markers=unmarked(FIRST))}])
def test_a_run_without_all_members_begins_no_cluster(looks: dict[str, Any]) -> None:
    some = {SECOND: blank(SECOND)} | looks
    found = MADE["patroni_plan"](some, NOTHING, members=MEMBERS, first=FIRST, markers=MARKERS, convert=False)
    refused(found, "not every member is in this run", "without --limit")


def test_a_member_that_was_named_as_lost_stays_down_until_it_is_replaced() -> None:
    """Whatever it holds: the others went on without it."""
    dcs = known_to_etcd(*MEMBERS)
    dcs["copies"][SECOND]["lost"] = True
    for look in (member_look(SECOND), blank(SECOND)):
        found = plan({FIRST: member_look(), SECOND: look, THIRD: member_look(THIRD)}, dcs)
        assert (found["run"], found["copies"], list(found["down"])) == ([FIRST, THIRD], [], [SECOND])
        assert f"{REPLACE}{SECOND}" in found["down"][SECOND]


@pytest.mark.parametrize("holder", MEMBERS)
def test_a_cluster_without_a_record_is_adopted_wherever_it_is(holder: str) -> None:
    """A creation ended before the record, or a conversion after its old unit went."""
    rest = [name for name in MEMBERS if name != holder]
    looks = {holder: member_look(holder, markers=unmarked(holder))}
    assert decided(plan(looks)) == {"adopt": holder, "copies": rest, "run": [holder]}


def test_a_server_of_an_earlier_release_is_converted_only_with_the_flag() -> None:
    looks = {FIRST: member_look(markers=unmarked(FIRST), old_unit=True)}
    refused(plan(looks), f"{FIRST} runs a server without a cluster manager", "Nothing was changed.")
    assert decided(plan(looks, convert=True)) == {"adopt": FIRST, "copies": [SECOND, THIRD], "run": [FIRST]}


def test_a_beginning_that_ended_before_its_start_goes_on() -> None:
    """The first member is marked before it starts, and the marker says that etcd knows nothing yet."""
    looks = {FIRST: member_look(markers=marked(FIRST, begins=True))}
    assert decided(plan(looks)) == {"adopt": FIRST, "copies": [SECOND, THIRD], "run": [FIRST]}
    # Nothing else may have had a copy.
    refused(plan(looks, known_to_etcd(FIRST, initialize="")), f"but {FIRST} had a copy")
    refused(plan(looks | {THIRD: member_look(THIRD)}), f"but {THIRD} had a copy")


def test_a_beginning_that_ended_after_its_start_goes_on() -> None:
    looks = {FIRST: member_look(markers=marked(FIRST, begins=True))}
    assert decided(plan(looks, known_to_etcd())) == {"run": [FIRST], "copies": [SECOND, THIRD]}


def test_copies_that_are_missing_are_made_and_whole_ones_marked() -> None:
    """A run ended after one member was whole but unmarked, and before another had anything."""
    looks = {FIRST: member_look(FIRST), SECOND: member_look(SECOND, markers=unmarked(SECOND))}
    assert decided(plan(looks, known_to_etcd(FIRST))) == {"run": [FIRST, SECOND], "copies": [THIRD]}


def test_etcd_without_a_state_that_members_had_is_refused() -> None:
    refused(plan(everyone()), f"{FIRST}, {SECOND}, {THIRD} had a copy", "restore_etcd.yml")
    # One medium is enough, with or without its cluster.
    refused(plan({SECOND: member_look(SECOND)}), f"but {SECOND} had a copy")
    refused(plan({SECOND: member_look(SECOND, cluster="", markers=marked(SECOND))}), f"but {SECOND} had")
    # So is a record of etcd's own.
    refused(plan({}, known_to_etcd(THIRD, initialize="")), f"but {THIRD} had a copy")
    refused(plan({FIRST: member_look()}, known_to_etcd(FIRST, THIRD, initialize="")), f"{FIRST}, {THIRD} had")


def test_two_clusters_of_which_etcd_knows_none_are_refused() -> None:
    looks = {
        FIRST: member_look(markers=unmarked(FIRST)),
        THIRD: member_look(THIRD, cluster=PAST, markers=unmarked(THIRD)),
    }
    refused(plan(looks), f"{FIRST} ({CLUSTER}), {THIRD} ({PAST}) each hold one")


@pytest.mark.parametrize("dcs", [NOTHING, known_to_etcd(*MEMBERS)])
def test_a_cluster_that_cannot_be_read_is_refused(dcs: dict[str, Any]) -> None:
    look = member_look(markers=unmarked(FIRST))
    look["commands"]["control"] = said("", "wrong checksum", 1)
    refused(plan(everyone() | {FIRST: look}, dcs), f"{FIRST}: pg_controldata cannot read", "wrong checksum")


def test_another_cluster_than_etcd_knows_is_refused() -> None:
    looks = everyone() | {SECOND: member_look(SECOND, cluster=PAST)}
    refused(
        plan(looks, known_to_etcd(*MEMBERS)), f"{SECOND}: holds cluster {PAST}", CLUSTER, REPLACE + SECOND
    )


@pytest.mark.parametrize(
    "markers",
    [
        dict(zip(MARKERS[SECOND], marked(FIRST).values(), strict=True)),
        marked(SECOND, PAST),
        {path: (text or "").replace("uuid=", "uuid=0") for path, text in marked(SECOND).items()},
        dict.fromkeys(MARKERS[SECOND], ""),
    ],
    ids=["another host", "another cluster", "another volume", "empty"],
)
@pytest.mark.parametrize("dcs", [NOTHING, known_to_etcd(*MEMBERS)], ids=["unknown", "known"])
def test_a_marker_that_is_not_the_members_own_is_refused(
    dcs: dict[str, Any], markers: dict[str, str]
) -> None:
    looks = everyone() | {SECOND: member_look(SECOND, markers=dict(markers))}
    refused(plan(looks, dcs), f"{SECOND}: the marker on a volume is not that of this host", REPLACE + SECOND)


@pytest.mark.parametrize(
    ("look", "copies", "part"),
    [
        (blank(THIRD), MEMBERS, "has no cluster on its volume any more"),
        (
            member_look(THIRD, cluster="", markers=marked(THIRD)),
            [FIRST, SECOND],
            "has no cluster on its volume",
        ),
        (member_look(THIRD, markers=unmarked(THIRD)), MEMBERS, "has a cluster without a marker"),
    ],
    ids=["blank volume", "marker alone", "marker removed"],
)
def test_a_member_that_lost_its_copy_stays_down(look: dict[str, Any], copies: list[str], part: str) -> None:
    found = plan(everyone() | {THIRD: look}, known_to_etcd(*copies))
    assert {**decided(found), "down": list(found["down"])} == {"run": [FIRST, SECOND], "down": [THIRD]}
    one([found["down"][THIRD]], THIRD, CLUSTER, part, REPLACE + THIRD)


#: Data and WAL on a volume each.
TWO = {"/vol/a/.flashtier-member": "uuid=a\n", "/vol/b/.flashtier-member": "uuid=b\n"}
WHOLE, BEGINS = f"system_identifier={CLUSTER}\n", f"system_identifier={CLUSTER}\nbegins=yes\n"


@pytest.mark.parametrize(
    ("ends", "dcs", "expected"),
    [
        # What is there is right: the copy is whole, and its other marker missing.
        ((WHOLE, None), known_to_etcd(SECOND), {"run": [FIRST]}),
        ((None, WHOLE), known_to_etcd(SECOND), {"run": [FIRST]}),
        ((WHOLE, None), known_to_etcd(FIRST), {"down": [FIRST]}),
        # A beginning, before the start and after it.
        ((BEGINS, None), NOTHING, {"adopt": FIRST, "run": [FIRST]}),
        ((WHOLE, BEGINS), known_to_etcd(), {"run": [FIRST]}),
        ((WHOLE, None), NOTHING, {"problems": [FIRST]}),
    ],
)
def test_a_run_that_ended_between_two_volumes_left_one_marker(
    ends: tuple[str | None, str | None], dcs: dict[str, Any], expected: dict[str, Any]
) -> None:
    half = {path: text + end if end else None for (path, text), end in zip(TWO.items(), ends, strict=True)}
    ways = {"members": [FIRST], "first": FIRST, "markers": {FIRST: TWO}, "convert": False}
    found = decided(MADE["patroni_plan"]({FIRST: member_look(markers=half)}, dcs, **ways))
    assert set(found) == set(expected)
    assert all(found[key] == value for key, value in expected.items() if key in ("adopt", "run"))


@st.composite
def hosts(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Anything that a host may have, whole or not."""
    cluster = draw(st.sampled_from(["", CLUSTER, PAST]))
    other = draw(st.sampled_from([member for member in MEMBERS if member != name]))
    markers = draw(
        st.sampled_from(
            [
                unmarked(name),
                marked(name),
                marked(name, begins=True),
                marked(name, PAST),
                dict(zip(MARKERS[name], marked(other).values(), strict=True)),
            ]
        )
    )
    look = member_look(name, cluster=cluster, markers=markers, old_unit=draw(st.booleans()))
    if cluster and draw(st.booleans()):
        look["commands"]["control"] = said("", "unreadable", 1)
    return look


@given(st.data(), st.sets(st.sampled_from(MEMBERS)), st.sampled_from(["", CLUSTER, PAST]), st.booleans())
def test_initdb_runs_only_where_no_medium_no_marker_and_no_etcd_knows_a_cluster(
    data: st.DataObject, copies: set[str], initialize: str, convert: bool
) -> None:
    members = data.draw(st.permutations(MEMBERS) | st.lists(st.sampled_from(MEMBERS), unique=True))
    clean = data.draw(st.booleans())
    looks = {name: blank(name) if clean else data.draw(hosts(name)) for name in members}
    dcs = known_to_etcd(*sorted(copies), initialize=initialize)
    found = MADE["patroni_plan"](looks, dcs, members=MEMBERS, first=FIRST, markers=MARKERS, convert=convert)
    unknown = not initialize and not copies and set(looks) == set(MEMBERS)
    for look in looks.values():
        markers = [text for path, text in look["contents"].items() if path != "auto"]
        unknown = unknown and not look["paths"]["cluster"]["exists"] and not any(markers)
    assert (found["create"] == FIRST) is unknown
    assert found["create"] in ("", FIRST)
    if either(found["problems"]):
        assert found["run"] == found["copies"] == []
        assert found["create"] == found["adopt"] == ""
    else:
        # Each host has one part, and no copy lies where something is already.
        parts = [*found["run"], *found["copies"], *found["down"]]
        assert sorted(parts) == sorted(looks)
        assert [name for name in found["copies"] if looks[name]["paths"]["cluster"]["exists"]] == []
        if sometimes(found["adopt"]):
            assert found["run"] == [found["adopt"]]
