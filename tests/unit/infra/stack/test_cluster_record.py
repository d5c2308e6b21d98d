"""Which cluster a stack has, kept as a tag in Pulumi's backend: written once, forgotten by its name alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from typer.testing import CliRunner

from infra.errors import FlashtierError
from infra.stack import cluster_record
from ops import cli

ONE, OTHER = "7714080437308633944", "7714080437308633945"


class Backend:
    """Tags of a stack, and what the CLI was called with to change them."""

    def __init__(self, **tags: str) -> None:
        self.tags = {"pulumi:project": "flashtier", **tags}
        self.changes: list[list[str]] = []

    def __call__(self, stack: str, arguments: Sequence[str]) -> str:
        assert (stack, arguments[:2]) == ("unit", ["stack", "tag"])
        if arguments[2] == "ls":
            return json.dumps(self.tags)
        self.changes.append(list(arguments[2:]))
        if arguments[2] == "set":
            self.tags[arguments[3]] = arguments[4]
        else:
            del self.tags[arguments[3]]
        return ""


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    made = Backend()
    monkeypatch.setattr(cluster_record, "pulumi", made)
    return made


def test_it_is_written_once(backend: Backend) -> None:
    assert cluster_record.recorded("unit") == ""
    assert cluster_record.record("unit", ONE)
    assert cluster_record.recorded("unit") == ONE
    assert not cluster_record.record("unit", ONE)
    assert len(backend.changes) == 1


def test_a_stack_without_any_tag_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_record, "pulumi", lambda stack, arguments: "null\n")
    assert cluster_record.recorded("unit") == ""


def test_another_cluster_does_not_take_its_place(backend: Backend) -> None:
    cluster_record.record("unit", ONE)
    with pytest.raises(FlashtierError, match=f"flashtier forget-cluster -s unit {ONE}"):
        cluster_record.record("unit", OTHER)
    assert cluster_record.recorded("unit") == ONE


@pytest.mark.parametrize("wrong", ["", "none", f"{ONE}; rm"])
def test_what_is_no_identifier_is_not_written(backend: Backend, wrong: str) -> None:
    with pytest.raises(FlashtierError, match="is no system identifier"):
        cluster_record.record("unit", wrong)
    assert backend.changes == []


def test_it_is_forgotten_by_its_identifier_alone(backend: Backend) -> None:
    cluster_record.record("unit", ONE)
    with pytest.raises(FlashtierError, match=f"cluster = {OTHER}: must be {ONE}"):
        cluster_record.forget("unit", OTHER)
    done = CliRunner().invoke(cli.app, ["forget-cluster", ONE, "-s", "unit"])
    assert (done.exit_code, cluster_record.recorded("unit")) == (0, "")
    assert f"forgot cluster {ONE}" in done.stdout
    with pytest.raises(FlashtierError, match="has no cluster on record"):
        cluster_record.forget("unit", ONE)
