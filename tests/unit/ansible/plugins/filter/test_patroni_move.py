"""What `move_data.yml` moves, on which members, in which order, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.filters import filters, one

MOVE, PROGRAMS = filters("patroni_move"), filters("programs")
VOLUMES = [{"name": "flash", "mount_point": "/vol/flash"}, {"name": "network", "mount_point": "/vol/network"}]
MEMBERS = ["db1", "db2", "db3"]
PURPOSES = ("data", "wal", "temp", "log")


def placed(**volumes: str) -> list[dict[str, str]]:
    """On network, but for what is named."""
    return [
        {"purpose": purpose, "path": f"/pg/{purpose}", "volume": volumes.get(purpose, "network")}
        for purpose in PURPOSES
    ]


def refused(what: list[str], to: str, members: list[str] = MEMBERS, **declared: str) -> list[str]:
    found: list[str] = MOVE["patroni_move_refused"](
        what, to, placements=placed(**declared), volumes=VOLUMES, members=members
    )
    return found


def test_what_is_declared_there_may_be_moved() -> None:
    assert refused(["data", "wal"], "flash", data="flash", wal="flash") == []
    # One by one, and back.
    assert refused(["wal"], "flash", wal="flash") == []
    assert refused(["data"], "network") == []


@pytest.mark.parametrize(
    ("what", "to", "says"),
    [
        ([], "flash", ("what: names what is moved, of data, wal, temp, log",)),
        (["data", "wat"], "network", ("what = wat: must be of data, wal, temp, log",)),
        (["data"], "", ("to = : must be a volume", "flash, network")),
        (["data"], "flsh", ("to = flsh: must be a volume",)),
        (["data", "log"], "flash", ("to = flash: declared is data on network, log on network", "pulumi up")),
    ],
)
def test_what_cannot_be_moved_is_named(what: list[str], to: str, says: tuple[str, ...]) -> None:
    one(refused(what, to), *says)


@pytest.mark.parametrize("members", [["db1"], ["db1", "db2"]])
def test_fewer_than_three_members_move_nothing(members: list[str]) -> None:
    one(refused(["data"], "network", members), f"{len(members)} of 3 members", "database.members: 3")


def test_what_is_there_already_is_left_alone() -> None:
    parts = MOVE["patroni_move_parts"]
    declared, now = placed(data="flash", wal="flash", log="flash"), placed(wal="flash")
    assert parts(declared, now, ["data", "wal"]) == [
        {"purpose": "data", "path": "/pg/data", "origin": "network", "target": "flash"}
    ]
    assert parts(declared, declared, ["data", "wal", "log"]) == []


def everyone(*parts: str) -> dict[str, list[str]]:
    return {name: list(parts) for name in MEMBERS}


@pytest.mark.parametrize("leader", MEMBERS)
def test_the_one_that_leads_is_last(leader: str) -> None:
    order = MOVE["patroni_move_order"]
    others = [name for name in MEMBERS if name != leader]
    assert order(everyone("part"), leader) == [*others, leader]
    assert order(everyone("part") | {others[0]: []}, leader) == [others[1], leader]
    assert order(everyone(), leader) == []


def test_a_part_names_both_volumes_and_their_markers() -> None:
    moved = {"purpose": "data", "path": "/pg/data", "origin": "network", "target": "flash"}
    found = MOVE["patroni_move_part"](moved, VOLUMES, ["/a", "/b"], "pg-data.mount", "text")
    assert found == {
        "purpose": "data",
        "path": "/pg/data",
        "unit": "pg-data.mount",
        "unit_file": "/etc/systemd/system/pg-data.mount",
        "unit_text": "text",
        "origin": {"volume": "network", "root": "/vol/network", "marker": "/b"},
        "target": {"volume": "flash", "root": "/vol/flash", "marker": "/a"},
    }


PARTS = {
    name: [{"purpose": "data", "path": "/pg/data", "origin": "network", "target": "flash"}]
    for name in MEMBERS
}


def outlook(members: list[str], leader: str) -> list[str]:
    previews = {name: {"bytes": {"data": 3 << 30}, "rate": 100 << 20, "seconds": 30.7} for name in members}
    lines: list[str] = MOVE["patroni_move_outlook"](previews, members, leader, PARTS)
    return lines


def test_the_outlook_says_how_much_how_long_and_who_is_held() -> None:
    assert outlook(["db2", "db1"], "db1") == [
        "db2: data from network to flash (3072 MiB); about 31 s to copy at 100 MiB/s",
        "db1: data from network to flash (3072 MiB); about 31 s to copy at 100 MiB/s",
        "Before db1, which leads, another member takes the lead: clients are held for about a second",
    ]
    assert outlook(["db2"], "db1")[-1] == "No one is held: the member that leads is moved already"
    assert outlook([], "db1") == ["All is where it is declared: nothing to move"]


def test_the_summary_says_what_each_took_and_what_is_left() -> None:
    state: dict[str, Any] = {"figures": {"bytes": 3 << 30, "out": 9.4}, "seconds": {"a": 20.2, "b": 9.4}}
    lines = MOVE["patroni_move_done"]({"db2": state}, "flash", PARTS)
    assert lines[0] == "db2: 3072 MiB to flash in 30 s, 9 s of them without a server"
    assert lines[1].endswith("move_data.yml -e finalize=network")
    assert "make verify" in lines[-1]


def test_what_a_program_has_no_more_is_removed() -> None:
    found = ["/lib/a/one.py", "/lib/a/old.py", "/lib/a/__pycache__"]
    assert PROGRAMS["program_left"](found, ["/tree/a/one.py"]) == [
        {"path": "/lib/a/old.py", "state": "absent"},
        {"path": "/lib/a/__pycache__", "state": "absent"},
    ]


def test_modules_of_a_program_lie_in_a_folder_a_package() -> None:
    found = PROGRAMS["program_files"](["/tree/b/two.py", "/tree/a/one.py"], "/lib", {"unit": ""})
    assert found == [
        {"path": "/lib/a", "state": "directory", "notify": []},
        {"path": "/lib/b", "state": "directory", "notify": []},
        {"path": "/lib/a/one.py", "source": "/tree/a/one.py", "unit": ""},
        {"path": "/lib/b/two.py", "source": "/tree/b/two.py", "unit": ""},
    ]
