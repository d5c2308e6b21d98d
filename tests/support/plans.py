"""Runs of `flashtier plan`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from infra.errors import FlashtierError
from ops import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["plan", *arguments])


def settings_file(directory: Path, environment: Any) -> str:
    path = directory / "Pulumi.unit.yaml"
    path.write_text(yaml.safe_dump({"config": {"flashtier:environment": environment}}))
    return str(path)


def error_of(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, FlashtierError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


TODAY = date(2026, 11, 25)
