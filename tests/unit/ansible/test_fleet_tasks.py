"""What procedures over the fleet do on which host and in which order, by their tasks and conditions."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from infra.paths import ROOT
from tests.support.filters import CONTRACT
from tests.support.patroni_host import MEMBERS, UNIT
from tests.support.rendered import templar
from tests.support.role_tasks import tasks

ROLES = ROOT / "ansible" / "roles"
FIRST, SECOND, THIRD = MEMBERS
OLD, NEW = (f"/opt/patroni/releases/{name}/bin/patroni" for name in ("old", "new"))


def task(role: str, name: str, called: str) -> dict[str, Any]:
    (found,) = (one for one in tasks(role, name) if one["name"].startswith(called))
    return found


def value(known: Any, expression: str) -> Any:
    return known.template(trust_as_template(f"{{{{ {expression} }}}}"))


def streams(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "role": "quorum_standby", "state": "streaming"} | more


def said(leader: str, waiting: tuple[str, ...] = ()) -> dict[str, Any]:
    """What Patroni answers of the cluster, of which these members wait for a restart."""
    members = [
        streams(name) if name != leader else {"name": name, "role": "leader", "state": "running"}
        for name in MEMBERS
    ]
    return {
        "members": [one | ({"pending_restart": True} if one["name"] in waiting else {}) for one in members]
    }


def member(
    name: str, *, leader: str = FIRST, older: tuple[str, ...] = (), waiting: tuple[str, ...] = (), **more: Any
) -> Any:
    """Ansible's templating on a member, where these run an older release, or wait for a restart."""
    answer = said(leader, waiting)
    looks = {
        one: {
            "contents": {"unit": f"[Service]\nExecStart={NEW} /etc/patroni/patroni.yml\n"},
            "units": {UNIT: {"active": "active", "command": ["python", OLD if one in older else NEW, "x"]}},
        }
        for one in MEMBERS
    }
    return templar(
        CONTRACT,
        name,
        "patroni",
        ansible_play_hosts_all=MEMBERS,
        hostvars={
            one: {"patroni_unit_look": looks[one], "patroni_asked": {"json": answer}} for one in MEMBERS
        },
        patroni_unit_look=looks[name],
        **more,
    )


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize(
    ("older", "waiting", "due"),
    [
        ((), (), []),
        ((SECOND,), (), [SECOND]),
        ((), (THIRD,), [THIRD]),
        (MEMBERS, (SECOND,), MEMBERS),
    ],
)
def test_a_member_is_due_by_its_release_or_by_its_settings(
    name: str, older: tuple[str, ...], waiting: tuple[str, ...], due: list[str]
) -> None:
    known = member(name, leader=SECOND, older=tuple(older), waiting=waiting)
    assert value(known, "patroni_due") == due
    follow = task("patroni", "rolling", "Restart the members that follow, one")
    assert known.template(trust_as_template(follow["loop"])) == [one for one in due if one != SECOND]
    leads = task("patroni", "rolling", "Restart the member that led")
    assert value(known, f"({leads['when']}) | bool") is (SECOND in due)


@pytest.mark.parametrize("older", [(), (SECOND,)])
def test_an_older_release_is_restarted_by_systemd_and_else_the_server_alone(older: tuple[str, ...]) -> None:
    known = member(SECOND, older=older)
    process = task("patroni", "restart", "Restart Patroni and the server")
    server = task("patroni", "restart", "Restart the server")
    assert value(known, f"({process['when']}) | bool") is bool(older)
    assert value(known, f"({server['when']}) | bool") is not bool(older)
    assert process["ansible.builtin.systemd_service"]["state"] == "restarted"


WHOLE = {
    "all stream and count": ([streams(SECOND), streams(THIRD)], True),
    "one streams and does not count": ([streams(SECOND, role="replica"), streams(THIRD)], False),
    "one starts": ([streams(SECOND, state="starting"), streams(THIRD)], False),
    "one is gone": ([streams(THIRD)], False),
}


@pytest.mark.parametrize("case", WHOLE)
def test_the_next_member_waits_until_all_stream_and_count(case: str) -> None:
    others, whole = WHOLE[case]
    answer = {"members": [{"name": FIRST, "role": "leader", "state": "running"}, *others]}
    known = templar(CONTRACT, SECOND, "patroni", patroni_back={"json": answer})
    waits = task("patroni", "whole", "Wait until all members that follow")
    assert value(known, f"({waits['until']}) | bool") is whole
    assert waits["retries"] * waits["delay"] <= 600


