"""Which hosts procedures go through, and which they refuse: plugins/filter/fleet.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.filters import filters, one

FLEET = filters("fleet")


def host(name: str, tier: str, *components: str) -> dict[str, Any]:
    return {"name": name, "tier": tier, "components": ["ssh", *components]}


CONTROL = [host("control1", "control", "etcd", "s3"), host("control2", "control", "etcd")]
DATABASE = [host("db1", "database"), host("db2", "database")]
SMALL = [host("edge1", "edge"), host("web1", "web"), *DATABASE, *CONTROL]
#: No host of it does anything alone, as on AWS.
LARGE = [host("web1", "web"), host("web2", "web"), *DATABASE, CONTROL[1], host("control3", "control", "etcd")]


@pytest.mark.parametrize(
    ("named", "tier", "order"),
    [
        ("", "", ["control1", "control2", "web1", "edge1", "db1", "db2"]),
        ("db2", "", ["db2"]),
        ("", "control", ["control1", "control2"]),
        ("db1", "database", ["db1"]),
        ("db1", "web", []),
    ],
)
def test_hosts_have_their_turns_by_tier(named: str, tier: str, order: list[str]) -> None:
    assert FLEET["fleet_chosen"](SMALL, named, tier) == order


def test_a_host_is_alone_by_its_tier_or_by_what_it_has_of_clients() -> None:
    assert FLEET["fleet_alone"](SMALL) == {"edge1": "the tier edge", "web1": "the tier web", "control1": "s3"}
    assert FLEET["fleet_alone"](LARGE) == {}


@pytest.mark.parametrize(
    ("named", "tier", "outage", "parts"),
    [
        ("db9", "", [], ("host = db9", "must be one of edge1, web1, db1", "-e host=<name>")),
        ("", "data", [], ("tier = data", "control, database, edge, web", "-e tier=<name>")),
        ("db1", "web", [], ("host = db1, tier = web", "of another tier")),
        ("db1", "", ["db9"], ("outage = db9", "must be of edge1")),
        ("edge1", "", [], ("edge1 (the tier edge)", "-e outage=edge1")),
        ("", "control", [], ("control1 (s3)", "-e outage=control1;")),
        ("", "", ["edge1"], ("web1 (the tier web)", "control1 (s3)", "-e outage=edge1,web1,control1")),
    ],
)
def test_what_is_refused_is_one_line_with_the_fix(
    named: str, tier: str, outage: list[str], parts: tuple[str, ...]
) -> None:
    one(FLEET["fleet_refused"](SMALL, named, tier, outage), *parts)


@pytest.mark.parametrize(
    ("named", "tier", "outage"),
    [
        ("db1", "", []),
        ("", "database", []),
        ("control2", "", []),
        ("edge1", "", ["edge1"]),
        ("", "", ["edge1", "web1", "control1"]),
    ],
)
def test_what_another_stands_in_for_or_a_person_accepts_goes_on(
    named: str, tier: str, outage: list[str]
) -> None:
    assert FLEET["fleet_refused"](SMALL, named, tier, outage) == []


@pytest.mark.parametrize(("due", "lines"), [([], 0), (["db1"], 0), (["edge1", "db1"], 1)])
def test_only_hosts_that_are_due_can_be_refused(due: list[str], lines: int) -> None:
    assert len(FLEET["fleet_refused"](SMALL, "", "", [], due)) == lines


SIMULATED = """Reading package lists...
Inst nginx-common [1.26.3-3+deb13u10] (1.26.3-3+deb13u11 Debian-Security:13/stable-security [all])
Inst nginx [1.26.3-3+deb13u10] (1.26.3-3+deb13u11 Debian-Security:13/stable-security [amd64])
Inst brand-new (1.0 Debian:13/stable [all])
Conf nginx (1.26.3-3+deb13u11 Debian-Security:13/stable-security [amd64])
"""


def answer(upgrades: str = "", stale: str = "[]") -> dict[str, Any]:
    return {"upgrades": {"stdout": upgrades}, "stale": {"stdout": stale}}


def test_an_upgrade_is_named_with_both_versions() -> None:
    assert FLEET["fleet_upgrades"](SIMULATED) == [
        "nginx-common 1.26.3-3+deb13u10 -> 1.26.3-3+deb13u11",
        "nginx 1.26.3-3+deb13u10 -> 1.26.3-3+deb13u11",
    ]
    assert FLEET["fleet_upgrades"]("Reading package lists...\n") == []


def test_only_units_of_the_kit_are_restarted() -> None:
    said = '["dbus.service", "nginx.service"]'
    assert FLEET["fleet_stale"](said, ["nginx.service", "etcd.service"]) == ["nginx.service"]


def test_a_host_is_due_by_a_package_or_by_a_unit_of_before() -> None:
    answers = {
        "web1": answer(SIMULATED),
        "web2": answer(),
        "db1": answer(stale='["patroni.service"]'),
        "db2": answer(stale='["dbus.service"]'),
    }
    units = ["nginx.service", "patroni.service"]
    assert FLEET["fleet_due"](["web1", "web2", "db1", "db2"], answers, units) == ["web1", "db1"]
    assert FLEET["fleet_due"](["web2"], answers, units) == []


HEAD = "# pxname,svname,qcur,status,weight,\n"


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        (f"{HEAD}web,web1,0,UP,1,\nweb,web2,0,DOWN,1,\n", True),
        (f"{HEAD}web,web1,0,DOWN 1/2,1,\nweb,web2,0,UP,1,\n", False),
        (f"{HEAD}web,web1,0,DRAIN,1,\n", False),
        (f"{HEAD}web,web2,0,UP,1,\n", False),
        (HEAD, False),
        ("", False),
    ],
)
def test_a_host_counts_once_haproxy_calls_it_up(answer: str, counts: bool) -> None:
    assert FLEET["fleet_counted"](answer, ["web1"]) is counts
