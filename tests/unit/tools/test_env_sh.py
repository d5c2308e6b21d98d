"""tools/env.sh in real shells: where it can be sourced, and which Pulumi CLI it chooses."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from infra.paths import ROOT

SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOCKED = next(
    p["version"] for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"] if p["name"] == "pulumi"
)


def source(shell: str, script: str, *, cwd: Path, path: str = SYSTEM, **variables: str) -> str:
    """What a shell without any of the kit's variables prints."""
    done = subprocess.run(
        [shell, "-euc", script],
        cwd=cwd,
        env={"PATH": path, "HOME": os.environ.get("HOME", "/root"), **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return (done.stdout + done.stderr).strip()


def official(directory: Path, version: str, *, host: bool = True) -> str:
    """A PATH with a Pulumi CLI of that version in front, with or without the language host of its bundle."""
    directory.mkdir()
    (directory / "pulumi").write_text(f"#!/bin/sh\necho v{version}\n")
    (directory / "pulumi").chmod(0o755)
    if host:
        (directory / "pulumi-language-python").write_text("#!/bin/sh\n")
        (directory / "pulumi-language-python").chmod(0o755)
    return f"{directory}:{SYSTEM}"


def later(version: str, *, by: int) -> str:
    """The version with its second number moved."""
    major, minor, patch = version.split(".")
    return f"{major}.{int(minor) + by}.{patch}"


CHOSEN = f'. {ROOT}/tools/env.sh; dirname "$(command -v pulumi || echo none/none)"; echo "$FLASHTIER_PULUMI"'


@pytest.mark.parametrize("version", [LOCKED, later(LOCKED, by=1)])
def test_an_official_cli_that_is_new_enough_is_used(tmp_path: Path, version: str) -> None:
    path = official(tmp_path / "official", version)
    shown = source("bash", CHOSEN, cwd=tmp_path, path=path, FLASHTIER_CACHE=str(tmp_path / "cache"))
    assert shown.split() == [str(tmp_path / "official")] * 2


@pytest.mark.parametrize(
    ("version", "host"),
    [
        (later(LOCKED, by=-1), True),
        (f"{int(LOCKED.split('.')[0]) + 1}.0.0", True),
        (LOCKED, False),
    ],
    ids=["older", "another major version", "without its language host"],
)
def test_another_cli_gives_way_to_the_one_that_setup_builds(tmp_path: Path, version: str, host: bool) -> None:
    path = official(tmp_path / "official", version, host=host)
    cache = tmp_path / "cache"
    built = Path(source("bash", CHOSEN, cwd=tmp_path, path=path, FLASHTIER_CACHE=str(cache)).split()[1])
    assert built.is_relative_to(cache / "pulumi")
    built.mkdir(parents=True)
    (built / "pulumi").write_text("#!/bin/sh\n")
    (built / "pulumi").chmod(0o755)
    shown = source("bash", CHOSEN, cwd=tmp_path, path=path, FLASHTIER_CACHE=str(cache))
    assert shown.split() == [str(built)] * 2


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_sourcing_twice_is_sourcing_once(tmp_path: Path, shell: str) -> None:
    once = f'. {ROOT}/tools/env.sh; echo "$PATH"'
    twice = f'. {ROOT}/tools/env.sh; . {ROOT}/tools/env.sh; echo "$PATH"'
    known = {"cwd": ROOT / "infra", "FLASHTIER_CACHE": str(tmp_path)}
    assert source(shell, once, **known) == source(shell, twice, **known)  # type: ignore[arg-type]


def test_bash_finds_the_tree_from_anywhere_and_sh_from_inside_it(tmp_path: Path) -> None:
    script = f'. {ROOT}/tools/env.sh; echo "$FLASHTIER_TREE"'
    assert source("bash", script, cwd=tmp_path) == str(ROOT)
    assert source("sh", script, cwd=ROOT / "infra") == str(ROOT)
    assert source("sh", script, cwd=tmp_path, FLASHTIER_TREE=str(ROOT)) == str(ROOT)
    outside = source("sh", script, cwd=tmp_path)
    assert "set FLASHTIER_TREE" in outside
    assert str(ROOT) not in outside.splitlines()


def test_what_the_user_has_chosen_stays(tmp_path: Path) -> None:
    script = f'. {ROOT}/tools/env.sh; echo "$PULUMI_BACKEND_URL ${{PULUMI_CONFIG_PASSPHRASE_FILE-unset}}"'
    chosen = {"PULUMI_BACKEND_URL": "s3://bucket", "PULUMI_CONFIG_PASSPHRASE": "x"}
    shown = source("bash", script, cwd=tmp_path, **chosen)
    assert shown == "s3://bucket unset"


def test_compiled_python_is_kept(tmp_path: Path) -> None:
    """Where the caller forbids it, as container images do, every start would compile the whole SDK."""
    script = f". {ROOT}/tools/env.sh; python -c 'import sys; print(sys.dont_write_bytecode)'"
    assert source("sh", script, cwd=ROOT, PYTHONDONTWRITEBYTECODE="1") == "False"
