"""tools/setup reads its arguments before it waits for anything: neither root nor the lock is needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from infra.paths import ROOT


def setup(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real script in a tree whose `hold` and machine would be in the way."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for entry in (ROOT / "tools").iterdir():
        if entry.name not in ("hold", "setup"):
            (tools / entry.name).symlink_to(entry)
    (tools / "setup").write_bytes((ROOT / "tools/setup").read_bytes())
    (tools / "setup").chmod(0o755)
    (tools / "hold").write_text("#!/bin/sh\necho waits for another set-up\n")
    (tools / "hold").chmod(0o755)
    for name in ("uv.lock", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLASHTIER_")}
    return subprocess.run(
        [tools / "setup", *arguments],
        env={**kept, "FLASHTIER_STATE": str(tmp_path / "state"), "FLASHTIER_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--image"], "unknown argument --image; take --no-image, --aws, --tests or --help"),
        (
            ["--tests", "--no-image"],
            "takes one argument at most, not 2: --no-image, --aws, --tests or --help",
        ),
    ],
)
def test_a_wrong_argument_is_refused_at_once(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = setup(tmp_path, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"setup: error: {said}\n")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("argument", ["-h", "--help"])
def test_help_teaches_and_does_nothing(tmp_path: Path, argument: str) -> None:
    done = setup(tmp_path, argument)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Installs and starts what the kit needs")
    for taught in ("sudo tools/setup", "--no-image", "--aws", "--tests", "--help", "FLASHTIER_CACHE"):
        assert taught in done.stdout
    assert "set -euo" not in done.stdout
    assert "#" not in done.stdout
    assert not (tmp_path / "state").exists()
