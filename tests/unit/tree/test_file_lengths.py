"""No file of code has more than 300 lines, but for the few that are listed with the reason."""

from __future__ import annotations

import subprocess

import pytest

from infra.paths import ROOT

MOST_LINES = 300
SUFFIXES = (".py", ".yml", ".yaml", ".j2", ".sh")
#: Longer than that: path -> why it is one file.
LONGER = {
    "ansible/plugins/filter/storage_drives.py": "one decision: what is made of the drives of a volume",
    "infra/local/provider/schema.py": "data: the types of the plugin and what each change does",
    "tests/engine/aws/programs/small.py": "data: one resource of each type that the stand-in knows",
    "tests/engine/aws/standin/table/instances.py": "data: rows of the stand-in's table of types",
    "tests/engine/aws/standin/table/load_balancers.py": "data: rows of the stand-in's table of types",
    "tests/engine/aws/standin/table/network.py": "data: rows of the stand-in's table of types",
    "tests/engine/aws/standin/table/watch.py": "data: rows of the stand-in's table of types",
    "tests/support/data/sizing-vectors.yaml": "data: the test vectors of all sizing formulas",
}


def files() -> list[str]:
    """Code and declarations of the tree, new files and programs without a suffix included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file() and is_code(name)]


def is_code(name: str) -> bool:
    path = ROOT / name
    if path.suffix:
        return path.suffix in SUFFIXES
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def lines(name: str) -> int:
    with (ROOT / name).open("rb") as file:
        return sum(1 for _ in file)


def test_files_are_short_or_listed() -> None:
    found = files()
    assert {"infra/program.py", "tools/setup", "templates/base/nftables.conf.j2"} <= set(found)
    long = {name: count for name in found if (count := lines(name)) > MOST_LINES and name not in LONGER}
    assert long == {}, (
        f"more than {MOST_LINES} lines: split it by what its parts do, or list it with the reason"
    )


@pytest.mark.parametrize("name", LONGER)
def test_a_listed_file_is_still_long(name: str) -> None:
    assert lines(name) > MOST_LINES, f"{name}: has {lines(name)} lines; remove it from the list"
