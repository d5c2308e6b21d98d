"""tools/lib/python.sh: an environment on which uv was killed is not taken for whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from infra.paths import ROOT

#: Writes its arguments down; `sync` without --check fails, or is killed, as FATE says.
UV = """#!/bin/bash
echo "$@" >>"$CALLS"
case " $* " in *" --check "*) exit "${STALE:-0}" ;; esac
case ${FATE:-} in kill) kill -KILL $$ ;; fail) exit 2 ;; esac
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for project in ("app", "patroni", "policy"):
        (tmp_path / project).mkdir()
    uv = tmp_path / "uv"
    uv.write_text(UV)
    uv.chmod(0o755)
    return tmp_path


def shell(tree: Path, script: str, **variables: str) -> tuple[int, list[str]]:
    """The exit code, and what uv was asked in this call."""
    calls = tree / "calls"
    calls.write_text("")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f". {ROOT}/tools/lib/python.sh; {script}"],
        env={
            "PATH": "/usr/bin:/bin",
            "FLASHTIER_TREE": str(tree),
            "UV": str(tree / "uv"),
            "CALLS": str(calls),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, calls.read_text().splitlines()


def test_where_all_is_there_nothing_is_installed(tree: Path) -> None:
    code, calls = shell(tree, "synced_python")
    assert code == 0
    assert len(calls) == 4
    assert all("--check" in call for call in calls)
    assert shell(tree, "synced_python", STALE="1")[0] == 1


@pytest.mark.parametrize("fate", ["kill", "fail"])
def test_after_a_killed_uv_all_packages_are_installed_again(tree: Path, fate: str) -> None:
    code, calls = shell(tree, "sync_python", FATE=fate)
    assert code != 0
    assert "--reinstall" not in calls[0]
    # uv itself would say that all is there.
    assert shell(tree, "synced_python")[0] == 1
    code, calls = shell(tree, "sync_python")
    assert code == 0
    assert ["--reinstall" in call for call in calls] == [True, False, False, False], (
        "the others were not begun"
    )
    assert shell(tree, "synced_python")[0] == 0
    assert not ["--reinstall" for call in shell(tree, "sync_python")[1] if "--reinstall" in call]
