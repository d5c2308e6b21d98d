"""A release's name follows from what is in it, and hosts get exactly the wheels that are theirs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infra.paths import ROOT as TREE
from tools.wheelhouse.collect import KEPT, forget_old, locked, needed
from tools.wheelhouse.project import PROJECTS, Project


@pytest.fixture(params=sorted(PROJECTS))
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the project, which a test may change."""
    original = PROJECTS[request.param]
    folder = tmp_path / request.param
    shutil.copytree(original.folder, folder, ignore=shutil.ignore_patterns(".venv", "tests", "*_cache"))
    monkeypatch.setenv("FLASHTIER_CACHE", str(tmp_path / "cache"))
    return replace(original, folder=folder)


def test_the_name_is_the_version_and_what_it_is_made_of(project: Project) -> None:
    name = project.release_name("3.13", "x86_64")
    assert name.startswith({"app": "0.1.0-", "patroni": "4.1.5+flashtier."}[project.folder.name])
    assert name == project.release_name("3.13", "x86_64")
    assert len({name, project.release_name("3.12", "x86_64"), project.release_name("3.13", "aarch64")}) == 3


def test_any_change_of_what_it_is_made_of_is_another_release(project: Project) -> None:
    names = {project.release_name("3.13", "x86_64")}
    sources = project.sources()
    expected = {
        "app": {"src/photo_api/api.py", "src/photo_api/migrations/0001_photos.sql", "README.md"},
        "patroni": {"patches/3717-keep-upstream.patch"},
    }[project.folder.name] | {"uv.lock", "pyproject.toml"}
    assert expected <= {str(path.relative_to(project.folder)) for path in sources}
    for path in sources:
        path.write_bytes(path.read_bytes() + b"\n")
        names.add(project.release_name("3.13", "x86_64"))
    assert len(names) == len(sources) + 1


@pytest.mark.parametrize("project", ["app"], indirect=True)
def test_moving_text_between_files_is_another_release(project: Project) -> None:
    one, two = project.folder / "src/photo_api/a.py", project.folder / "src/photo_api/b.py"
    one.write_text("xy")
    two.write_text("z")
    before = project.release_name("3.13", "x86_64")
    one.write_text("x")
    two.write_text("yz")
    assert project.release_name("3.13", "x86_64") != before


@pytest.mark.parametrize("project", ["app"], indirect=True)
def test_what_python_leaves_behind_is_not_part_of_it(project: Project) -> None:
    before = project.release_name("3.13", "x86_64")
    (project.folder / "src/photo_api/__pycache__").mkdir(exist_ok=True)
    (project.folder / "src/photo_api/__pycache__/x.pyc").write_bytes(b"x")
    assert project.release_name("3.13", "x86_64") == before


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


def test_only_what_the_hosts_need_is_collected_with_its_hashes() -> None:
    assert needed(LOCKED, "3.13", "x86_64") == {
        "always": "always==1.0 --hash=sha256:aa --hash=sha256:ab",
        "new": "new==4.0 --hash=sha256:da",
    }
    assert list(needed(LOCKED, "3.12", "x86_64")) == ["always", "old"]


HOLDS = {
    "app": {"fastapi", "asyncpg", "pillow", "uvicorn"},
    "patroni": {"patroni", "python-etcd", "psycopg2-binary", "pyyaml", "psutil"},
}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_projects_own_lock_is_all_hashes(project: Project, machine: str) -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv is not on PATH; run `make setup`")
    requirements = needed(locked(project), "3.13", machine)
    assert all("--hash=sha256:" in line and "==" in line for line in requirements.values())
    assert HOLDS[project.folder.name] <= set(requirements)
    assert not {"pytest", "pip", "mypy", "setuptools"} & set(requirements)


def tool(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TREE / "tools/wheels"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=False)


@pytest.mark.parametrize("name", sorted(PROJECTS))
def test_check_makes_nothing_and_says_what_would_be(name: str, tmp_path: Path) -> None:
    target = ("--project", name, "--python", "3.13", "--machine", "x86_64", "--check")
    done = tool(*target, FLASHTIER_CACHE=str(tmp_path / "empty"), PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["collected"] is True
    assert said["archive"] == f"{tmp_path}/empty/wheels/{name}/{said['release']}.tar"
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize(
    "wrong", [["--python", "3"], ["--python", "latest"], ["--machine", "vax"], ["--project", "etcd"]]
)
def test_refuses_a_target_that_cannot_be(wrong: list[str]) -> None:
    done = tool("--project", "app", "--python", "3.13", "--machine", "x86_64", *wrong, "--check")
    assert done.returncode == 2
    assert wrong[1] in done.stderr


def test_old_archives_go_and_this_ones_stays(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.tar" for n in range(KEPT + 3)]
    for age, path in enumerate(paths):
        path.touch()
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    forget_old(paths[-1])
    left = {path.name for path in tmp_path.glob("*.tar")}
    assert left == {path.name for path in [*paths[:KEPT], paths[-1]]}
