"""An unreachable registry fails set-up soon, with one line that names it and the variables to redirect it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.paths import ROOT

#: Nothing listens on the discard port of the loopback: refused at once.
DEAD = "http://127.0.0.1:9"
NEEDED = ("tools", "infra", "ops", "app", "pyproject.toml", "uv.lock", "README.md")


@pytest.fixture
def cut_off(tmp_path: Path) -> dict[str, str]:
    """Nothing cached, and no route out of the machine."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLASHTIER_", "PIP_", "UV_"))
    }
    return {
        **kept,
        "FLASHTIER_STATE": str(tmp_path / "state"),
        "FLASHTIER_CACHE": str(tmp_path / "cache"),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "HTTPS_PROXY": DEAD,
        "GOPROXY": DEAD,
    }


def run(command: list[str], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def error_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if "error: " in line and not line.startswith("    |")]


def test_set_up_names_pypi_and_its_variables(tmp_path: Path, cut_off: dict[str, str]) -> None:
    """In a checkout that has no Python environment yet."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns(".venv", "__pycache__", ".hypothesis", ".mypy_cache")
            shutil.copytree(source, tree / name, ignore=ignored, symlinks=True)
        else:
            shutil.copy2(source, tree / name)
    done = run([str(tree / "tools/setup"), "--no-image"], tree, cut_off)
    assert done.returncode == 1
    (line,) = error_lines(done.stderr)
    assert line.startswith("setup: error: Python packages failed")
    assert "is PyPI (https://pypi.org/simple) reachable from here" in line
    assert "(UV_DEFAULT_INDEX is not set, HTTPS_PROXY is set)?" in line
    assert DEAD not in line, "a proxy's address may hold a password"


def test_set_up_names_the_module_proxy(cut_off: dict[str, str]) -> None:
    script = """
        . tools/env.sh
        for file in say machine python go; do . tools/lib/$file.sh; done
        mkdir -p "$FLASHTIER_STATE" "$FLASHTIER_CACHE"
        open_log "$FLASHTIER_STATE/log"
        find_go || GO=$(command -v go)
        hint=$(reachable "the Go module proxy" "$("$GO" env GOPROXY)" GOPROXY HTTPS_PROXY)
        step "Go modules" "$hint" find_modules
    """
    done = run(["bash", "-euo", "pipefail", "-c", script], ROOT, cut_off)
    assert done.returncode == 1
    (line,) = error_lines(done.stderr)
    assert (
        f"is the Go module proxy ({DEAD}) reachable from here (GOPROXY is set, HTTPS_PROXY is set)?" in line
    )


@pytest.mark.parametrize("project", ["app", "patroni"])
def test_collecting_wheels_names_pypi(tmp_path: Path, cut_off: dict[str, str], project: str) -> None:
    target = ["--project", project, "--python", "3.13", "--machine", "x86_64"]
    done = run([str(ROOT / "tools/wheels"), *target], ROOT, cut_off)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("tools/wheels: ")
    assert "is PyPI reachable from here (PIP_INDEX_URL, UV_DEFAULT_INDEX, HTTPS_PROXY)?" in line
    assert not list((tmp_path / "cache/wheels").rglob("*.tar"))
