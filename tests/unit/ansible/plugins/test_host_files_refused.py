"""What the module host_files refuses, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.host_modules import contents, entry, keep, run


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "give one of template, content, target and state, not none"),
        (
            {"content": "x", "target": "y"},
            "give one of template, content, target and state, not content and target",
        ),
        ({"content": "x", "mode": "rw"}, "mode rw is not octal; write it in quotes, such as '0644'"),
        (
            {"content": "x", "validate": "true"},
            "validate needs %s where the file's path belongs: true",
        ),
        (
            {"content": "x", "owner": "nobody-here"},
            "the host has no account nobody-here; its package or role comes first",
        ),
        (
            {"content": "x", "group": "no-group"},
            "the host has no group no-group; its package or role comes first",
        ),
    ],
)
def test_a_wrong_entry_is_refused_by_name(
    tmp_path: Path, host: Path, wrong: dict[str, str], message: str
) -> None:
    refused = keep(tmp_path, entry(host / "first", content="x"), entry(host / "file", **wrong))
    assert (refused["failed"], refused["msg"]) == (True, f"{host / 'file'}: {message}")
    assert contents(host) == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"files": [{"content": "x"}]}, "path"),
        ({"files": [{"path": "/x", "state": "file"}]}, "state"),
        ({"files": [{"path": "/x", "content": "", "applied_by": "magic"}]}, "applied_by"),
        ({"files": [], "modes": "0644"}, "modes"),
        ({}, "files"),
    ],
)
def test_arguments_that_it_does_not_know_are_refused(
    tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    refused = run("host_files", wrong, tmp_path)
    assert refused["failed"] is True
    assert message in refused["msg"]