@pytest.mark.parametrize(
    ("answer", "up"),
    [
        ({"state": "running", "role": "replica", "replication_state": "streaming"}, True),
        ({"state": "running", "role": "replica", "replication_state": "in archive recovery"}, False),
        ({"state": "running", "role": "replica"}, False),
        ({"state": "starting", "role": "replica"}, False),
        ({"state": "running", "role": "primary"}, True),
    ],
)
def test_a_member_is_back_by_its_own_word(answer: dict[str, str], up: bool) -> None:
    known = templar(CONTRACT, SECOND, "patroni", patroni_self={"json": answer})
    waits = task("patroni", "whole", "Wait until it serves or streams")
    assert value(known, f"({waits['until']}) | bool") is up


def test_check_mode_restarts_nothing() -> None:
    changing = [
        one
        for one in tasks("patroni", "rolling")
        if one.get("ansible.builtin.include_tasks") in ("restart.yml", "switchover.yml")
    ]
    assert len(changing) == 5
    assert [one["name"] for one in changing if "not ansible_check_mode" not in one["when"]] == []


@pytest.mark.parametrize(("runs", "reported"), [(OLD, True), (NEW, False)])
def test_site_reports_a_member_that_runs_an_older_release(runs: str, reported: bool) -> None:
    report = task("patroni", "service", "Report a release of Patroni")
    known = templar(
        CONTRACT,
        SECOND,
        "patroni",
        patroni_unit_state={"command": ["python", runs, "x"]},
        patroni_program=NEW,
        patroni_plan={"run": [SECOND]},
        patroni_release="new",
        patroni_runs=trust_as_template(report["vars"]["patroni_runs"]),
    )
    assert value(known, f"({report['when']}) | bool") is reported
    line = known.template(trust_as_template(report["ansible.builtin.debug"]["msg"]))
    assert ("Patroni runs release old;" in line) is reported
    assert line.endswith("ansible-playbook ansible/playbooks/rolling.yml")


REBOOT = yaml.safe_load((ROOT / "ansible" / "playbooks" / "reboot.yml").read_text())


def test_hosts_of_a_tier_restart_alone_and_database_hosts_by_their_role() -> None:
    tiers = {play["hosts"]: play for play in REBOOT if play["hosts"] != "flashtier"}
    assert list(tiers) == ["control:&fleet_chosen", "web:&fleet_chosen", "edge:&fleet_chosen", "database"]
    assert [play.get("serial") for play in tiers.values()] == [1, 1, 1, None]
    # mitogen's connection to a host does not outlive it.
    assert {play["strategy"] for play in tiers.values()} == {"ansible.builtin.linear"}


@pytest.mark.parametrize(
    "play", [play for play in REBOOT if "serial" in play], ids=lambda play: str(play["hosts"])
)
def test_a_host_is_waited_for_after_its_restart(play: dict[str, Any]) -> None:
    steps = [one["ansible.builtin.include_role"] for one in play["tasks"]]
    restart = steps.index({"name": "fleet", "tasks_from": "reboot"})
    assert len(steps) > restart + 1
    restarting = play["tasks"][restart]
    assert restarting["when"] == "not ansible_check_mode"


def test_etcd_is_whole_before_a_control_host_restarts() -> None:
    (play,) = (play for play in REBOOT if play["hosts"].startswith("control"))
    steps = [one["ansible.builtin.include_role"]["tasks_from"] for one in play["tasks"]]
    assert steps == ["whole", "reboot", "whole"]
    waits = task("etcd", "whole", "Wait until all members serve")
    assert waits["etcd_look"]["healthy"] == "{{ etcd_endpoints.keys() | list }}"


@pytest.mark.parametrize(("leader", "follow"), [(FIRST, [SECOND, THIRD]), (THIRD, [FIRST, SECOND])])
def test_the_host_that_leads_restarts_last_after_another_leads(leader: str, follow: list[str]) -> None:
    known = member(FIRST, leader=leader, patroni_rebooted=MEMBERS)
    first = task("patroni", "reboot", "Restart the hosts that follow")
    assert known.template(trust_as_template(first["loop"])) == follow
    names = [one["name"] for one in tasks("patroni", "reboot")]
    assert names[-3:] == [
        "Restart the hosts that follow, one after the other",
        "Have another member lead",
        "Restart the host that led",
    ]
    for name in names[-2:]:
        assert value(known, f"({task('patroni', 'reboot', name)['when']}) | bool") is True
        standby = member(FIRST, leader=leader, patroni_rebooted=follow)
        assert value(standby, f"({task('patroni', 'reboot', name)['when']}) | bool") is False


