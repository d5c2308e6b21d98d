"""What `flashtier plan` and a preview refuse, in one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra import program
from infra.capacity.check import check_capacity
from infra.environment import Environment
from infra.errors import EnvironmentInvalid, FlashtierError
from infra.stack.settings_file import read_environment
from tests.support.aws_environments import changed, on_ebs
from tests.support.declared import local_environment
from tests.support.plans import error_of


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("-s", "local"),
            "stack local: is on local, and a plan needs the figures and prices of aws; take a stack",
        ),
        (("-s", "nowhere"), "Pulumi.nowhere.yaml: is not a file; name one of the stacks dev, "),
        (("-s", "No"), "stack 'No': a stack's name starts with"),
        (("-s", "prod", "--chart", "chart.pdf"), "a chart is written as .svg or .png"),
        (("-s", "prod", "--chart", "/no/such/place/chart.svg"), "there is no directory /no/such/place"),
    ],
)
def test_what_cannot_be_planned_is_one_line(arguments: tuple[str, ...], says: str) -> None:
    assert says in error_of(*arguments)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("config: [", "is not readable as YAML"),
        ("config: {}", "has no config.flashtier:environment"),
        ("a: b", "has no config.flashtier:environment"),
        ("- 1", "has no config.flashtier:environment"),
    ],
)
def test_a_settings_file_without_an_environment_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(FlashtierError) as caught:
        read_environment("unit", path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


class Config:
    """As much of pulumi.Config as the program reads before it refuses."""

    def __init__(self, environment: Any) -> None:
        self.environment = environment

    def get_object(self, key: str) -> Any:
        assert key == "environment"
        return self.environment


def refused(environment: Any) -> tuple[str, ...]:
    with pytest.raises(EnvironmentInvalid) as caught:
        program._declare("unit", Config(environment))  # type: ignore[arg-type]
    return caught.value.faults


def test_a_preview_ends_with_what_the_declared_tier_cannot_carry() -> None:
    declared = changed(on_ebs("gp3", throughput_mib_s=125), web__count=3)
    faults = refused(declared)
    assert list(faults) == check_capacity(read := Environment.parse(declared))
    assert read.platform == "aws"
    assert {fault.split(" = ")[0].rsplit(".", 1)[1] for fault in faults} >= {
        "count",
        "class",
        "throughput_mib_s",
    }


def test_a_local_environment_passes_the_check_of_capacity() -> None:
    assert check_capacity(Environment.parse(local_environment())) == []
