"""Each member's server is asked where its data is and how it is set."""

from __future__ import annotations

from typing import Any

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts import database
from tests.hosts.facts import Check
from tests.hosts.members import has_member
from tests.hosts.snapshot import Snapshot
from tests.hosts.units import normal

serving = pytest.mark.where.with_args(has_member)


@pytest.fixture
def number(declared: ContractHost, snapshot: Snapshot) -> dict[str, str]:
    """The device number of the volume that each purpose was declared to be on, by its UUID."""
    found = {}
    for placed in declared.placements:
        volume = next(volume for volume in declared.volumes if volume.name == placed.volume)
        device = snapshot["devices"][volume.device]
        if device.get("uuid") != volume.uuid:
            pytest.fail(f"{volume.device} carries {device.get('uuid')}, not {volume.uuid}", pytrace=False)
        found[placed.purpose] = device["number"]
    return found


@serving
def test_the_server_is_the_declared_one(
    declared: ContractHost, contract: Contract, server: Any, check: Check
) -> None:
    check.fact("database.version", server["version"])
    for setting, value in {
        "cluster_name": contract.stack,
        "listen_addresses": declared.address,
        "port": str(contract.ports["postgresql"]),
    }.items():
        found = server["settings"][setting]
        check.equal(
            f"{setting}, and where it is from", (value, "command line"), (found["setting"], found["source"])
        )
    check.equal("databases and owners", database.owners(contract), server["databases"])
    for one in contract.database.databases:
        key = f"database.database.{one.name}"
        check.fact(f"{key}.owner", server["databases"].get(one.name))
        check.fact(f"{key}.encoding", server["encodings"].get(one.name))


def test_every_member_has_the_programs(
    contract: Contract, snapshots: dict[str, Snapshot], check: Check
) -> None:
    package = f"postgresql-{contract.database.version}"
    members = [
        name
        for name, snapshot in snapshots.items()
        if snapshot["installed_packages"]["state"].get(package) == "install ok installed"
        and contract.host(name).tier == "database"
    ]
    check.fact("database.members", members, how=f"hosts of the tier with the package {package}")


@serving
def test_files_are_on_the_declared_volumes(
    declared: ContractHost, snapshot: Snapshot, server: Any, number: dict[str, str], check: Check
) -> None:
    """By the number of the device that each file lies on, along the paths that the server itself uses."""
    paths, settings = snapshot["paths"], server["settings"]
    data = settings["data_directory"]["setting"]
    where = {placed.purpose: placed.path for placed in declared.placements}
    for purpose, path in {
        "data": data,
        "wal": f"{data}/pg_wal",
        "temp": server["tablespaces"].get("temp", "no tablespace temp"),
        "log": settings["log_directory"]["setting"],
    }.items():
        found = paths.get(path)
        check.true(f"{purpose}: {path} is one of the paths of the kit", found is not None)
        if found:
            check.equal(f"{purpose}: device of {path}", number[purpose], found["number"], how="st_dev")
            check.true(f"{purpose}: {path} is in {where[purpose]}", inside(found["real"], where[purpose]))
            check.equal(f"{purpose}: owner of {path}", "postgres", found["owner"])
    check.equal("temp_tablespaces", "temp", settings["temp_tablespaces"]["setting"])
    check.true("log file is in its place", inside(server["log_file"], where["log"]), found=server["log_file"])
    check.equal(f"mode of {data}", "0700", paths[data]["mode"] if data in paths else None)


def inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


@serving
def test_the_data_directory_holds_what_the_server_makes(
    snapshot: Snapshot, server: Any, check: Check
) -> None:
    """A file such as standby.signal decides what the server is at its next start."""
    data = server["settings"]["data_directory"]["setting"]
    found = set((snapshot["paths"].get(data) or {}).get("entries") or [])
    signals = database.OF_STANDBYS if server["in_recovery"] else set()
    known = database.DATA_DIRECTORY | database.OF_COPIES | signals
    foreign = {name for name in found - known if not name.startswith("pg_")}
    check.true(f"{data} is a cluster", "PG_VERSION" in found, found=sorted(found))
    check.equal(f"files in {data} that the server does not make", [], sorted(foreign))
    check.equal(f"files in {data} that make it a standby", sorted(signals), sorted(signals & found))


@serving
def test_settings_are_in_effect(contract: Contract, server: Any, check: Check) -> None:
    for setting in contract.database.settings:
        key, found = f"database.setting.{setting.name}.value", server["settings"].get(setting.name)
        if found is None:
            check.fact(key, None, how="pg_settings has no such parameter")
            continue
        # Over the unix socket, which the server is asked on, the settings of TCP show as 0.
        value = found["reset"] if setting.name.startswith("tcp_") else found["setting"]
        same = normal(setting.value, found["unit"]) == normal(value, found["unit"])
        check.fact(key, setting.value if same else found["shown"], how="pg_settings")
        check.equal(
            f"{setting.name}: set in",
            database.source(setting),
            (found["source"], found["file"]),
        )


@serving
def test_no_setting_waits_or_comes_from_elsewhere(contract: Contract, server: Any, check: Check) -> None:
    settings = server["settings"]
    check.equal(
        "settings that wait for a restart", [], [n for n, s in settings.items() if s["pending_restart"]]
    )
    check.equal("settings left by ALTER SYSTEM", [], server["auto_settings"])
    check.equal("lines of the configuration with an error", [], server["file_errors"])
    declared = {setting.name for setting in contract.database.settings} | database.POSTGRESQL_HOST_SETTINGS
    given = {
        name
        for name, setting in settings.items()
        if setting["source"] in ("configuration file", "environment variable", "command line")
    }
    known = declared | database.POSTGRESQL_COMMAND | database.OF_RECOVERY | database.NO_TARGET
    targets = {n: s["setting"] for n, s in settings.items() if n in database.NO_TARGET and s["setting"]}
    check.equal("targets of a recovery", {}, targets)
    check.equal("settings that are not declared", [], sorted(given - known - {"synchronous_standby_names"}))
    check.equal("files that were changed after the server read them", [], server["unread"])
    scoped = {name: sorted(lines) for name, lines in server["scoped_settings"].items()}
    check.equal("settings of roles and databases", database.role_settings(contract), scoped)
    for role in contract.database.roles:
        found = dict(line.split("=", 1) for line in scoped.get(f"{role.name}@*", []))
        for setting in role.settings:
            key = f"database.role.{role.name}.setting.{setting.name}.value"
            check.fact(key, found.get(setting.name), how="pg_db_role_setting")


@serving
def test_safety(server: Any, check: Check) -> None:
    for name, value in {
        "data_checksums": "on",
        "ssl": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "allow_alter_system": "off",
        "ssl_cert_file": "/etc/flashtier/tls/host.crt",
        "ssl_key_file": "/etc/flashtier/tls/host.key",
        "ssl_ca_file": "/etc/flashtier/tls/ca.crt",
        "password_encryption": "scram-sha-256",
    }.items():
        check.equal(name, value, server["settings"][name]["setting"])


@pytest.mark.where(lambda host: host.tier == "database")
def test_debians_own_clusters_do_not_exist(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    for path in ("/etc/postgresql/17/main", "/var/lib/postgresql/17/main"):
        check.equal(f"{declared.name}: {path}", None, snapshot["paths"][path])