def test_database_hosts_restart_only_while_all_members_stream() -> None:
    known = member(FIRST)
    refuses = task("patroni", "reboot", "Assert that every member is there")["ansible.builtin.assert"]
    assert value(known, f"({refuses['that']}) | bool") is True
    gone = said(FIRST)
    gone["members"][1]["state"] = "starting"
    hostvars = {name: {"patroni_asked": {"json": gone}} for name in MEMBERS}
    without = templar(CONTRACT, FIRST, "patroni", ansible_play_hosts_all=MEMBERS, hostvars=hostvars)
    assert value(without, f"({refuses['that']}) | bool") is False


UPDATE = yaml.safe_load((ROOT / "ansible" / "playbooks" / "update.yml").read_text())


def test_an_update_has_one_host_of_a_tier_at_a_time_and_changes_nothing_in_check_mode() -> None:
    tiers = {play["hosts"]: play for play in UPDATE if play["hosts"] != "flashtier"}
    assert list(tiers) == ["control:&fleet_chosen", "web:&fleet_chosen", "edge:&fleet_chosen", "database"]
    assert [play.get("serial") for play in tiers.values()] == [1, 1, 1, None]
    changing = [
        one
        for play in tiers.values()
        for one in play["tasks"]
        if one["ansible.builtin.include_role"]["tasks_from"] in ("upgrade", "restart", "update")
    ]
    assert len(changing) == 5
    assert [one["name"] for one in changing if "not ansible_check_mode" not in one["when"]] == []


@pytest.mark.parametrize(
    ("restarted", "stale", "switches"),
    [
        (FIRST, [UNIT], True),
        # What need not restart keeps the lead, and a member that follows has none to give.
        (FIRST, ["flashtier-postmaster.service"], False),
        (SECOND, [UNIT], False),
    ],
)
def test_another_leads_only_if_the_one_that_leads_restarts(
    restarted: str, stale: list[str], switches: bool
) -> None:
    hostvars = {
        name: {"patroni_asked": {"json": said(FIRST)}, "fleet_restarted": stale if name == restarted else []}
        for name in MEMBERS
    }
    known = templar(
        CONTRACT,
        restarted,
        "patroni",
        ansible_play_hosts_all=MEMBERS,
        hostvars=hostvars,
        patroni_restarted=restarted,
    )
    switch = task("patroni", "update_member", "Have another member lead")
    restart = task("patroni", "update_member", "Restart Patroni")
    assert all(value(known, f"({one}) | bool") for one in switch["when"]) is switches
    assert all(value(known, f"({one}) | bool") for one in restart["when"]) is (UNIT in stale)


def test_packages_restart_nothing_and_units_with_an_order_are_left_to_their_roles() -> None:
    upgrade = task("fleet", "upgrade", "Upgrade the packages")["ansible.builtin.apt"]
    assert upgrade["policy_rc_d"] == 101
    stale = ["etcd.service", "nginx.service", "patroni.service", "prometheus-node-exporter.service"]
    known = templar(CONTRACT, FIRST, "fleet", fleet_stale=stale)
    restart = task("fleet", "upgrade", "Restart them, but")
    assert known.template(trust_as_template(restart["loop"])) == [
        "nginx.service",
        "prometheus-node-exporter.service",
    ]
    states = {
        item: templar(CONTRACT, FIRST, "fleet", item=item).template(
            trust_as_template(restart["ansible.builtin.systemd_service"]["state"])
        )
        for item in ("haproxy.service", "nginx.service")
    }
    assert states == {"haproxy.service": "reloaded", "nginx.service": "restarted"}


def test_a_host_that_goes_stops_what_takes_calls_first_and_never_ssh() -> None:
    (stop,) = tasks("fleet", "stop")
    units = ["ssh.service", "nginx.service", "photo-api.service", "pgbouncer.service", "patroni.service"]
    found = value(templar(CONTRACT, FIRST, "fleet", fleet_units=units), stop["loop"].strip("{} "))
    assert found == ["nginx.service", "photo-api.service", "pgbouncer.service"]
