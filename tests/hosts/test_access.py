"""Who may log in, who may become root, and how the SSH daemon is in effect."""

from __future__ import annotations

import ipaddress
import stat
from pathlib import Path

from infra.contract import Contract, ContractHost
from infra.paths import passphrase_file
from tests.hosts import exact, promises
from tests.hosts.facts import Check
from tests.hosts.image import Image
from tests.hosts.snapshot import Snapshot

NO_SHELL = {"/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/sync"}


def test_only_the_operator_logs_in(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    name, accounts = declared.name, snapshot["accounts"]
    keys = {user: entry["keys"] for user, entry in accounts.items() if entry["keys"]}
    check.fact("access.user", next(iter(keys)) if len(keys) == 1 else sorted(keys), how=f"keys on {name}")
    check.fact("access.authorized_keys", keys.get(contract.access.user), how=f"authorized_keys on {name}")
    shells = sorted(user for user, entry in accounts.items() if entry["shell"] not in NO_SHELL)
    # Packages give postgres a shell; it has no key and no password. root's shell serves sudo.
    allowed = {"root", contract.access.user} | ({"postgres"} if "postgres" in accounts else set())
    check.equal(f"{name}: accounts with a shell", sorted(allowed), shells)
    for user, entry in accounts.items():
        check.equal(f"{name}: password of {user}", "locked", entry["password"])
    check.equal(f"{name}: accounts with uid 0", ["root"], [u for u, e in accounts.items() if e["uid"] == 0])


def accounts(snapshot: Snapshot) -> list[str]:
    return [line.split(":")[0] for line in snapshot["entries"]["passwd"]]


def groups_of(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    rows = (line.split(":") for line in snapshot["entries"]["group"])
    return {row[0]: tuple(sorted(row[3].split(","))) if row[3] else () for row in rows}


def memberships(snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
    return [(group, members) for group, members in groups_of(snapshot).items() if members]


def test_no_other_account_or_group_exists(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, image: Image, check: Check
) -> None:
    """From the files themselves, where a name or a number may stand twice."""
    name, entries = declared.name, snapshot["entries"]
    rows = [line.split(":") for line in entries["passwd"]]
    known = image.completed("accounts", name, exact.users(contract, declared), accounts, exact.USERS)
    check.equal(f"{name}: accounts", sorted(known), sorted(row[0] for row in rows))
    numbers = [row[2] for row in rows]
    twice = sorted(row[0] for row in rows if numbers.count(row[2]) > 1)
    check.equal(f"{name}: accounts that share a number", [], twice)
    check.equal(f"{name}: passwords in /etc/passwd", [], [row[0] for row in rows if row[1] != "x"])
    ended = image.completed(
        "accounts that end",
        name,
        exact.ended(declared),
        lambda snapshot: snapshot["entries"]["ending"],
        exact.ENDED,
    )
    check.equal(f"{name}: accounts that end on a day", sorted(ended), entries["ending"])
    groups = image.completed("groups", name, exact.groups(contract, declared), groups_of, exact.GROUPS)
    found = sorted(line.split(":")[0] for line in entries["group"])
    check.equal(f"{name}: groups", sorted(groups), found)
    usual = exact.MEMBERSHIPS.items()
    members = image.completed("members", name, exact.memberships(declared), memberships, usual)
    check.equal(f"{name}: members of groups", dict(members), dict(memberships(snapshot)))


def test_only_the_operator_becomes_root(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    rules = {
        line
        for path, lines in snapshot["privileges"].items()
        for line in lines
        if not line.startswith(("Defaults", "@include"))
    }
    expected = {
        "root ALL=(ALL:ALL) ALL",
        "%sudo ALL=(ALL:ALL) ALL",
        f"{contract.access.user} ALL=(ALL:ALL) NOPASSWD: ALL",
    }
    check.equal(
        f"{declared.name}: rules of sudo", sorted(expected), sorted(" ".join(r.split()) for r in rules)
    )
    for group in ("sudo", "adm", "root", "shadow", "disk", "docker", "lxd"):
        members = [user for user, entry in snapshot["accounts"].items() if group in entry["groups"]]
        check.equal(f"{declared.name}: members of group {group}", [], members)


def test_ssh_daemon(declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check) -> None:
    effective = snapshot["ssh_daemon"]
    for option, value in {**promises.SSHD, "allowusers": contract.access.user}.items():
        check.equal(
            f"{declared.name}: sshd {option}", value, " ".join(effective.get(option, [])), how="sshd -T"
        )


def test_the_controller_logs_in_from_its_address(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    """On AWS from the endpoint's, which lies alone in a range."""
    clients = snapshot["network"]["ssh_clients"]
    found = clients[0] if len(clients) == 1 else clients
    if contract.platform == "aws":
        inside = ipaddress.ip_network(contract.controller)
        outsiders = [client for client in clients if ipaddress.ip_address(client) not in inside]
        found = contract.controller if clients and not outsiders else outsiders
    check.fact("controller", found, how=f"peers of sshd on {declared.name}")


def test_the_operators_private_key(contract: Contract, check: Check) -> None:
    key = Path(contract.access.private_key_file)
    mode = stat.S_IMODE(key.stat().st_mode) if key.is_file() else None
    check.fact("access.private_key_file", str(key) if mode == 0o600 else None, how=f"mode of {key}: {mode}")
    secret = passphrase_file()
    check.equal(f"mode of {secret}", 0o600, stat.S_IMODE(secret.stat().st_mode) if secret.exists() else None)
    public = key.with_name(key.name + ".pub").read_text().split()[:2]
    authorized = [line.split()[:2] for line in contract.access.authorized_keys]
    check.true(f"{key}: its public half is authorized", public in authorized)
