"""What `flashtier status` makes of the answers of its hosts: facts, reasons and exit code."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ops.status.judge import DEGRADED, HEALTHY, UNKNOWN
from tests.support.status_answers import (
    DOWN,
    NOW,
    REFUSED,
    Hosts,
    etcd_is_silent,
    healthy,
    judged,
    put,
)


def test_a_healthy_stack_has_no_reason_and_exit_code_0() -> None:
    found = judged(healthy())
    assert (found.health, found.exit_code, found.reasons, found.notes) == ("healthy", HEALTHY, (), ())
    cluster = found.cluster
    assert (cluster.leader, cluster.source, cluster.say_they_lead) == ("db3", "etcd", ("db3",))
    assert (cluster.ttl, cluster.loop_wait, cluster.retry_timeout) == (20, 2, 5)
    assert (cluster.synchronous_mode, cluster.synchronous_mode_strict, cluster.paused) == (
        "quorum",
        True,
        False,
    )
    assert [(one.name, one.role, one.state, one.timeline, one.synchronous) for one in found.members] == [
        ("db1", "replica", "streaming", 3, "quorum"),
        ("db2", "replica", "streaming", 3, "quorum"),
        ("db3", "leader", "running", 3, None),
    ]
    assert [one.lag_bytes for one in found.members] == [0, 0, None]
    assert {one.postgresql for one in found.members} == {"17.12"}
    assert found.etcd.quorum is True
    assert [(one.name, one.healthy, one.leads) for one in found.etcd.members if one.leads] == [
        ("control1", True, True)
    ]
    assert found.holds == ()
    assert [(one.host, one.state, one.leader) for one in found.followers or ()] == [
        ("web1", "serving", "db3"),
        ("web2", "serving", "db3"),
    ]
    assert {one.days for one in found.certificates if one.kind == "host"} == {365}
    assert [one.days for one in found.certificates if one.kind == "authority"] == [3649]


def test_a_host_that_is_down_says_why_and_etcd_still_knows_its_member() -> None:
    found = judged(healthy() | {"db2": DOWN})
    assert found.exit_code == DEGRADED
    assert found.reasons == (f"db2 does not answer: {DOWN['error']}",)
    member = found.members[1]
    assert (member.answers, member.why) == (False, DOWN["error"])
    assert (member.role, member.state, member.timeline) == ("quorum_standby", "streaming", 3)


def test_a_patroni_that_is_down_is_told_from_a_host_that_is_down() -> None:
    hosts = healthy()
    hosts["db2"] |= {"patroni": REFUSED, "cluster": REFUSED, "config": REFUSED}
    assert judged(hosts).reasons == ("db2: Patroni: Connection refused",)


def test_a_member_that_is_not_declared_is_named() -> None:
    hosts = healthy()
    stranger = {"name": "db9", "role": "replica", "state": "streaming", "timeline": 3, "lag": 0}
    for name in ("db1", "db2", "db3"):
        hosts[name]["cluster"]["members"].append(stranger)
    assert judged(hosts).reasons == (
        "db9: the cluster knows it as a member, but the stack does not declare it",
    )


def test_etcd_says_who_led_and_by_which_settings_where_no_patroni_answers() -> None:
    hosts = healthy()
    for name in ("db1", "db2", "db3"):
        hosts[name] |= {"patroni": REFUSED, "cluster": REFUSED, "config": REFUSED}
    found = judged(hosts)
    assert (found.exit_code, found.cluster.leader, found.cluster.ttl) == (DEGRADED, "db3", 20)
    assert found.reasons == tuple(f"{name}: Patroni: Connection refused" for name in ("db1", "db2", "db3"))


def test_without_etcd_the_members_still_say_who_leads() -> None:
    found = judged(etcd_is_silent())
    assert found.exit_code == DEGRADED
    assert (found.cluster.leader, found.cluster.source) == ("db3", "members")
    assert [(one.role, one.state) for one in found.members] == [
        ("replica", "streaming"),
        ("replica", "streaming"),
        ("leader", "running"),
    ]
    assert (found.holds, found.followers, found.cluster.ttl) == (None, None, None)
    assert found.etcd.quorum is False
    reasons = "\n".join(found.reasons)
    assert "db3 has lost etcd and goes on in failsafe mode" in reasons
    assert "etcd has no quorum" in reasons
    assert "control2: etcd is not healthy: Connection refused" in reasons
    assert [one.synchronous for one in found.members] == ["quorum", "quorum", None]


def test_the_file_of_a_patroni_that_is_stopped_counts_last() -> None:
    hosts = healthy()
    hosts["db1"] |= {"patroni": REFUSED, "config": {"ttl": 60, "pause": True}}
    found = judged(hosts)
    assert (found.cluster.ttl, found.cluster.paused) == (20, False)


def test_a_member_that_is_without_etcd_for_longer_than_a_ttl_is_named() -> None:
    hosts = etcd_is_silent()
    hosts["db1"]["config"] = healthy()["db1"]["config"]
    found = judged(hosts)
    assert found.cluster.ttl == 20
    assert "db1 has not reached etcd for 27 s" in found.reasons


def test_a_standby_that_was_asked_in_failsafe_mode_a_moment_ago_is_no_reason() -> None:
    hosts = healthy()
    hosts["db1"]["patroni"]["failsafe_mode_is_active"] = True
    assert judged(hosts).exit_code == HEALTHY


def test_lag_is_computed_from_the_members_where_the_cluster_has_no_view() -> None:
    hosts = etcd_is_silent()
    hosts["db1"]["patroni"]["xlog"] |= {"received_location": 1, "replayed_location": 0}
    flushed = hosts["db3"]["patroni"]["xlog"]["location"]
    member = judged(hosts).members[0]
    assert (member.lag_bytes, member.replay_lag_bytes) == (flushed - 1, flushed)


def test_two_members_that_both_say_they_lead_are_named() -> None:
    hosts = healthy()
    hosts["db1"]["patroni"] |= {"role": "primary", "xlog": {"location": 87115240}}
    hosts["db1"]["patroni"].pop("replication_state")
    found = judged(hosts)
    assert found.exit_code == DEGRADED
    assert found.reasons == ("db1 and db3 say that they lead: stop the one that etcd does not name",)
    assert [one.role for one in found.members] == ["primary", "replica", "leader"]


def test_of_two_that_say_they_lead_none_is_believed_while_etcd_is_silent() -> None:
    hosts = etcd_is_silent()
    hosts["db1"]["patroni"]["role"] = "primary"
    found = judged(hosts)
    assert (found.cluster.leader, found.cluster.source) == (None, None)
    assert "db1 and db3 say that they lead: stop all but the right one" in found.reasons


def test_members_that_read_different_leaders_are_named() -> None:
    hosts = healthy()
    for member in hosts["db2"]["cluster"]["members"]:
        member["role"] = {"db1": "leader"}.get(member["name"], "quorum_standby")
    found = judged(hosts)
    assert found.reasons == ("members do not agree who leads: db2: db1; db1, db3: db3",)
    assert found.cluster.leader == "db3"


def test_without_a_leader_in_etcd_no_write_is_taken() -> None:
    hosts = healthy()
    for name in ("db1", "db2", "db3"):
        del hosts[name]["keys"]["/service/test/leader"]
    hosts["db3"]["patroni"] |= {"role": "replica", "state": "stopped"}
    found = judged(hosts)
    assert (found.cluster.leader, found.cluster.source) == (None, "etcd")
    assert "no member leads: no write is taken" in found.reasons
    assert "db3 is not streaming: stopped" in found.reasons


def test_a_leader_by_its_key_alone_is_a_reason() -> None:
    hosts = healthy()
    hosts["db3"]["patroni"] = {"state": "starting", "role": "replica", "dcs_last_seen": int(NOW.timestamp())}
    assert "db3 has the leader's key, but says that it is replica (starting)" in judged(hosts).reasons


def test_a_standby_that_does_not_stream_or_is_on_an_old_timeline_is_named() -> None:
    hosts = healthy()
    hosts["db1"]["patroni"]["replication_state"] = "in archive recovery"
    hosts["db2"]["patroni"]["timeline"] = 2
    assert judged(hosts).reasons == (
        "db1 is not streaming: in archive recovery",
        "db2 is on timeline 2, the leader on 3",
    )


def test_without_a_synchronous_standby_writes_wait() -> None:
    hosts = healthy()
    for standby in hosts["db3"]["patroni"]["replication"]:
        standby["sync_state"] = "async"
    assert judged(hosts).reasons == ("no standby is synchronous: writes wait",)


def paused(hosts: Hosts) -> Hosts:
    for name in ("db1", "db2", "db3"):
        hosts[name]["patroni"]["pause"] = hosts[name]["cluster"]["pause"] = True
    return hosts


def test_a_pause_by_hand_is_a_reason_since_nobody_takes_over() -> None:
    found = judged(paused(healthy()))
    assert found.cluster.paused is True
    (line,) = found.reasons
    assert line.startswith(
        "Patroni is paused (`patronictl pause`), and no maintenance is declared: no member"
    )
    assert found.maintenance == ()


def test_maintenance_names_its_owner_reason_and_end() -> None:
    value = {"owner": "ada@ctl", "reason": "new switch", "until": NOW.timestamp() + 600}
    found = judged(put(paused(healthy()), "maintenance", value))
    (one,) = found.maintenance or ()
    assert (one.owner, one.reason, one.leased) == ("ada@ctl", "new switch", True)
    assert one.ends == (NOW + timedelta(seconds=600)).replace(microsecond=0).isoformat()
    assert one.seconds_left == pytest.approx(600, abs=1)
    (line,) = found.reasons
    assert line.startswith(
        f"maintenance of ada@ctl (new switch): no member takes over for another until {one.ends}"
    )


def test_a_maintenance_that_did_not_pause_patroni_says_so() -> None:
    value = {"owner": "ada@ctl", "reason": "new switch", "until": NOW.timestamp() + 600}
    (line,) = judged(put(healthy(), "maintenance", value)).reasons
    assert "though Patroni is not paused" in line


def test_who_holds_the_lock_of_procedures_is_a_note() -> None:
    value = {"procedure": "rolling", "holder": "ada@ctl pid 7", "since": "2026-11-30T10:00:00+00:00"}
    found = judged(put(healthy(), "procedure", value))
    (one,) = found.procedures or ()
    assert (one.name, one.holder, one.since) == ("rolling", "ada@ctl pid 7", "2026-11-30T10:00:00+00:00")
    assert (found.reasons, found.exit_code) == ((), HEALTHY)
    assert found.notes == (
        "rolling is at work since 2026-11-30T10:00:00+00:00: ada@ctl pid 7; no other procedure begins"
        " meanwhile",
    )


def test_a_lock_without_a_lease_is_a_reason() -> None:
    assert judged(put(healthy(), "procedure", {"procedure": "rolling"}, leased=False)).reasons == (
        "the key of rolling has no lease: etcd will not end it",
    )


def test_without_etcd_no_one_says_who_holds_the_lock() -> None:
    found = judged(etcd_is_silent())
    assert (found.procedures, found.maintenance) == (None, None)


def test_a_pending_restart_is_a_note_with_its_setting() -> None:
    hosts = healthy()
    reason = {"max_connections": {"old_value": "62", "new_value": "80"}}
    hosts["db2"]["patroni"] |= {"pending_restart": True, "pending_restart_reason": reason}
    found = judged(hosts)
    assert found.exit_code == HEALTHY
    assert found.members[1].pending_restart == reason
    assert found.notes == ("db2 waits for a restart: max_connections 62 -> 80",)


def test_a_member_of_etcd_that_is_down_leaves_a_quorum_and_is_named() -> None:
    hosts = healthy()
    hosts["control3"] |= {"etcd": REFUSED, "health": REFUSED}
    found = judged(hosts)
    assert found.etcd.quorum is True
    assert found.reasons == ("control3: etcd is not healthy: Connection refused",)


def test_a_member_of_etcd_without_a_quorum_says_so() -> None:
    hosts = etcd_is_silent()
    hosts["control1"] = healthy()["control1"] | {"health": {"health": "false", "reason": "RAFT NO LEADER"}}
    found = judged(hosts)
    assert found.etcd.quorum is False
    assert "control1: etcd is not healthy: RAFT NO LEADER" in found.reasons


def test_an_alarm_of_etcd_names_the_member() -> None:
    hosts = healthy()
    number = hosts["control2"]["etcd"]["status"]["header"]["member_id"]
    hosts["control1"]["etcd"]["alarms"]["alarms"] = [{"memberID": number, "alarm": "NOSPACE"}]
    assert judged(hosts).reasons == ("etcd raises an alarm: control2: NOSPACE",)


def test_nothing_can_be_found_out_where_no_host_answers() -> None:
    found = judged(dict.fromkeys(healthy(), DOWN))
    assert (found.health, found.exit_code) == ("unknown", UNKNOWN)
    assert "who leads is unknown: no member answers" in found.reasons
    assert found.etcd.quorum is None
    assert sum("does not answer" in line for line in found.reasons) == len(found.hosts)


def test_web_hosts_alone_prove_nothing() -> None:
    hosts = healthy()
    silent = {name: DOWN for name in hosts if name.startswith(("db", "control"))}
    assert judged(hosts | silent).exit_code == UNKNOWN
