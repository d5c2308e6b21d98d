"""The modules etcd_member and etcd_look on a cluster from memory: new ids, votes, and who is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.etcd_gateway import Gateway, cluster
from tests.support.host_modules import run

NAMES = ("one", "two", "three")


def ask(folder: Path, gateway: Gateway, module: str, *, check: bool = False, **more: Any) -> dict[str, Any]:
    tls = dict.fromkeys(("ca", "cert", "key"), "/none")
    endpoints = {name: f"https://{name}:2379" for name in NAMES}
    shared, own = gateway.patched(module)
    with shared, own:
        return run(module, {"endpoints": endpoints, **tls, **more}, folder, check=check)


def member(folder: Path, gateway: Gateway, state: str, *, check: bool = False, **more: Any) -> dict[str, Any]:
    asked = {"peers": {name: f"https://{name}:2380" for name in NAMES}, "user": "root", "password": "secret"}
    return ask(folder, gateway, "etcd_member", check=check, state=state, wait=5, **{**asked, **more})


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_a_member_without_its_data_gets_another_id(tmp_path: Path, check: bool) -> None:
    gateway = cluster(*NAMES, down={"three"})
    answer = member(tmp_path, gateway, "added", name="three", check=check)
    assert (answer["changed"], answer["removed"]) == (True, ["3"])
    assert gateway.members["three"]["ID"] == ("3" if check else "99")
    assert bool(gateway.members["three"].get("isLearner")) is not check
    assert sorted(answer["initial_cluster"].split(",")) == sorted(f"{n}=https://{n}:2380" for n in NAMES)


def test_what_an_interrupted_run_had_added_is_added_again(tmp_path: Path) -> None:
    """It has no name yet, and may have started: its address tells."""
    gateway = cluster(*NAMES, down={"three"})
    del gateway.members["three"]["name"]
    assert member(tmp_path, gateway, "added", name="three")["removed"] == ["3"]
    assert gateway.members["three"]["ID"] == "99"


def test_a_learner_gets_its_vote_from_the_leader_once_it_is_ready(tmp_path: Path) -> None:
    """Of the leader alone: any other member lets the request run out of time."""
    gateway = cluster(*NAMES, leads="two", behind=2)
    gateway.members["three"]["isLearner"] = True
    assert member(tmp_path, gateway, "voting", name="three")["changed"]
    assert not gateway.members["three"]["isLearner"]
    assert not member(tmp_path, gateway, "voting", name="three")["changed"]


def test_members_that_nobody_declares_are_removed(tmp_path: Path) -> None:
    gateway = cluster(*NAMES, "old")
    assert member(tmp_path, gateway, "pruned")["removed"] == ["4"]
    assert set(gateway.members) == set(NAMES)
    assert not member(tmp_path, gateway, "pruned")["changed"]


@pytest.mark.parametrize("state", ["added", "voting", "pruned"])
def test_nothing_changes_without_a_quorum(tmp_path: Path, state: str) -> None:
    gateway = cluster(*NAMES, down={"two", "three"})
    answer = member(tmp_path, gateway, state, name="three")
    assert answer["failed"]
    assert "no member of etcd serves: one: RAFT NO LEADER" in answer["msg"]
    assert gateway.made == []


def test_a_look_tells_of_each_member_and_of_the_cluster(tmp_path: Path) -> None:
    answer = ask(tmp_path, cluster(*NAMES, down={"three"}), "etcd_look")
    assert {name: one["healthy"] for name, one in answer["members"].items()} == {
        "one": True, "two": True, "three": False,
    }  # fmt: skip
    assert "Connection refused" in answer["members"]["three"]["error"]
    assert [one["name"] for one in answer["listed"]] == list(NAMES)
    assert answer["auth"] is False


def test_a_cluster_that_asks_for_accounts_is_known_without_one(tmp_path: Path) -> None:
    assert ask(tmp_path, cluster(*NAMES, auth=True), "etcd_look")["auth"] is True


def test_waiting_for_a_member_that_does_not_come_fails_with_the_reason(tmp_path: Path) -> None:
    gateway = cluster(*NAMES, down={"three"})
    assert "failed" not in ask(tmp_path, gateway, "etcd_look", healthy=["one", "two"], wait=1)
    answer = ask(tmp_path, gateway, "etcd_look", healthy=["one", "three"], wait=1)
    assert answer["failed"]
    assert answer["msg"].startswith("etcd does not serve after 1 s: three: ")
