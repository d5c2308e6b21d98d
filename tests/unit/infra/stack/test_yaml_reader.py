"""Settings files: no value that Pulumi and the kit would read in two ways, and no key twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import FlashtierError
from infra.paths import ROOT
from infra.stack.yaml_reader import read_yaml


@pytest.mark.parametrize(
    "text",
    [
        *(
            "19e2",
            "1.5e+3",
            "0o11",
            "011",
            "0x1F",
            "0b101",
            "1_9.5",
            "1:30",
            "+5",
            "5.",
            ".5",
            ".inf",
            ".NaN",
        ),
        *("yes", "No", "on", "OFF", "y", "True", "FALSE", "Null", "2026-11-29", "2026-1-2"),
    ],
)
def test_a_value_that_two_readers_take_for_two_things_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(f"config:\n  one: 1\n  two: [{text}]\n")
    with pytest.raises(FlashtierError) as caught:
        read_yaml(path)
    line = str(caught.value)
    assert line.startswith(f"{path}:3: is not readable as YAML: {text} is one value to Pulumi and another")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1900", 1900),
        ("100_000", 100_000),
        ("-3", -3),
        ("0", 0),
        ("2.50", 2.5),
        ("true", True),
        ("null", None),
        ("~", None),
        ("'19e2'", "19e2"),
        ('"yes"', "yes"),
        ("10.88.0.0/24", "10.88.0.0/24"),
        ("ami-0123456789abcdef0", "ami-0123456789abcdef0"),
        ("eu-central-1a", "eu-central-1a"),
        ("none", "none"),
        ("1:30 a day", "1:30 a day"),
    ],
)
def test_a_value_that_every_reader_takes_for_the_same_is_read(
    tmp_path: Path, text: str, value: object
) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(f"a: {text}\n")
    assert read_yaml(path) == {"a": value}


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "x:\n  a: 1\n  'a': 1\n"])
def test_a_key_given_twice_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(FlashtierError, match=r":3: is not readable as YAML: the key a is given twice"):
        read_yaml(path)


@pytest.mark.parametrize("path", sorted(ROOT.glob("Pulumi*.yaml")), ids=lambda path: path.name)
def test_the_shipped_files_are_read(path: Path) -> None:
    assert isinstance(read_yaml(path), dict)
