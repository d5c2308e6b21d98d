"""A full disk under the state fails each command with one line that names the path; with space it works."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.paths import ROOT
from tests.engine.stacks import small

STACK = "engf"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory on a file system of one megabyte."""
    directory = tmp_path / "state"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory]
    subprocess.run(command, check=True, timeout=10)
    yield directory
    subprocess.run(["umount", directory], check=True, timeout=10)


def fill(directory: Path) -> Path:
    filler = directory / "filler"

    def write() -> None:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    with pytest.raises(OSError, match="No space left"):
        write()
    return filler


def run(state: Path, settings: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # Without the state and the record of the run that this test is part of.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PULUMI_", "FLASHTIER_PHASES"))
    }
    return subprocess.run(
        command,
        cwd=ROOT,
        env={
            **kept,
            "FLASHTIER_STATE": str(state),
            "PULUMI_BACKEND_URL": f"file://{state}/pulumi",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / "passphrase"),
            "FLASHTIER_CONFIG_FILE": str(settings),
            "FLASHTIER_STACK": STACK,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_secrets_are_made_when_there_is_space(state: Path, tmp_path: Path) -> None:
    settings = tmp_path / "Pulumi.engf.yaml"
    settings.write_text(f"config:\n  flashtier:environment: {small('10.90.4.0/24')}\n")
    declared = settings.read_text()
    filler = fill(state)
    done = run(state, settings, "flashtier", "secrets", "-s", STACK)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"flashtier: {state}/")
    assert line.endswith("No space left on device; free some space there, then run it again")
    assert settings.read_text() == declared

    filler.unlink()
    again = run(state, settings, "flashtier", "secrets", "-s", STACK)
    assert again.returncode == 0, again.stderr
    assert "flashtier:secrets" in settings.read_text()


def test_the_preview_reports_how_much_is_needed(state: Path, tmp_path: Path) -> None:
    settings = tmp_path / "Pulumi.engf.yaml"
    settings.write_text(f"config:\n  flashtier:environment: {small('10.90.4.0/24')}\n")
    made = run(state, settings, "flashtier", "secrets", "-s", STACK)
    assert made.returncode == 0, made.stderr
    command = ("pulumi", "preview", "-s", STACK, "--config-file", str(settings), "--non-interactive")
    done = run(state, settings, *command)
    assert done.returncode != 0
    assert "Diagnostics:" in done.stdout, done.stdout
    lines = {line.strip() for line in done.stdout.split("Diagnostics:")[1].splitlines() if "GiB on" in line}
    assert len(lines) == 1, done.stdout + done.stderr
    (line,) = lines
    assert f"GiB on {state} " in line
    assert "there are 0.0 GiB free after the 10 GiB that the machine keeps" in line


def test_the_record_of_phases_reports_a_full_disk(state: Path, tmp_path: Path) -> None:
    (state / STACK).mkdir()
    fill(state)
    done = run(state, tmp_path / "none", str(ROOT / "tools/phase"), "--new")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"phase: error: {state}/{STACK}/phases.jsonl cannot be written (free there: 0)")
