"""The image's recipe: its hash, its packages, and a build that is whole or absent."""

from __future__ import annotations

import fcntl
import importlib.machinery
import importlib.util
import json
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from infra.environment import Environment
from infra.errors import FlashtierError
from infra.local.image import MANIFEST, METADATA, RECIPE, ROOTFS, expected_path, image_path, recipe_hash
from tests.support.declared import TREE, contract_of, local_environment
from tests.support.rendered import templar, trusted


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FLASHTIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def build() -> ModuleType:
    """tools/image/build as a module: a program without a suffix."""
    loader = importlib.machinery.SourceFileLoader("image_build", str(RECIPE / "build"))
    spec = importlib.util.spec_from_loader("image_build", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def mmdebstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Counts its runs and packs one file; tests/engine/test_image_hosts.py has the real one."""
    if os.geteuid() != 0:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "mmdebstrap"
    program.write_text(
        "#!/bin/sh\n"
        f"echo run >>{tmp_path}/runs\n"
        "echo 'I: working'\n"
        'for argument in "$@"; do case $argument in /*.tar) tree=$argument ;; esac; done\n'
        'mkdir "$TMPDIR/tree" && echo trixie >"$TMPDIR/tree/release" && tar -C "$TMPDIR/tree" -cf "$tree" .\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return program


def runs(program: Path) -> int:
    record = program.parent.parent / "runs"
    return len(record.read_text().splitlines()) if record.exists() else 0


def test_the_hash_covers_content_name_and_executable_bit(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe"
    shutil.copytree(RECIPE, recipe)
    seen = {recipe_hash(recipe)}
    assert seen == {recipe_hash()}

    (recipe / "packages.txt").write_text((recipe / "packages.txt").read_text() + "one-more\n")
    seen.add(recipe_hash(recipe))
    (recipe / "packages.txt").rename(recipe / "packages2.txt")
    seen.add(recipe_hash(recipe))
    (recipe / "customize").chmod(0o644)
    seen.add(recipe_hash(recipe))
    assert len(seen) == 4

    (recipe / "__pycache__").mkdir(exist_ok=True)
    (recipe / "__pycache__" / "build.pyc").write_bytes(b"compiled")
    assert recipe_hash(recipe) in seen


def test_an_image_that_is_not_whole_is_none(cache: Path) -> None:
    with pytest.raises(FlashtierError, match=r"not built; run tools/image/build"):
        image_path()
    expected_path().mkdir(parents=True)
    (expected_path() / ROOTFS).write_bytes(b"half")
    with pytest.raises(FlashtierError, match=str(expected_path())):
        image_path()
    (expected_path() / MANIFEST).write_text("{}")
    assert image_path() == expected_path()


def test_a_build_is_whole_and_happens_once(build: ModuleType, cache: Path, mmdebstrap: Path) -> None:
    path = build.build(force=False)
    assert path == image_path()
    assert sorted(file.name for file in path.iterdir()) == ["build.log", MANIFEST, METADATA, ROOTFS]
    assert (path / ROOTFS).read_bytes()[:4] == b"hsqs"
    with tarfile.open(path / METADATA) as archive:
        metadata = yaml.safe_load(archive.extractfile("metadata.yaml").read())  # type: ignore[union-attr]
        templates = {Path(name).name for name in archive.getnames() if name.startswith("templates/")}
    assert {template["template"] for template in metadata["templates"].values()} == templates
    assert json.loads((path / MANIFEST).read_text())["recipe"] == recipe_hash()

    assert build.build(force=False) == path
    assert runs(mmdebstrap) == 1
    build.build(force=True)
    assert runs(mmdebstrap) == 2
    assert image_path() == path


def test_a_failed_build_says_why_and_leaves_nothing(build: ModuleType, cache: Path, mmdebstrap: Path) -> None:
    mmdebstrap.write_text("#!/bin/sh\necho 'E: no such mirror'\nexit 25\n")
    with pytest.raises(FlashtierError, match=r"(?s)ended with 25.*E: no such mirror"):
        build.build(force=False)
    assert [path.name for path in (cache / "images").iterdir()] == [".lock"]


def test_a_failed_forced_build_keeps_the_old_image(build: ModuleType, cache: Path, mmdebstrap: Path) -> None:
    path = build.build(force=False)
    before = (path / MANIFEST).read_text()
    mmdebstrap.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(FlashtierError):
        build.build(force=True)
    assert (image_path() / MANIFEST).read_text() == before


def test_a_build_has_a_deadline(
    build: ModuleType, cache: Path, mmdebstrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "DEADLINE", 1)
    mmdebstrap.write_text("#!/bin/sh\necho 'I: downloading'\nsleep 600\n")
    began = time.monotonic()
    with pytest.raises(FlashtierError, match="did not end within 1 s"):
        build.build(force=False)
    assert time.monotonic() - began < 300  # half of what the build would take


def test_a_build_waits_for_another_and_not_for_ever(
    build: ModuleType, cache: Path, mmdebstrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "DEADLINE", 1)
    (cache / "images").mkdir(parents=True)
    with (cache / "images" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FlashtierError, match="another build has held the lock"):
            build.build(force=False)
    assert runs(mmdebstrap) == 0
    assert build.build(force=False) == image_path()


def test_what_a_killed_build_left_is_removed(build: ModuleType, cache: Path, mmdebstrap: Path) -> None:
    left_over = cache / "images" / ".tmp-0123456789abcdef"
    (left_over / "scratch").mkdir(parents=True)
    build.build(force=False)
    assert not left_over.exists()


def test_the_images_used_last_are_kept(build: ModuleType, cache: Path, mmdebstrap: Path) -> None:
    for age, name in enumerate(("newest", "newer", "old", "older")):
        (cache / "images" / name).mkdir(parents=True)
        manifest = cache / "images" / name / MANIFEST
        manifest.write_text("{}")
        os.utime(manifest, (1_000_000 - age, 1_000_000 - age))
    path = build.build(force=False)
    kept = {entry.name for entry in (cache / "images").iterdir() if entry.name != ".lock"}
    assert kept == {path.name, "newest", "newer"}


# -- packages: one list of what roles install, one of what the image carries; they must agree ----------------


def sections() -> dict[str, set[str]]:
    """packages.txt by its section comments ("# system: ...", "# roles")."""
    found: dict[str, set[str]] = {}
    current = ""
    for line in (RECIPE / "packages.txt").read_text().splitlines():
        if line.startswith("# ") and (word := line[2:].split(":")[0]) in ("system", "roles"):
            current = word
        elif line and not line.startswith("#"):
            found.setdefault(current, set()).add(line.strip())
    return found


def apt_tasks(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("ansible.builtin.apt", "ansible.builtin.package"):
                yield value
            else:
                yield from apt_tasks(value)
    elif isinstance(node, list):
        for item in node:
            yield from apt_tasks(item)


def installed_by_roles() -> dict[str, str]:
    """Package -> the role's file that installs it."""
    contract = contract_of("unit", Environment.parse(local_environment()))
    found = {}
    for file in sorted((TREE / "ansible" / "roles").glob("*/tasks/*.yml")):
        known = templar(contract, contract.hosts[0].name, file.parent.parent.name)
        for task in apt_tasks(yaml.safe_load(file.read_text())):
            if task.get("state", "present") == "present" and "name" in task:
                names = known.template(trusted(task["name"]))
                for package in [names] if isinstance(names, str) else names:
                    found[package] = str(file.relative_to(TREE))
    return found


def test_the_image_carries_what_roles_install() -> None:
    wanted, carried = installed_by_roles(), set().union(*sections().values())
    missing = {package: file for package, file in wanted.items() if package not in carried}
    assert wanted
    assert not missing, "add to tools/image/packages.txt, or a fresh deployment downloads them"


def test_the_image_carries_nothing_that_no_role_installs() -> None:
    unused = sections()["roles"] - set(installed_by_roles())
    assert not unused, "a host made without the image would lack them: let a role install them"
