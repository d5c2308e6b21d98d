"""A release's name follows from what is in it, and hosts get exactly the wheels that are theirs."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from infra.paths import ROOT as TREE


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/wheels with a copy of the app, which a test may change."""
    loader = importlib.machinery.SourceFileLoader("wheels", str(TREE / "tools/wheels"))
    spec = importlib.util.spec_from_loader("wheels", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    shutil.copytree(
        TREE / "app", tmp_path / "app", ignore=shutil.ignore_patterns(".venv", "tests", "*_cache")
    )
    monkeypatch.setattr(module, "APP", tmp_path / "app")
    monkeypatch.setenv("FLASHTIER_CACHE", str(tmp_path / "cache"))
    return module


def test_the_name_is_the_version_and_what_it_is_made_of(wheels: ModuleType) -> None:
    name = wheels.release_name("3.13", "x86_64")
    assert name.startswith("0.1.0-")
    assert name == wheels.release_name("3.13", "x86_64")
    assert len({name, wheels.release_name("3.12", "x86_64"), wheels.release_name("3.13", "aarch64")}) == 3


@pytest.mark.parametrize(
    "changed",
    ["src/photo_api/api.py", "src/photo_api/migrations/0001_photos.sql", "uv.lock", "pyproject.toml"],
)
def test_any_change_of_the_app_is_another_release(wheels: ModuleType, changed: str) -> None:
    before = wheels.release_name("3.13", "x86_64")
    path = wheels.APP / changed
    path.write_text(path.read_text() + "\n")
    assert wheels.release_name("3.13", "x86_64") != before


def test_moving_text_between_files_is_another_release(wheels: ModuleType) -> None:
    one, two = wheels.APP / "src/photo_api/a.py", wheels.APP / "src/photo_api/b.py"
    one.write_text("xy")
    two.write_text("z")
    before = wheels.release_name("3.13", "x86_64")
    one.write_text("x")
    two.write_text("yz")
    assert wheels.release_name("3.13", "x86_64") != before


def test_what_python_leaves_behind_is_not_part_of_it(wheels: ModuleType) -> None:
    before = wheels.release_name("3.13", "x86_64")
    (wheels.APP / "src/photo_api/__pycache__").mkdir(exist_ok=True)
    (wheels.APP / "src/photo_api/__pycache__/x.pyc").write_bytes(b"x")
    assert wheels.release_name("3.13", "x86_64") == before


LOCKED = """\
always==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
windows==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:ba
old==3.0 ; python_full_version < '3.13' \\
    --hash=sha256:ca
# a comment
new==4.0 ; python_full_version >= '3.13' and platform_machine == 'x86_64' \\
    --hash=sha256:da
"""


def test_only_what_the_hosts_need_is_collected_with_its_hashes(wheels: ModuleType) -> None:
    assert wheels.needed(LOCKED, "3.13", "x86_64").splitlines() == [
        "always==1.0 --hash=sha256:aa --hash=sha256:ab",
        "new==4.0 --hash=sha256:da",
    ]
    assert [line.split()[0] for line in wheels.needed(LOCKED, "3.12", "x86_64").splitlines()] == [
        "always==1.0",
        "old==3.0",
    ]


def test_the_apps_own_lock_is_all_hashes(wheels: ModuleType) -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv is not on PATH; run `make setup`")
    export = ("uv", "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-header")
    lines = wheels.needed(wheels.run(*export), "3.13", "x86_64").splitlines()
    assert all("--hash=sha256:" in line and "==" in line for line in lines)
    names = {line.split("==")[0] for line in lines}
    assert {"fastapi", "asyncpg", "pillow", "uvicorn"} <= names
    assert not {"pytest", "pip", "mypy"} & names


def test_check_makes_nothing_and_says_what_would_be(wheels: ModuleType, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(TREE / "tools/wheels"),
        "--python",
        "3.13",
        "--machine",
        "x86_64",
        "--check",
    ]
    environment = {"FLASHTIER_CACHE": str(tmp_path / "empty"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, env=environment)
    said = json.loads(done.stdout)
    assert said["collected"] is True
    assert said["archive"] == f"{tmp_path}/empty/wheels/{said['release']}.tar"
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("wrong", [["--python", "3"], ["--python", "latest"], ["--machine", "vax"]])
def test_refuses_a_target_that_cannot_be(wrong: list[str]) -> None:
    command = [
        sys.executable,
        str(TREE / "tools/wheels"),
        "--python",
        "3.13",
        "--machine",
        "x86_64",
        *wrong,
        "--check",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert wrong[1] in done.stderr


def test_old_archives_go_and_this_ones_stays(wheels: ModuleType, tmp_path: Path) -> None:
    import os

    paths = [tmp_path / f"{n}.tar" for n in range(wheels.KEPT + 3)]
    for age, path in enumerate(paths):
        path.touch()
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    wheels.forget_old(paths[-1])
    left = {path.name for path in tmp_path.glob("*.tar")}
    assert left == {path.name for path in [*paths[: wheels.KEPT], paths[-1]]}
