"""Set-up runs nothing as root that no lock names by its hash, build backends and plugins included."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT

PROJECTS = {"tree": ROOT, "app": ROOT / "app"}
SUM = "0" * 64


def uv(project: Path, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """uv with nothing in its cache, and no index to ask."""
    program = shutil.which("uv")
    assert program, "uv is not on PATH; run `. tools/env.sh`"
    command = [program, *arguments, "--offline", "--cache-dir", str(cache)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def copy(name: str, tmp_path: Path) -> Path:
    """The project without what it has installed or tested."""
    left_out = shutil.ignore_patterns(".venv", "tests", "*_cache", "__pycache__")
    project = tmp_path / "project"
    project.mkdir()
    for part in ("pyproject.toml", "uv.lock", "README.md", "infra", "ops", "src"):
        source = PROJECTS[name] / part
        if source.is_dir():
            shutil.copytree(source, project / part, ignore=left_out)
        elif source.is_file():
            shutil.copy(source, project)
    return project


@pytest.mark.parametrize("name", PROJECTS)
def test_the_trees_own_packages_are_built_by_uv_itself(name: str, tmp_path: Path) -> None:
    """With no backend to be had: one that is fetched would run as root, whatever version it is that day."""
    project = copy(name, tmp_path)
    done = uv(project, tmp_path / "cache", "build", "--wheel", "--out-dir", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.whl"))) == 1


@pytest.mark.parametrize("name", PROJECTS)
def test_a_backend_without_hash_is_refused(name: str, tmp_path: Path) -> None:
    project = copy(name, tmp_path)
    file = project / "pyproject.toml"
    text = file.read_text()
    other = text.replace('requires = ["uv_build>=0.13.9,<1"]', 'requires = ["hatchling>=1.27"]')
    other = other.replace('build-backend = "uv_build"', 'build-backend = "hatchling.build"')
    assert other != text
    file.write_text(other)
    done = uv(project, tmp_path / "cache", "build", "--wheel", "--out-dir", str(tmp_path / "out"))
    assert done.returncode != 0
    assert "hash" in done.stderr, done.stderr


#: Packages that come as source only -> what may build them, from the same lock.
BUILT = {"patroni/uv.lock": {"python-etcd": "setuptools", "ydiff": "setuptools"}}


@pytest.mark.parametrize("lock", ["uv.lock", "app/uv.lock", "policy/uv.lock", "patroni/uv.lock"])
def test_every_locked_package_comes_as_wheels_with_hashes(lock: str) -> None:
    """A source distribution would be built by a backend of its own, outside every lock; those are listed."""
    packages: list[Any] = tomllib.loads((ROOT / lock).read_text())["package"]
    fetched = [package for package in packages if "registry" in package["source"]]
    assert fetched
    built = BUILT.get(lock, {})
    assert {package["name"] for package in fetched if not package.get("wheels")} == set(built)
    assert set(built.values()) <= {package["name"] for package in fetched}
    artifacts = [wheel for package in fetched for wheel in package.get("wheels", [package.get("sdist")])]
    assert [wheel["url"] for wheel in artifacts if not wheel["hash"].startswith("sha256:")] == []


def test_what_comes_as_source_is_built_by_what_is_locked() -> None:
    project = tomllib.loads((ROOT / "patroni/pyproject.toml").read_text())
    assert set(project["tool"]["uv"]["no-build-isolation-package"]) == set(BUILT["patroni/uv.lock"])
    for group in project["dependency-groups"].values():
        assert any(requirement.startswith("setuptools") for requirement in group)


def shell(tmp_path: Path, script: str, plugins: str) -> list[str]:
    """What tools/lib/plugins.sh prints, with a list of plugins of the test's."""
    tree = tmp_path / "tree"
    (tree / "tools").mkdir(parents=True)
    (tree / "tools/plugins.txt").write_text(plugins)
    shutil.copy(ROOT / "uv.lock", tree)
    fake = tmp_path / "pulumi"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f". {ROOT}/tools/lib/plugins.sh; {script}"],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "FLASHTIER_TREE": str(tree),
            "PULUMI_HOME": str(tmp_path / "home"),
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def locked(name: str) -> str:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return str(next(package["version"] for package in packages if package["name"] == name))


def test_the_plugin_is_installed_by_its_checksum(tmp_path: Path) -> None:
    version = locked("pulumi-aws")
    lines = "".join(f"aws {version} {machine} {SUM}\n" for machine in ("amd64", "arm64"))
    other = f"aws 1.0.0 amd64 {'1' * 64}\n"
    (said,) = shell(tmp_path, "install_aws_plugin", other + lines)
    assert said == f"plugin install resource aws {version} --exact --checksum {SUM}"


def test_without_a_checksum_it_says_how_to_record_one(tmp_path: Path) -> None:
    version = locked("pulumi-aws")
    script = "aws_checksum; has_aws_plugin || missing_checksum"
    (said,) = shell(tmp_path, script, f"aws 1.0.0 amd64 {SUM}\n# aws {version} amd64 {SUM}\n")
    assert said.startswith(f"pulumi-aws {version} for ")
    assert "no checksum in tools/plugins.txt" in said


def test_recorded_checksums_are_of_the_locked_version() -> None:
    lines = (ROOT / "tools/plugins.txt").read_text().splitlines()
    recorded = [line.split() for line in lines if line and not line.startswith("#")]
    for name, version, machine, checksum in recorded:
        assert (name, version) == ("aws", locked("pulumi-aws"))
        assert machine in ("amd64", "arm64")
        assert len(bytes.fromhex(checksum)) == 32


def test_the_engine_fetches_no_plugin_by_itself() -> None:
    done = subprocess.run(
        ["bash", "-euc", f". {ROOT}/tools/env.sh; env"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true" in done.stdout.splitlines()
