"""Decisions of the role postgresql, which every member runs: what is refused, and what is left to do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from infra.contract import Contract
from infra.environment import Environment
from infra.paths import ROOT
from tests.support.declared import contract_of, two_applications
from tests.support.filters import CONTRACT, filters, one, said, variables
from tests.support.rendered import render, templar

COMMON = filters("postgresql")
MEMBERS = list(CONTRACT.database.members)


def test_the_layout_follows_the_placements() -> None:
    placements = [
        {"purpose": "data", "volume": "v", "path": "/p/d"},
        {"purpose": "log", "volume": "v", "path": "/l"},
    ]
    at = COMMON["postgresql_layout"](placements, 17)
    assert (at["data_mount"], at["data"], at["auto_file"]) == (
        "/p/d",
        "/p/d/17",
        "/p/d/17/postgresql.auto.conf",
    )
    assert (at["log"], at["wal"]) == ("/l", "")


def test_a_query_has_a_deadline_for_the_connection_and_for_each_statement() -> None:
    words = COMMON["postgresql_ask"]({"bin": "/bin"}, 5433, "SELECT 1", "\\connect photos")
    assert words[-4:] == ["--command", "SELECT 1", "--command", "\\connect photos"]
    where = next(word for word in words if word.startswith("host="))
    assert "port=5433" in where
    assert "connect_timeout=5" in where
    assert "statement_timeout=15s" in where
    module = COMMON["postgresql_connection"](5433)
    assert module["connect_params"]["connect_timeout"] == 5
    assert "statement_timeout=15s" in module["connect_params"]["options"]


INSTALLED: dict[str, Any] = {
    "missing": [],
    "contents": {"createcluster": "#create_main_cluster = true\n create_main_cluster= false\n"},
    "paths": {"createcluster": {"exists": True, "mode": "0644", "uid": 0, "gid": 0}},
    "units": {"postgresql.service": {"active": "inactive", "enabled": "disabled"}},
}


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("missing",), ["postgresql-17"]),
        (("contents", "createcluster"), None),
        (("contents", "createcluster"), "#create_main_cluster = false"),
        (("contents", "createcluster"), "create_main_cluster = false\ncreate_main_cluster = true"),
        (("paths", "createcluster"), {"exists": False}),
        (("paths", "createcluster", "mode"), "0666"),
        (("paths", "createcluster", "uid"), 1000),
        (("paths", "createcluster", "gid"), 1000),
        (("units", "postgresql.service", "active"), "active"),
        (("units", "postgresql.service", "enabled"), "enabled"),
    ],
)
def test_what_makes_an_installation_needed(keys: tuple[str, ...], value: Any) -> None:
    assert COMMON["postgresql_install_needed"](INSTALLED) is False
    look = copy.deepcopy(INSTALLED)
    place: Any = look
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    assert COMMON["postgresql_install_needed"](look) is True


def placed(purpose: str, volume: str, path: str = "") -> dict[str, str]:
    return {"purpose": purpose, "volume": volume, "path": path or f"/pg/{purpose}"}


def mounted(*targets: str, data: bool = True) -> dict[str, Any]:
    """A host's answer with these mount points."""
    table = {"filesystems": [{"target": target} for target in ("/", *targets)]}
    return {"paths": {"data": {"exists": data}}, "commands": {"mounts": said(table)}}


def host_problems(look: dict[str, Any], **changed: Any) -> list[str]:
    placements = [placed("data", "flash"), placed("log", "network")]
    # All four are declared; the two that tests do not unmount stand for the rest.
    placements += [placed(purpose, "flash", "/pg/data") for purpose in ("temp", "wal")]
    known = {"host": "db1", "placements": placements, "clients": ["10.1.0.4"], "check_mode": False}
    found: list[str] = COMMON["postgresql_problems"](look, **(known | changed))
    return found


def test_a_host_with_its_volumes_has_no_problem() -> None:
    assert host_problems(mounted("/pg/data", "/pg/log")) == []


def test_a_missing_placement_and_a_missing_client_are_refused() -> None:
    look = mounted("/pg/data", "/pg/log")
    one(host_problems(look, placements=[placed("log", "x")]), "placements log;", "wal")
    one(host_problems(look, clients=[]), "no host reach postgresql")


def test_a_path_that_is_not_a_mount_point_is_refused_unless_check_mode_has_yet_to_make_it() -> None:
    look = mounted("/pg/data")
    one(host_problems(look), "/pg/log is not a mount point", "volume network")
    one(host_problems(look, check_mode=True), "/pg/log is not a mount point")
    look = mounted("/pg/data", data=False)
    assert host_problems(look, check_mode=True) == []
    one(host_problems(look), "/pg/log is not a mount point")


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_gets_settings_and_client_authentication(member: str) -> None:
    look = mounted(*(placement.path for placement in CONTRACT.host(member).placements))
    found = variables("postgresql", member, "problems", "at", "host_settings", postgresql_look=look)
    assert found["problems"] == []
    tasks = yaml.safe_load((ROOT / "ansible/roles/postgresql/tasks/configure.yml").read_text())
    assert [task.get("when") for task in tasks] == [None]
    known = templar(CONTRACT, member, "postgresql", postgresql_look=look)
    paths = {known.template(trust_as_template(entry["path"])) for entry in tasks[0]["host_files"]["files"]}
    names = ("", "/postgresql.conf", "/pg_hba.conf", "/pg_ident.conf")
    assert paths == {f"/etc/flashtier/postgresql{name}" for name in names}
    # Patroni gives the address, the cluster's name and the places of these files.
    given = {setting["name"] for setting in found["host_settings"]}
    assert {"log_directory", "ssl_ca_file", "allow_alter_system"} <= given
    assert {"listen_addresses", "port", "cluster_name", "hba_file", "ident_file"} & given == set()


PHOTOS = {("photos", "photos_app,photos_owner")}
TWO = contract_of("unit", Environment.parse(two_applications()))


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(
    ("contract", "applications", "people"),
    [
        (CONTRACT, PHOTOS, set()),
        (TWO, {*PHOTOS, ("orders", "orders_app,orders_owner")}, {("photos", "ada"), ("orders", "ada")}),
    ],
    ids=["one", "two"],
)
def test_only_members_replicate_and_only_web_hosts_are_clients(
    contract: Contract, applications: set[tuple[str, str]], people: set[tuple[str, str]], member: str
) -> None:
    lines = [
        line.split()
        for line in render(contract, member, "postgresql", "pg_hba.conf.j2").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    let_in = {(line[0], line[1], line[2], line[3], line[4]) for line in lines if line[-1] == "scram-sha-256"}
    scram, wanted = "scram-sha-256", set()
    for host in contract.hosts:
        address = f"{host.address}/32"
        if host.name in MEMBERS:
            wanted |= {("hostssl", "replication", "replicator", address, scram)}
            wanted |= {("hostssl", "postgres", "rewinder", address, scram)}
            wanted |= {("hostssl", *login, address, scram) for login in people}
        if host.tier == "web":
            wanted |= {("hostssl", *login, address, scram) for login in applications}
            wanted |= {("hostssl", "postgres", "flashtier_follower", address, scram)}
    assert let_in == wanted
    assert [line for line in lines if line[-1] not in (scram, "reject")] == [
        ["local", "all", "postgres", "peer"]
    ]
    assert lines[-1][-1] == "reject"
