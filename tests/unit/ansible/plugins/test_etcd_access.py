"""The module etcd_access on a cluster from memory: exactly the declared accounts and rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.etcd_gateway import Gateway, cluster, key
from tests.support.host_modules import run

NAMES = ("one", "two", "three")
ACCOUNTS = {"root": ["root"], "snapshot": ["root"], "patroni": ["patroni"]}
ROLES = {
    "patroni": [
        {"key": "/service/unit/", "prefix": True, "access": "readwrite"},
        {"key": "/flashtier/unit/", "prefix": True, "access": "read"},
        {"key": "/one", "prefix": False, "access": "read"},
    ]
}
PASSWORDS = {name: f"the-secret-of-{name}" for name in ACCOUNTS}
RIGHTS = {
    (key("/service/unit/"), key("/service/unit0")): "READWRITE",
    (key("/flashtier/unit/"), key("/flashtier/unit0")): "READ",
    (key("/one"), ""): "READ",
}


def keep(folder: Path, gateway: Gateway, *, check: bool = False, **changed: str) -> dict[str, Any]:
    asked = {
        "endpoints": {name: f"https://{name}:2379" for name in NAMES},
        "accounts": ACCOUNTS,
        "passwords": PASSWORDS | changed,
        "roles": ROLES,
        **dict.fromkeys(("ca", "cert", "key"), "/none"),
    }
    shared, own = gateway.patched("etcd_access")
    with shared, own:
        return run("etcd_access", asked, folder, check=check)


def kept(folder: Path) -> Gateway:
    """A cluster on which the module has run."""
    gateway = cluster(*NAMES)
    assert keep(folder, gateway)["changed"]
    gateway.made.clear()
    return gateway


def test_a_new_cluster_gets_all_of_it_and_asks_for_accounts_last(tmp_path: Path) -> None:
    gateway = cluster(*NAMES)
    answer = keep(tmp_path, gateway)
    assert (gateway.passwords, gateway.granted) == (PASSWORDS, ACCOUNTS)
    assert gateway.roles == {"patroni": RIGHTS}
    assert gateway.auth
    assert gateway.made[-1][0] == "/v3/auth/enable"
    assert answer["cluster"] == f"{12648430:x}"
    assert not any(password in str(answer) for password in PASSWORDS.values())


def test_the_second_run_changes_nothing(tmp_path: Path) -> None:
    gateway = kept(tmp_path)
    answer = keep(tmp_path, gateway)
    assert (answer["changed"], answer["changes"], gateway.made) == (False, [], [])


def test_check_mode_reports_and_changes_nothing(tmp_path: Path) -> None:
    gateway = cluster(*NAMES)
    reported = keep(tmp_path, gateway, check=True)
    assert gateway.made == []
    assert reported["changes"] == keep(tmp_path, gateway)["changes"]


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_changed_password_is_applied_roots_too(tmp_path: Path, name: str) -> None:
    gateway = kept(tmp_path)
    answer = keep(tmp_path, gateway, **{name: "another"})
    assert answer["changes"] == [f"account {name}: password set"]
    assert gateway.passwords[name] == "another"


def test_passwords_of_both_administrators_cannot_change_at_once(tmp_path: Path) -> None:
    gateway = kept(tmp_path)
    answer = keep(tmp_path, gateway, root="another", snapshot="another")
    assert "of root and of snapshot is not the one in etcd" in answer["msg"]
    assert gateway.made == []


def test_a_run_that_ended_before_accounts_were_asked_for_is_completed(tmp_path: Path) -> None:
    gateway = kept(tmp_path)
    gateway.auth, gateway.passwords["patroni"] = False, "of an earlier run"
    keep(tmp_path, gateway)
    assert gateway.auth
    assert gateway.passwords == PASSWORDS


def test_what_was_made_by_hand_is_removed(tmp_path: Path) -> None:
    gateway = kept(tmp_path)
    gateway.passwords["eve"], gateway.granted["eve"] = "x", ["root"]
    gateway.granted["patroni"].append("root")
    gateway.roles["all"] = {}
    gateway.roles["patroni"][key("\0"), key("\0")] = "READWRITE"
    gateway.roles["patroni"][key("/flashtier/unit/"), key("/flashtier/unit0")] = "READWRITE"
    answer = keep(tmp_path, gateway)
    assert (gateway.passwords, gateway.granted) == (PASSWORDS, ACCOUNTS)
    assert gateway.roles == {"patroni": RIGHTS}
    assert len(answer["changes"]) == 5


def test_without_a_quorum_it_says_what_each_member_says(tmp_path: Path) -> None:
    answer = keep(tmp_path, cluster(*NAMES, down={"one", "two"}))
    assert answer["failed"]
    assert "no member of etcd serves" in answer["msg"]
    assert "three: RAFT NO LEADER" in answer["msg"]
