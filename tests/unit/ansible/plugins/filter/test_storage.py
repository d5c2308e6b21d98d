"""Decisions of the role storage: what is refused, and what is left to do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.filters import CONTRACT, FIRST, filters, mount, one, said, variables

UNITS = "/etc/systemd/system"


STORAGE = filters("storage")


DATA: dict[str, Any] = {
    "name": "fast-one",
    "device": "/dev/flashtier/fast-one",
    "uuid": "11111111-2222-5333-8444-555555555555",
    "mount_point": "/vol/fast-one",
    "mount_options": ["noatime"],
}
OTHER: dict[str, Any] = DATA | {
    "name": "net",
    "device": "/dev/flashtier/net",
    "uuid": "99999999-2222-5333-8444-555555555555",
    "mount_point": "/vol/net",
}
MOUNT, CHECK = "vol-fast\\x2done.mount", "flashtier-volume-fast-one.service"
BLOCKS = 1000
XFS = f"""meta-data=/dev/loop1 isize=512 agcount=4, agsize=250 blks
data     =            bsize=4096   blocks={BLOCKS}, imaxpct=25
log      =internal log bsize=4096   blocks=16384, version=2"""


def storage_look(*volumes: dict[str, Any]) -> dict[str, Any]:
    """A host on which all is as declared."""
    look: dict[str, Any] = {"paths": {}, "commands": {}, "units": {}, "idle": [], "missing": []}
    look["commands"]["mounts"] = said({"filesystems": [mount(volume["mount_point"]) for volume in volumes]})
    for volume in volumes:
        name, unit = volume["name"], STORAGE["mount_unit"](volume["mount_point"])
        look["paths"][volume["device"]] = {"exists": True, "type": "block", "device": 5, "rdev": 1793}
        look["paths"][volume["mount_point"]] = {
            "exists": True,
            "type": "directory",
            "device": 1793,
            "rdev": 0,
        }
        look["paths"][f"{UNITS}/{unit}"] = {"exists": True}
        look["commands"][f"signatures {name}"] = said(
            {"signatures": [{"type": "xfs", "uuid": volume["uuid"]}]}
        )
        look["commands"][f"size {name}"] = said(str(4096 * BLOCKS))
        look["commands"][f"geometry {name}"] = said(XFS)
        look["units"][f"flashtier-volume-{name}.service"] = {"active": "active", "reload": "no"}
    return look


def carries(look: dict[str, Any], *signatures: dict[str, Any]) -> None:
    look["commands"]["signatures fast-one"] = said({"signatures": list(signatures)})


def test_what_is_as_declared_leaves_nothing_to_do() -> None:
    volumes, look = [DATA, OTHER], storage_look(DATA, OTHER)
    assert STORAGE["storage_problems"](volumes, look, "db1") == []
    assert STORAGE["storage_new"](volumes, look) == []
    assert STORAGE["storage_blank"](volumes, look) == []
    assert STORAGE["storage_idle"](volumes, look, {}) == []
    assert STORAGE["storage_otherwise"](volumes, look) == []
    assert STORAGE["storage_small"](volumes, look) == []


def test_a_host_without_volumes_has_nothing_to_do() -> None:
    look = storage_look()
    assert STORAGE["storage_problems"]([], look, "web1") == []
    assert STORAGE["storage_small"]([], look) == []
    assert [file["path"] for file in STORAGE["storage_files"]([], "/x/check")] == ["/x", "/x/check"]


@pytest.mark.parametrize(
    ("path", "unit"),
    [("/vol/flash", "vol-flash.mount"), ("/a-b/c-d", "a\\x2db-c\\x2dd.mount"), ("/srv", "srv.mount")],
)
def test_units_are_named_as_systemd_names_them(path: str, unit: str) -> None:
    assert STORAGE["mount_unit"](path) == unit


def test_of_two_mounts_on_one_path_the_last_counts() -> None:
    look = storage_look(DATA)
    two = [mount("/vol/fast-one", device="7:1", options="rw"), mount("/vol/fast-one", device="7:9")]
    look["commands"]["mounts"] = said({"filesystems": two})
    assert STORAGE["mounted"](look)["/vol/fast-one"]["maj:min"] == "7:9"
    assert STORAGE["storage_otherwise"]([DATA], look) == []
    look["commands"]["mounts"] = said({"filesystems": two[::-1]})
    assert STORAGE["storage_otherwise"]([DATA], look) == [MOUNT]


@pytest.mark.parametrize(
    ("device", "part"),
    [
        ({"exists": False}, "does not exist"),
        ({"exists": True, "type": "file", "device": 5, "rdev": 0}, "is not a block device"),
    ],
)
def test_a_device_that_is_none_is_refused(device: dict[str, Any], part: str) -> None:
    look = storage_look(DATA, OTHER)
    look["paths"][DATA["device"]] = device
    # Nothing else is asked of it: wipefs has failed, too.
    look["commands"]["signatures fast-one"] = said("", "no such file", code=1)
    lines = STORAGE["storage_problems"]([DATA, OTHER], look, "db1")
    one(lines, "db1: volume fast-one: /dev/flashtier/fast-one", part, "pulumi up --refresh")


def test_a_device_that_cannot_be_read_is_refused_and_not_treated_as_blank() -> None:
    look = storage_look(DATA)
    look["commands"]["signatures fast-one"] = said("", "input/output error", code=1)
    one(STORAGE["storage_problems"]([DATA], look, "db1"), "cannot be read: input/output error")
    with pytest.raises(ValueError, match="Expecting value"):
        STORAGE["storage_blank"]([DATA], look)


def test_a_blank_device_is_accepted_on_a_new_host_only() -> None:
    look = storage_look(DATA, OTHER)
    carries(look)
    one(STORAGE["storage_problems"]([DATA, OTHER], look, "db1"), "is blank", DATA["uuid"], f"{UNITS}/{MOUNT}")
    look["paths"][f"{UNITS}/{MOUNT}"] = {"exists": False}
    look["commands"]["mounts"] = said({"filesystems": [mount("/vol/net")]})
    assert STORAGE["storage_problems"]([DATA, OTHER], look, "db1") == []
    assert STORAGE["storage_new"]([DATA, OTHER], look) == ["fast-one"]
    assert STORAGE["storage_blank"]([DATA, OTHER], look) == [DATA]


GOOD = {"type": "xfs", "uuid": DATA["uuid"]}


@pytest.mark.parametrize(
    ("signatures", "part"),
    [
        ([{"type": "xfs", "uuid": OTHER["uuid"]}], f"carries xfs with UUID {OTHER['uuid']}"),
        ([{"type": "ext4", "uuid": DATA["uuid"]}], f"carries ext4 with UUID {DATA['uuid']}"),
        ([{"type": "dos", "uuid": None}], "carries dos with UUID none"),
        ([{"type": "gpt"}], "carries gpt with UUID none"),
        ([GOOD, {"type": "ext4", "uuid": "2-2"}], f"carries xfs and ext4 with UUID {DATA['uuid']} and 2-2"),
        ([{"type": "ext4", "uuid": ""}, GOOD], f"carries ext4 and xfs with UUID none and {DATA['uuid']}"),
        ([GOOD, GOOD], "carries xfs and xfs"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_device_that_carries_something_else_is_refused(
    signatures: list[dict[str, Any]], part: str, known: bool
) -> None:
    look = storage_look(DATA)
    look["paths"][f"{UNITS}/{MOUNT}"] = {"exists": known}
    carries(look, *signatures)
    declared = f"declared is xfs with UUID {DATA['uuid']}."
    lines = STORAGE["storage_problems"]([DATA], look, "db1")
    one(lines, part, declared, "wipefs --all /dev/flashtier/fast-one")


def test_another_device_on_the_mount_point_is_refused() -> None:
    look = storage_look(DATA)
    look["paths"]["/vol/fast-one"]["device"] = 1
    lines = STORAGE["storage_problems"]([DATA], look, "db1")
    one(
        lines,
        "another device (7:1) than that of volume fast-one",
        "mounted on /vol/fast-one",
        "systemctl stop",
    )
    look["commands"]["mounts"] = said({"filesystems": []})
    assert STORAGE["storage_problems"]([DATA], look, "db1") == []


def test_each_volume_is_refused_by_itself() -> None:
    look = storage_look(DATA, OTHER)
    for name in ("fast-one", "net"):
        look["commands"][f"signatures {name}"] = said({"signatures": [{"type": "swap", "uuid": "s"}]})
    lines = STORAGE["storage_problems"]([DATA, OTHER], look, "db1")
    assert [line.split(": ")[1] for line in lines] == ["volume fast-one", "volume net"]


def test_data_of_unknown_kind_is_refused() -> None:
    results = [
        {"item": DATA, "rc": 1, "stdout": "differ: byte 1", "stderr": ""},
        {"item": OTHER, "rc": 0, "stdout": "", "stderr": ""},
    ]
    lines = STORAGE["storage_unknown"](results, "db1")
    one(lines, "volume fast-one", "differ: byte 1", "blkdiscard --zeroout /dev/flashtier/fast-one")
    assert STORAGE["storage_unknown"](results[1:], "db1") == []


def test_each_device_and_each_mount_point_is_read() -> None:
    asked = STORAGE["storage_commands"]([DATA, OTHER])
    assert len(asked) == 7
    assert asked["signatures net"][-1] == asked["size net"][-1] == OTHER["device"]
    assert asked["geometry net"][-1] == OTHER["mount_point"]
    # Without it wipefs only reads as long as nobody adds --all.
    assert "--no-act" in asked["signatures fast-one"]


def test_files_of_volumes() -> None:
    files = {file["path"]: file for file in STORAGE["storage_files"]([DATA, OTHER], "/usr/lib/x/check")}
    assert len(files) == 7
    assert files["/usr/lib/x"]["state"] == files["/vol"]["state"] == "directory"
    assert files["/usr/lib/x/check"]["mode"] == "0755"
    assert files[f"{UNITS}/{MOUNT}"]["template"] == "storage/volume.mount.j2"
    assert files[f"{UNITS}/{CHECK}"]["template"] == "storage/volume.service.j2"
    assert files[f"{UNITS}/vol-net.mount"]["variables"] == {"volume": OTHER}
    order = list(files)
    assert order.index("/usr/lib/x") < order.index("/usr/lib/x/check")


@pytest.mark.parametrize("written", [{}, {"changes": {}}, {"changes": {f"{UNITS}/vol-net.mount": ["-"]}}])
def test_an_idle_unit_is_left_to_mount(written: dict[str, Any]) -> None:
    look = storage_look(DATA, OTHER) | {"idle": [MOUNT, "elsewhere.mount"]}
    idle = STORAGE["storage_idle"]([DATA, OTHER], look, written)
    assert idle == [MOUNT, *(["vol-net.mount"] if written.get("changes") else [])]


@pytest.mark.parametrize("unit", [MOUNT, CHECK])
def test_a_unit_that_was_written_is_left_to_mount(unit: str) -> None:
    look = storage_look(DATA, OTHER)
    assert STORAGE["storage_idle"]([DATA, OTHER], look, {"changes": {f"{UNITS}/{unit}": []}}) == [MOUNT]


@pytest.mark.parametrize("state", [{"reload": "yes"}, {}])
def test_a_check_that_systemd_has_not_read_is_left_to_mount(state: dict[str, str]) -> None:
    look = storage_look(DATA, OTHER)
    look["units"][CHECK] = state
    assert STORAGE["storage_idle"]([DATA, OTHER], look, {}) == [MOUNT]


@pytest.mark.parametrize(
    ("options", "left"),
    [("noatime,rw,inode64", []), ("rw,relatime", [MOUNT]), ("rw,noatimes", [MOUNT]), ("", [MOUNT])],
)
def test_a_missing_option_is_left_to_remount(options: str, left: list[str]) -> None:
    look = storage_look(DATA)
    look["commands"]["mounts"] = said({"filesystems": [mount("/vol/fast-one", options=options)]})
    assert STORAGE["storage_otherwise"]([DATA], look) == left
    look["commands"]["mounts"] = said({"filesystems": []})
    assert STORAGE["storage_otherwise"]([DATA], look) == []


@given(more=st.integers(min_value=0, max_value=200))
def test_a_file_system_grows_from_64_blocks_on(more: int) -> None:
    look = storage_look(DATA)
    look["commands"]["size fast-one"] = said(str(4096 * (BLOCKS + more)))
    assert STORAGE["storage_small"]([DATA], look) == ([DATA] if more >= 64 else [])


@pytest.mark.parametrize("what", ["mounts", "geometry fast-one"])
def test_a_file_system_of_unknown_size_may_be_small(what: str) -> None:
    look = storage_look(DATA)
    look["commands"][what] = said({"filesystems": []}) if what == "mounts" else said("", "no such path", 1)
    assert STORAGE["storage_small"]([DATA], look) == [DATA]


HOST = CONTRACT.host(FIRST)
DECLARED_VOLUMES = json.loads(HOST.model_dump_json())["volumes"]


def test_variables_of_storage() -> None:
    names = ("problems", "new", "blank", "idle", "otherwise", "unmounted")
    look = storage_look(*DECLARED_VOLUMES)
    table = [mount(one["mount_point"], options=",".join(one["mount_options"])) for one in DECLARED_VOLUMES]
    look["commands"]["mounts"] = said({"filesystems": table})
    assert not any(variables("storage", FIRST, *names, storage_look=look).values())
    first = DECLARED_VOLUMES[0]
    look["commands"][f"signatures {first['name']}"] = said({"signatures": []})
    look["commands"]["mounts"] = said({"filesystems": table[1:]})
    found = variables("storage", FIRST, *names, "small", "files", storage_look=look)
    one(found["problems"], HOST.name, first["uuid"])
    assert found["blank"] == found["unmounted"] == [first]
    assert first in found["small"]
    assert {"/vol", "/usr/local/lib/flashtier/check-volume"} <= {file["path"] for file in found["files"]}
