"""Which snapshot of etcd is restored, and why none may be: plugins/filter/etcd_restore.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.filters import filters, one, said

MADE = filters("etcd_restore")
HOSTS = ["control1", "control2", "control3"]
FOLDER = "/var/lib/etcd-snapshots"
OLD, NEW = "20261130T090000Z.db", "20261130T100000Z.db"
GONE = {"unreachable": True, "msg": "timed out"}
ROOM = 2**30


def look(
    *kept: str, named: int = 0, free: int = ROOM, mounted: bool = True, program: bool = True
) -> dict[str, Any]:
    return {
        "paths": {
            "program": {"exists": program},
            "named": {"exists": True, "type": "file", "size": named} if named else {"exists": False},
        },
        "commands": {
            "on_its_volume": said("", code=0 if mounted else 1),
            "kept": said("\n".join(f"{name} 1000" for name in kept)),
            "free": said(f"Avail\n{free}"),
        },
    }


def chosen(*looks: Any, named: str = "") -> dict[str, Any]:
    found: dict[str, Any] = MADE["etcd_snapshot"](dict(zip(HOSTS, looks, strict=True)), FOLDER, named)
    return found


def problems(*looks: Any, named: str = "") -> list[str]:
    lines: list[str] = MADE["etcd_unrestorable"](dict(zip(HOSTS, looks, strict=True)), HOSTS, FOLDER, named)
    return lines


def test_the_newest_of_all_hosts_is_chosen() -> None:
    looks = look(OLD), look(OLD, NEW), look()
    assert chosen(*looks) == {"host": "control2", "path": f"{FOLDER}/{NEW}", "size": 1000}
    assert problems(*looks) == []


def test_a_named_one_is_looked_for_on_every_host() -> None:
    looks = look(NEW), look(), look(named=5000)
    assert chosen(*looks, named="/root/kept.db") == {
        "host": "control3",
        "path": "/root/kept.db",
        "size": 5000,
    }
    assert problems(*looks, named="/root/kept.db") == []
    one(problems(look(NEW), look(), look(), named="/root/kept.db"), "snapshot = /root/kept.db", "control1")


def test_hosts_without_any_snapshot_are_refused() -> None:
    one(problems(look(), look(), look()), FOLDER, "-e snapshot=")


def test_the_mark_is_the_clusters_id_as_the_role_reads_it() -> None:
    found = {"members": {"control1": {"cluster_id": "13725951345125412391"}}}
    assert MADE["etcd_mark"](found, "control1") == "be7c6006727ece27"


@pytest.mark.parametrize("silent", [GONE, None])
def test_a_host_that_cannot_be_reached_is_refused(silent: Any) -> None:
    """It may come back with the data that was there before."""
    one(problems(look(NEW), silent, look()), "control2", "cannot be reached")


def test_each_host_has_what_a_restore_needs() -> None:
    one(problems(look(NEW), look(mounted=False), look()), "control2", "not mounted")
    one(problems(look(NEW), look(), look(program=False)), "control3", "etcdutl")
    one(problems(look(NEW), look(), look(free=100 * 2**20)), "control3", "100 MiB free")
