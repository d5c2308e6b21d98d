"""What `flashtier status` makes of holds, of followers on web hosts, and of certificates."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ops.status.judge import HEALTHY
from tests.support.status_answers import NOW, healthy, judged, pem, put


def test_a_hold_in_time_is_shown_and_no_reason() -> None:
    value = {"until": NOW.timestamp() + 4, "reason": "its server stops"}
    found = judged(put(healthy(), "holds/db3", value))
    assert found.exit_code == HEALTHY
    (hold,) = found.holds or ()
    assert (hold.owner, hold.reason, hold.leased) == ("db3", "its server stops", True)
    assert hold.seconds_left == pytest.approx(4, abs=1)


@pytest.mark.parametrize(
    ("value", "leased", "said"),
    [
        ({"until": NOW.timestamp() - 9, "reason": "its server stops"}, True, "should have ended"),
        ({"reason": "no end"}, True, "does not say when it ends"),
        ("not json", True, "does not say when it ends"),
        ({"until": NOW.timestamp() + 4, "reason": "kept"}, False, "has no lease"),
    ],
)
def test_a_hold_that_is_older_than_it_should_be_is_a_reason(value: object, leased: bool, said: str) -> None:
    (line,) = judged(put(healthy(), "holds/db3", value, leased)).reasons
    assert line.startswith("the hold of db3")
    assert said in line


def test_a_follower_that_holds_for_long_or_follows_another_is_named() -> None:
    since = NOW.timestamp() - 40
    hosts = healthy()
    put(hosts, "followers/web1", {"state": "held", "holds": ["db3"], "leader": None, "since": since})
    put(hosts, "followers/web2", {"state": "serving", "holds": [], "leader": "db1", "since": since})
    first, second = judged(hosts).reasons
    assert first.startswith("web1 holds statements for 4")
    assert second == "web2 follows db1, while db3 leads"


def test_a_follower_that_holds_for_a_moment_is_no_reason() -> None:
    value = {"state": "held", "holds": ["db3"], "leader": "db3", "since": NOW.timestamp() - 1}
    found = judged(put(healthy(), "followers/web1", value))
    assert found.exit_code == HEALTHY
    assert (found.followers or ())[0].holds == ("db3",)


def test_a_certificate_that_ends_in_3_days_is_a_reason() -> None:
    hosts = healthy()
    hosts["web1"]["certificates"]["host.crt"] = pem("web1", NOW + timedelta(days=3, hours=1))
    found = judged(hosts)
    assert found.reasons == ("the certificate of web1 ends in 3 days: the playbook renews it",)
    assert found.certificates[0].name == "web1"


def test_an_authority_needs_more_time_than_a_host() -> None:
    hosts = healthy()
    authority = pem("flashtier test authority", NOW + timedelta(days=30, hours=1))
    for answer in hosts.values():
        answer["certificates"]["ca.crt"] = authority
    (line,) = judged(hosts).reasons
    assert line.startswith("the certificate of flashtier test authority ends in 30 days: docs/security.md")


def test_a_certificate_that_has_ended_or_cannot_be_read_is_a_reason() -> None:
    hosts = healthy()
    hosts["web1"]["certificates"]["host.crt"] = pem("web1", NOW - timedelta(days=1))
    hosts["web2"]["certificates"]["host.crt"] = "-----BEGIN CERTIFICATE-----\n"
    ended, unreadable = judged(hosts).reasons
    assert ended.startswith("the certificate of web1 ended on ")
    assert unreadable.startswith("web2: host.crt is not a certificate")
