"""`flashtier image`: the newest image of the declared owner is pinned, in the stack's own words."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from moto.ec2.models import ec2_backends
from typer.testing import CliRunner

from infra.errors import FlashtierError
from ops import image_command
from ops.cli import app
from tests.support.aws_environments import aws_environment, changed

REGION = "us-east-1"
#: The account that moto plays.
OWN = "123456789012"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "unit",
        "AWS_SECRET_ACCESS_KEY": "unit",
        "AWS_SESSION_TOKEN": "unit",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield boto3.client("ec2", region_name=REGION)


def registered(ec2, name: str, architecture: str, day: str = "2025-01-01") -> str:
    image = ec2.register_image(Name=name, Architecture=architecture, RootDeviceName="/dev/xvda")["ImageId"]
    # moto keeps neither.
    known = ec2_backends[OWN][REGION].amis[image]
    known.architecture, known.creation_date = architecture, datetime.fromisoformat(day)
    return image


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.unit.yaml"
    declare(path)
    return path


def declare(path: Path, **values: Any) -> None:
    """dev, which takes the images of moto's own account unless `values` say otherwise."""
    environment = changed(aws_environment("dev"), **{"aws__image_owner": OWN, **values})
    path.write_text(yaml.safe_dump({"config": {"flashtier:environment": environment}}))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would be given to the Pulumi CLI."""
    calls: list[list[str]] = []
    monkeypatch.setattr(image_command, "pulumi", lambda stack, arguments: calls.append(arguments))
    return calls


def run(settings: Path, *arguments: str):
    return CliRunner().invoke(app, ["image", "-s", "unit", "--config-file", str(settings), *arguments])


def test_the_newest_of_the_architecture_is_pinned(account, settings, written) -> None:
    newest = registered(account, "debian-13-arm64-20260101-1", "arm64", "2026-01-01")
    registered(account, "debian-13-arm64-20250101-1", "arm64")
    registered(account, "debian-12-arm64-20260301-1", "arm64", "2026-03-01")
    registered(account, "debian-13-amd64-20260301-1", "x86_64", "2026-03-01")
    done = run(settings)
    assert done.exit_code == 0, done.output
    assert newest in done.output
    path = "flashtier:environment.aws.images.arm64"
    assert written == [["config", "set", "--path", path, newest, "--config-file", str(settings)]]


def test_a_dry_run_changes_nothing_and_programs_get_json(account, settings, written) -> None:
    image = registered(account, "debian-13-arm64-20260101-1", "arm64")
    done = run(settings, "--dry-run", "--json")
    shown = json.loads(done.output)
    assert shown["region"] == REGION
    assert [(entry["architecture"], entry["image"], entry["before"]) for entry in shown["images"]] == [
        ("arm64", image, None)
    ]
    assert written == []


def test_what_is_pinned_already_is_left(account, settings, written) -> None:
    image = registered(account, "debian-13-arm64-20260101-1", "arm64")
    declare(settings, aws__images={"arm64": image})
    done = run(settings)
    assert "is pinned already" in done.output
    assert written == []


def test_an_image_of_that_name_with_another_owner_is_never_pinned(account, settings, written) -> None:
    registered(account, "debian-13-arm64-20260101-1", "arm64")
    declare(settings, aws__image_owner="136693071363")
    done = run(settings)
    assert isinstance(done.exception, FlashtierError)
    said = "us-east-1: account 136693071363 has no image debian-13-arm64-* there; name one of your own"
    assert str(done.exception).startswith(said)
    assert written == []


def test_a_local_stack_has_none() -> None:
    done = CliRunner().invoke(app, ["image", "-s", "local"])
    assert str(done.exception).startswith("stack local: is not on platform aws")
