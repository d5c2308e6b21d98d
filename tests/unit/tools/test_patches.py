"""Patches to a locked wheel fit to the letter, and what comes out is a wheel that pip can check."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from tools.wheelhouse.patches import applied, rebuild
from tools.wheelhouse.project import PROJECTS, Failed

PUBLISHED = "".join(f"line {number}\n" for number in range(1, 11))
FIRST = """\
Why it is there.

--- a/pack/one.py
+++ b/pack/one.py
@@ -2,3 +2,4 @@
 line 2
-line 3
+line three
+and a half
 line 4
@@ -9,2 +10,1 @@
 line 9
-line 10
"""
SECOND = """\
--- a/pack/one.py
+++ b/pack/one.py
@@ -1,2 +1,3 @@
+before all
 line 1
 line 2
@@ -5,1 +6,1 @@
-line 5
+line five
"""


def written(folder: Path, **patches: str) -> list[Path]:
    paths = []
    for name, text in patches.items():
        paths.append(folder / f"{name}.patch")
        paths[-1].write_text(text)
    return paths


def test_each_fits_the_published_file_whatever_others_change(tmp_path: Path) -> None:
    one, two = written(tmp_path, one=FIRST, two=SECOND)
    both = applied({"pack/one.py": PUBLISHED, "pack/two.py": ""}, [one, two])
    assert list(both) == ["pack/one.py"]
    assert both["pack/one.py"].splitlines() == [
        *("before all", "line 1", "line 2", "line three", "and a half", "line 4", "line five"),
        *("line 6", "line 7", "line 8", "line 9"),
    ]
    assert applied({"pack/one.py": PUBLISHED}, [two, one]) == both
    assert applied({"pack/one.py": PUBLISHED}, [one])["pack/one.py"].startswith(
        "line 1\nline 2\nline three\n"
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (FIRST.replace(" line 4", " line four"), "pack/one.py: line 4: not 'line four'"),
        (FIRST.replace("-line 3", "-line  3"), "pack/one.py: line 3: not 'line  3'"),
        (FIRST.replace("@@ -2,3", "@@ -3,3"), "pack/one.py: line 3: not 'line 2'"),
        (FIRST.replace("pack/one.py", "pack/none.py"), "pack/none.py: the wheel has no such file"),
        (FIRST.removesuffix("-line 10\n"), "not a whole unified diff"),
        (FIRST.replace("-line 10", "\\ No newline at end of file"), "line 10: not"),
        ("Why it is there, and nothing else.\n", "not a whole unified diff"),
    ],
    ids=["context", "removed", "elsewhere", "file", "cut", "newline", "empty"],
)
def test_one_that_does_not_fit_is_refused(tmp_path: Path, changed: str, reason: str) -> None:
    patches = written(tmp_path, one=changed)
    with pytest.raises(Failed, match=rf"^one\.patch: .*{re.escape(reason)}"):
        applied({"pack/one.py": PUBLISHED}, patches)


def test_two_that_change_the_same_place_are_refused(tmp_path: Path) -> None:
    patches = written(tmp_path, one=FIRST, two=FIRST.replace("line three", "line 3.0"))
    with pytest.raises(Failed, match=r"^two\.patch: changes line 3 as one\.patch does"):
        applied({"pack/one.py": PUBLISHED}, patches)


def wheel(folder: Path) -> Path:
    path = folder / "pack-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pack/one.py", PUBLISHED)
        archive.writestr("pack/data.bin", b"\xff\x00")
        archive.writestr("pack-1.2.dist-info/METADATA", "Name: pack\nVersion: 1.2\n\nIt is\nVersion: 1.2\n")
        archive.writestr("pack-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("pack-1.2.dist-info/RECORD", "of the published wheel\n")
    return path


def test_the_wheel_says_what_it_is_and_records_what_is_in_it(tmp_path: Path) -> None:
    made = rebuild(wheel(tmp_path), written(tmp_path, one=FIRST), "ours.1")
    assert (
        [path.name for path in tmp_path.glob("*.whl")] == ["pack-1.2+ours.1-py3-none-any.whl"] == [made.name]
    )
    with zipfile.ZipFile(made) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert content.pop("pack-1.2+ours.1.dist-info/METADATA") == (
        b"Name: pack\nVersion: 1.2+ours.1\n\nIt is\nVersion: 1.2\n"
    )
    assert b"line three" in content["pack/one.py"]
    assert content["pack/data.bin"] == b"\xff\x00"
    record = list(csv.reader(io.StringIO(content.pop("pack-1.2+ours.1.dist-info/RECORD").decode())))
    assert record[-1] == ["pack-1.2+ours.1.dist-info/RECORD", "", ""]
    assert {path for path, _, _ in record[:-1]} == {*content, "pack-1.2+ours.1.dist-info/METADATA"}
    for path, digest, size in record[:-1]:
        if path in content:
            found = base64.urlsafe_b64encode(hashlib.sha256(content[path]).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={found}", len(content[path]))


def test_the_same_patches_make_the_same_wheel(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    published = wheel(one)
    (two / published.name).write_bytes(published.read_bytes())
    patches = written(tmp_path, one=FIRST)
    assert (
        rebuild(published, patches, "x").read_bytes()
        == rebuild(two / published.name, patches, "x").read_bytes()
    )


PATRONI = PROJECTS["patroni"]


def test_patronis_version_is_the_locked_one_and_the_state_of_the_patches() -> None:
    locked = tomllib.loads((PATRONI.folder / "uv.lock").read_text())["package"]
    (version,) = [package["version"] for package in locked if package["name"] == PATRONI.patched]
    assert re.fullmatch(rf"{re.escape(version)}\+flashtier\.[1-9][0-9]*", PATRONI.version())
    assert PATRONI.patches()


@pytest.mark.parametrize("patch", PATRONI.patches(), ids=lambda path: path.stem)
def test_a_patch_says_whose_it_is_what_happens_without_and_when_it_can_go(patch: Path) -> None:
    header = patch.read_text().split("\n--- a/", 1)[0]
    number = patch.name.split("-", 1)[0]
    own = number == "own"
    assert header.startswith("Ours: " if own else f"Upstream: #{number} (")
    assert "\nWithout it: " in header
    assert "\nIt can go when " in header
    of = patch.stem.replace("-", "_") if own else number
    assert (PATRONI.folder / f"tests/test_{of}.py").is_file()
