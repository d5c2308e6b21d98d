"""What `flashtier status` says of a member that was removed, and of one that cannot follow any more."""

from __future__ import annotations

import pytest

from ops.status.absence import SEGMENT, number
from ops.status.judge import DEGRADED, HEALTHY
from tests.support.status_answers import REFUSED, Hosts, healthy, judged, put

ADD = "ansible-playbook ansible/playbooks/add_member.yml -e member=db1"
REPLACE = "ansible-playbook ansible/playbooks/replace_member.yml -e member=db1"


def stopped(hosts: Hosts) -> Hosts:
    hosts["db1"] |= {"patroni": REFUSED, "cluster": REFUSED, "config": REFUSED}
    return hosts


def test_a_removed_member_is_one_reason_with_its_way_back() -> None:
    hosts = put(stopped(healthy()), "members/db1", {"name": "db1", "removed": True}, leased=False)
    found = judged(hosts)
    assert found.reasons == (f"db1: removed on purpose, bring it back with: {ADD}",)
    assert found.exit_code == DEGRADED


@pytest.mark.parametrize("record", [{"name": "db1"}, {"name": "db1", "returning": True}, "not json"])
def test_without_the_mark_a_member_that_is_down_is_down(record: object) -> None:
    hosts = put(stopped(healthy()), "members/db1", record, leased=False)
    assert judged(hosts).reasons == ("db1: Patroni: Connection refused",)


def test_a_removed_member_whose_patroni_runs_is_named() -> None:
    (line,) = judged(put(healthy(), "members/db1", {"name": "db1", "removed": True}, leased=False)).reasons
    assert line.startswith("db1: is marked as removed, and its Patroni runs")
    assert ADD in line


def behind(*, state: str, file: int) -> Hosts:
    """Db1 is in that state; the oldest file of the leader is `file` files after the one where db1 is."""
    hosts = healthy()
    own = hosts["db1"]["patroni"]
    own["replication_state"] = state
    at = own["xlog"]["received_location"] // SEGMENT + file
    hosts["db3"]["wal"] = {"oldest": f"{at // 256:08X}{at % 256:08X}"}
    return hosts


def test_a_standby_whose_wal_is_gone_is_named_with_what_copies_it() -> None:
    lines = judged(behind(state="in archive recovery", file=1)).reasons
    (line,) = [one for one in lines if "cannot follow" in one]
    assert line.startswith("db1 cannot follow any more")
    assert line.endswith(REPLACE)


@pytest.mark.parametrize(("state", "file"), [("in archive recovery", 0), ("in archive recovery", -3)])
def test_a_standby_that_only_lags_is_not(state: str, file: int) -> None:
    """The file that it is in is enough: it asks from its beginning."""
    lines = judged(behind(state=state, file=file)).reasons
    assert [one for one in lines if "cannot follow" in one] == []


def test_one_that_streams_has_what_it_needs() -> None:
    assert judged(behind(state="streaming", file=1)).exit_code == HEALTHY


def test_files_of_wal_are_numbered_as_the_server_names_them() -> None:
    assert number("0000000100000002") == (1 << 32) // SEGMENT + 2
