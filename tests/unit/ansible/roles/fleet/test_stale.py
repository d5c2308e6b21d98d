"""Which units run replaced files, by processes of a folder like /proc: roles/fleet/files/stale.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT

PATH = ROOT / "ansible" / "roles" / "fleet" / "files" / "stale.py"


def module() -> Any:
    spec = importlib.util.spec_from_file_location("stale", PATH)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def process(proc: Path, number: int, unit: str, *maps: str, exe: str = "/usr/sbin/nginx") -> None:
    folder = proc / str(number)
    folder.mkdir()
    (folder / "exe").symlink_to(exe)
    lines = [f"7f00-7f01 {line.split()[0]} 00000000 00:1f 77 {line.split(maxsplit=1)[1]}" for line in maps]
    (folder / "maps").write_text("\n".join(["7ffe-7fff rw-p 00000000 00:00 0", *lines]) + "\n")
    (folder / "cgroup").write_text(f"0::/system.slice/{unit}\n")


GONE = "(deleted)"


@pytest.mark.parametrize(
    ("maps", "exe", "found"),
    [
        (["r-xp /usr/lib/x86_64-linux-gnu/libssl.so.3"], "/usr/sbin/nginx", []),
        ([f"r-xp /usr/lib/x86_64-linux-gnu/libssl.so.3 {GONE}"], "/usr/sbin/nginx", ["one.service"]),
        ([], f"/usr/sbin/nginx {GONE}", ["one.service"]),
        # Data, and what is no package's.
        ([f"r--p /usr/lib/locale/locale-archive {GONE}"], "/usr/sbin/nginx", []),
        ([f"rwxs /dev/zero {GONE}", f"r-xp /opt/patroni/a.so {GONE}"], "/usr/sbin/nginx", []),
    ],
)
def test_a_unit_is_stale_by_the_code_that_its_process_runs(
    tmp_path: Path, maps: list[str], exe: str, found: list[str]
) -> None:
    process(tmp_path, 10, "one.service", *maps, exe=exe)
    process(tmp_path, 11, "two.service")
    (tmp_path / "12").mkdir()  # it has ended
    (tmp_path / "self").mkdir()
    assert module().stale(tmp_path) == found


def test_a_process_of_no_service_is_none_of_a_unit(tmp_path: Path) -> None:
    process(tmp_path, 10, "../user.slice/session-1.scope", exe=f"/usr/bin/bash {GONE}")
    process(tmp_path, 11, "system.service/nested", exe=f"/usr/bin/bash {GONE}")
    assert module().stale(tmp_path) == ["system.service"]
