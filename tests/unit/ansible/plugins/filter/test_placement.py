"""Decisions of the role placement: what is refused, and what is left to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.filters import CONTRACT, FIRST, filters, mount, one, said, variables

UNITS = "/etc/systemd/system"
PLACEMENT, STORAGE = filters("placement"), filters("storage")
HOST = CONTRACT.host(FIRST)
DECLARED_VOLUMES = json.loads(HOST.model_dump_json())["volumes"]

VOLUMES = [{"name": "flash", "mount_point": "/vol/flash"}, {"name": "network", "mount_point": "/vol/network"}]


def placement(purpose: str, volume: str) -> dict[str, str]:
    where = {"path": f"/pg/{purpose}", "source": f"/vol/{volume}/{purpose}"}
    return where | {"purpose": purpose, "volume": volume, "owner": "pg", "group": "pgs", "mode": "0700"}


PLACED = [placement("data", "flash"), placement("log", "network")]


PLACED_UNITS = ["pg-data.mount", "pg-log.mount"]


def mounts(**changed: dict[str, str] | None) -> dict[str, dict[str, str]]:
    """The four mounts as declared, but for those that are changed or, with None, missing."""
    known = {"flash": mount("/vol/flash"), "network": mount("/vol/network", device="7:2")}
    known |= {"data": mount("/pg/data", "/data"), "log": mount("/pg/log", "/log", "7:2")}
    return {one["target"]: one for one in (known | changed).values() if one}


def placement_problems(now: dict[str, dict[str, str]], check: bool = False) -> list[str]:
    found: list[str] = PLACEMENT["placement_problems"](PLACED, VOLUMES, now, "db1", check)
    return found


@pytest.mark.parametrize("missing", [{}, {"data": None}, {"data": None, "log": None}])
def test_declared_and_unmounted_placements_are_accepted(missing: dict[str, None]) -> None:
    assert placement_problems(mounts(**missing)) == []


def test_an_unmounted_volume_is_refused_but_in_check_mode() -> None:
    one(placement_problems(mounts(network=None)), "db1: volume network is not mounted at /vol/network")
    assert placement_problems(mounts(network=None), check=True) == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    "now", [mount("/pg/data", "/data", "7:2"), mount("/pg/data", "/log"), mount("/pg/data", "/")]
)
def test_a_path_that_shows_something_else_is_refused(now: dict[str, str], check: bool) -> None:
    shown = f"/pg/data shows {now['fsroot']} of device {now['maj:min']}"
    lines = placement_problems(mounts(data=now), check)
    one(lines, shown, "/vol/flash/data on volume flash", "placement of data")


def test_of_two_mounts_on_a_path_the_upper_is_what_it_shows() -> None:
    known = [*mounts(data=None).values(), mount("/pg/data", "/data"), mount("/pg/data", "/old")]
    look = {"commands": {"mounts": said({"filesystems": known})}}
    one(placement_problems(STORAGE["mounted"](look)), "/pg/data shows /old")


@pytest.mark.parametrize(
    ("filled", "parts"),
    [
        ([], None),
        (["/vol/flash/data"], None),
        (["/vol/flash/data", "/vol/network/data"], None),
        (["/vol/network/log"], None),
        (["/vol/network/data"], ["data is declared on /vol/flash/data", "/vol/network/data holds"]),
    ],
)
def test_data_on_another_volume_is_refused(filled: list[str], parts: list[str] | None) -> None:
    lines = PLACEMENT["placement_elsewhere"](PLACED, VOLUMES, filled, "db1")
    if parts is None:
        assert lines == []
    else:
        one(lines, *parts)


def test_data_on_two_other_volumes_is_named_twice() -> None:
    volumes = [*VOLUMES, {"name": "old", "mount_point": "/vol/old"}]
    filled = ["/vol/old/log", "/vol/flash/log"]
    lines = PLACEMENT["placement_elsewhere"](PLACED, volumes, filled, "db1")
    one(lines, "/vol/flash/log and /vol/old/log holds", "placement of log")


def test_files_of_placements() -> None:
    files = PLACEMENT["placement_files"](PLACED, PLACED_UNITS)
    by_path = {file["path"]: file for file in files}
    assert [file["path"] for file in files] == [
        *("/vol/flash/data", "/vol/network/log", "/pg"),
        *(f"{UNITS}/{unit}" for unit in PLACED_UNITS),
    ]
    rights = {"state": "directory", "owner": "pg", "group": "pgs", "mode": "0700"}
    assert by_path["/vol/flash/data"] == {"path": "/vol/flash/data"} | rights
    assert by_path[f"{UNITS}/pg-log.mount"]["variables"] == {"placement": PLACED[1]}


@pytest.mark.parametrize("written", [{}, {"changes": {f"{UNITS}/pg-log.mount": ["+"]}}])
@pytest.mark.parametrize("idle", [[], ["pg-data.mount"]])
def test_an_idle_or_written_placement_is_left_to_mount(idle: list[str], written: dict[str, Any]) -> None:
    left = PLACEMENT["placement_idle"](PLACED_UNITS, {"idle": idle}, written)
    assert left == idle + (["pg-log.mount"] if written else [])


def test_variables_of_placement() -> None:
    names = ("problems", "unmounted", "idle", "elsewhere", "units", "files")
    table = {"filesystems": [mount(volume["mount_point"]) for volume in DECLARED_VOLUMES]}
    look = {"commands": {"mounts": said(table)}, "contents": {}, "idle": ["pg-wal.mount"]}
    found = variables("placement", FIRST, *names, placement_look=look, placement_found={"files": []})
    assert found["problems"] == found["elsewhere"] == []
    assert len(found["unmounted"]) == len(found["units"]) == len(HOST.placements)
    assert found["idle"] == ["pg-wal.mount"]
    assert found["files"][0]["path"] == HOST.placements[0].source
    wal = next(placed for placed in HOST.placements if placed.purpose == "wal")
    other = next(volume for volume in DECLARED_VOLUMES if volume["name"] != wal.volume)
    lost = {"files": [{"path": f"{other['mount_point']}/wal/17"}]}
    found = variables("placement", FIRST, "elsewhere", placement_look=look, placement_found=lost)
    one(found["elsewhere"], HOST.name, wal.source)


def in_effect(table: dict[str, dict[str, str]], **units: str) -> list[dict[str, str]]:
    """The placements as they are: by these mounts, and by these mount units (purpose: volume)."""
    look = {
        "commands": {"mounts": said({"filesystems": list(table.values())})},
        "contents": {
            f"unit of {purpose}": f"[Mount]\nWhat=/vol/{volume}/{purpose}\nWhere=/pg/{purpose}\n"
            for purpose, volume in units.items()
        },
    }
    found: list[dict[str, str]] = PLACEMENT["placement_now"](PLACED, VOLUMES, look)
    return found


def test_what_is_mounted_is_in_effect_then_what_a_boot_would_mount_then_what_is_declared() -> None:
    assert in_effect(mounts()) == PLACED
    moved = [placement("data", "network"), PLACED[1]]
    assert in_effect(mounts(data=mount("/pg/data", "/data", "7:2"))) == moved
    # A mount tells more than a unit, of which a boot has not made use yet.
    assert in_effect(mounts(data=mount("/pg/data", "/data", "7:2")), data="flash") == moved
    assert in_effect(mounts(data=None), data="network") == moved
    assert in_effect(mounts(data=None)) == PLACED
    assert PLACEMENT["placement_now"](PLACED, VOLUMES, None) == PLACED


@pytest.mark.parametrize(
    "shown", [mount("/pg/data", "/data.before-move", "7:2"), mount("/pg/data", "/data", "8:8")]
)
def test_what_is_no_placement_on_a_volume_stays_a_problem(shown: dict[str, str]) -> None:
    table = mounts(data=shown)
    found: list[str] = PLACEMENT["placement_problems"](in_effect(table), VOLUMES, table, "db1", False)
    one(found, "db1: /pg/data shows", "declared is /vol/flash/data")


def test_what_is_declared_elsewhere_is_reported_with_the_procedure_that_moves_it() -> None:
    declared = [placement("data", "network"), placement("log", "network"), placement("wal", "network")]
    now = [placement("data", "flash"), placement("log", "network"), placement("wal", "flash")]
    lines = PLACEMENT["placement_apart"](declared, now, "db1")
    one(
        lines,
        "db1: data is on volume flash, wal is on volume flash; declared is network.",
        "move_data.yml -e what=data,wal -e to=network",
    )
    assert PLACEMENT["placement_apart"](now, now, "db1") == []


@pytest.mark.parametrize("movable", [True, False])
def test_only_what_a_procedure_moves_stays_where_it_is(movable: bool) -> None:
    wal = next(placed for placed in HOST.placements if placed.purpose == "wal")
    other = next(volume["mount_point"] for volume in DECLARED_VOLUMES if volume["name"] != wal.volume)
    numbers = {volume["mount_point"]: f"7:{number}" for number, volume in enumerate(DECLARED_VOLUMES)}
    table = {
        "filesystems": [mount(root, device=number) for root, number in numbers.items()]
        + [mount(wal.path, "/wal", numbers[other])]
    }
    look = {"commands": {"mounts": said(table)}, "contents": {}, "idle": [], "units": {}}
    found = variables("placement", FIRST, "problems", "apart", placement_look=look, placement_movable=movable)
    assert (len(found["problems"]), len(found["apart"])) == ((0, 1) if movable else (1, 0))
