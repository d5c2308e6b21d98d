"""Decisions of the role etcd: a new cluster, a host that joins, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.filters import CONTRACT, filters, variables

ETCD = filters("etcd")
NAMES = ["control1", "control2", "control3"]
HOSTS = [{"name": name, "address": f"192.0.2.{number}"} for number, name in enumerate(NAMES, start=1)]
PEERS = ETCD["etcd_urls"](HOSTS, 2380)
CLUSTER = 12648430
MARK = f"{CLUSTER:x}\n"


def look(
    *, data: bool = True, host: str | None = MARK, volume: str | None = MARK, active: str = "active"
) -> Any:
    return {
        "paths": {"log": {"exists": data}},
        "contents": {"host": host, "volume": volume},
        "units": {"etcd.service": {"active": active}},
    }


BLANK = look(data=False, host=None, volume=None)


def found(*names: str, auth: bool = True, learner: str = "", extra: tuple[str, ...] = ()) -> Any:
    """A cluster that answers on these hosts; `extra`: members that no one declares."""
    listed = [
        {"member_id": str(i), "name": name, "peer_urls": [PEERS[name]], "learner": name == learner}
        for i, name in enumerate(NAMES)
    ]
    listed += [
        {"member_id": "9", "name": name, "peer_urls": ["https://192.0.2.99:2380"], "learner": False}
        for name in extra
    ]
    return {
        "members": {name: {"cluster_id": str(CLUSTER) if name in names else ""} for name in NAMES},
        "listed": listed if names else [],
        "auth": auth and bool(names),
    }


def decide(looks: list[Any], answer: Any) -> tuple[bool, bool, list[str]]:
    """Whether a cluster was ever complete, whether one is made now, and why nothing may be changed."""
    by_name = dict(zip(NAMES, looks, strict=True))
    return (
        ETCD["etcd_known"](by_name, answer),
        ETCD["etcd_bootstraps"](by_name, answer, HOSTS),
        ETCD["etcd_problems"](by_name, answer, HOSTS),
    )


def test_a_cluster_is_made_where_no_host_and_no_volume_knows_of_one() -> None:
    assert decide([BLANK] * 3, found()) == (False, True, [])


def test_an_interrupted_bootstrap_is_completed() -> None:
    """One member has a log and waits for the others; nothing of anybody is in it."""
    waiting = look(host=None, volume=None, active="activating")
    assert decide([waiting, BLANK, BLANK], found()) == (False, True, [])


@pytest.mark.parametrize(
    "looks",
    [
        [look(), look(), BLANK],
        [look(), look(), look(data=False, volume=None)],
        [look(host=None)] * 2 + [BLANK],
    ],
    ids=["new host", "lost volume", "marks on volumes alone"],
)
def test_a_blank_host_next_to_a_cluster_joins_it(looks: list[Any]) -> None:
    assert decide(looks, found("control1", "control2")) == (True, False, [])
    assert decide(looks, found()) == (True, False, [])  # the others are started first


def test_accounts_alone_tell_that_a_cluster_is_complete() -> None:
    """A run that ended before it marked anything."""
    plain = look(host=None, volume=None)
    assert decide([plain, plain, BLANK], found("control1", "control2"))[:2] == (True, False)


@pytest.mark.parametrize(
    ("looks", "answer", "says"),
    [
        pytest.param(
            [look(data=False, volume=None)] * 3,
            found(),
            "control1, control2, control3: no volume of etcd has data, but there was a cluster (c0ffee)",
            id="all lost",
        ),
        pytest.param(
            [BLANK, None, None],
            found(),
            "control1: there may be a cluster of etcd, which only control2",
            id="limit",
        ),
        pytest.param(
            [look(), look(), look(volume="bad\n")],
            found("control1"),
            "control3 (volume): bad",
            id="foreign volume",
        ),
        pytest.param(
            [look(host="f00\n", volume="f00\n")] * 3,
            found("control1"),
            "the member of control1: c0ffee",
            id="foreign",
        ),
    ],
)
def test_nothing_is_changed_where_data_is_missing_or_foreign(looks: Any, answer: Any, says: str) -> None:
    _, makes, [line] = decide(looks, answer)
    assert not makes
    assert says in line
    assert "Nothing was changed" in line


def test_members_that_nobody_declares_are_named() -> None:
    assert ETCD["etcd_undeclared"](found("control1"), PEERS) == []
    assert ETCD["etcd_undeclared"](found("control1", extra=("old", "")), PEERS) == ["old", "9"]


def test_a_member_that_only_learns_gets_its_vote_by_the_next_run() -> None:
    answer = found("control1", "control2", learner="control3")
    assert [ETCD["etcd_learns"](answer, PEERS, name) for name in NAMES] == [False, False, True]


@pytest.mark.parametrize(
    ("active", "written", "stale"),
    [
        ("active", {"changes": {"/a": "content"}, "outdated": []}, True),
        ("active", {"changes": {}, "outdated": ["/a"]}, True),
        ("active", {"changes": {"/other": "content"}, "outdated": ["/other"]}, False),
        ("inactive", {"changes": {"/a": "content"}, "outdated": []}, False),
        ("active", {"skipped": True}, False),
    ],
)
def test_a_member_that_runs_with_other_files_is_stale(active: str, written: Any, stale: bool) -> None:
    assert ETCD["etcd_stale"](look(active=active), written, "etcd.service", ["/a"]) is stale


def test_the_role_asks_for_no_more_than_its_clients_need() -> None:
    """A right is given on a prefix or a key of the stack's own, and none on all keys."""
    rights = variables("etcd", "control1", "roles")["roles"]
    granted = [right for held in rights.values() for right in held]
    # What each account needs, counted: one more is one more to think about.
    assert len(granted) == 23
    for right in granted:
        assert right["prefix"] == right["key"].endswith("/")
        assert right["key"].startswith((f"/service/{CONTRACT.stack}/", f"/flashtier/{CONTRACT.stack}/"))
