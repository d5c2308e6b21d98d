"""The module that tells whether a service runs with older content than its files hold."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from infra.paths import ROOT

PATH = ROOT / "ansible/plugins/modules/service_outdated.py"
NOW = time.time()


class Ended(Exception):
    """Ansible's own way of leaving a module."""


@pytest.fixture
def outdated(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run the module beside a systemd that says when the unit started and was last reloaded, seconds ago."""
    spec = importlib.util.spec_from_file_location("service_outdated", PATH)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(
        files: list[Path], *, taken_by: str, started: float, reloaded: float, state: str = "active"
    ) -> dict[str, Any]:
        answers = {
            "ActiveState": state,
            "ActiveEnterTimestampMonotonic": str(int((time.monotonic() - started) * 1e6)),
            "StateChangeTimestampMonotonic": str(int((time.monotonic() - reloaded) * 1e6)),
        }
        result: dict[str, Any] = {}

        class Module:
            params = {"unit": "x.service", "files": [str(file) for file in files], "taken_by": taken_by}  # noqa: RUF012

            def __init__(self, argument_spec: dict[str, Any], supports_check_mode: bool) -> None:
                assert set(argument_spec) == set(self.params)
                assert supports_check_mode

            def run_command(self, command: list[str], check_rc: bool) -> tuple[int, str, str]:
                assert command[0] == "systemctl"
                asked = command[command.index("--property") + 1].split(",")
                return 0, "".join(f"{name}={answers[name]}\n" for name in asked), ""

            def exit_json(self, **kept: Any) -> None:
                result.update(kept)
                raise Ended

        monkeypatch.setattr(module, "AnsibleModule", Module)
        with pytest.raises(Ended):
            module.main()
        return result

    return run


def written(path: Path, seconds_ago: float) -> Path:
    path.touch()
    os.utime(path, (NOW - seconds_ago, NOW - seconds_ago))
    return path


def test_a_file_newer_than_the_last_reload_is_told(
    tmp_path: Path, outdated: Callable[..., dict[str, Any]]
) -> None:
    old, new = written(tmp_path / "old", 100), written(tmp_path / "new", 10)
    told = outdated([old, new], taken_by="reload", started=1000, reloaded=50)
    assert told == {"changed": True, "newer": [str(new)]}
    assert outdated([old, new], taken_by="reload", started=1000, reloaded=5)["changed"] is False


def test_a_reload_does_not_count_where_a_restart_is_needed(
    tmp_path: Path, outdated: Callable[..., dict[str, Any]]
) -> None:
    file = written(tmp_path / "file", 100)
    assert outdated([file], taken_by="restart", started=1000, reloaded=5)["changed"] is True
    assert outdated([file], taken_by="restart", started=50, reloaded=50)["changed"] is False


@pytest.mark.parametrize("state", ["inactive", "failed", "activating"])
def test_a_service_that_does_not_run_takes_all_at_its_start(
    tmp_path: Path, outdated: Callable[..., dict[str, Any]], state: str
) -> None:
    file = written(tmp_path / "file", 0)
    assert outdated([file], taken_by="reload", started=1000, reloaded=1000, state=state)["changed"] is False


def test_a_link_that_was_set_anew_counts_though_its_target_is_old(
    tmp_path: Path, outdated: Callable[..., dict[str, Any]]
) -> None:
    release = written(tmp_path / "release", 10_000)
    link = tmp_path / "current"
    link.symlink_to(release)
    assert outdated([link], taken_by="restart", started=100, reloaded=100)["changed"] is True
    os.utime(link, (NOW - 9000, NOW - 9000), follow_symlinks=False)
    assert outdated([link], taken_by="restart", started=100, reloaded=100)["changed"] is False


def test_what_is_missing_is_left_out(tmp_path: Path, outdated: Callable[..., dict[str, Any]]) -> None:
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "gone")
    os.utime(dangling, (NOW - 900, NOW - 900), follow_symlinks=False)
    files = [tmp_path / "none", dangling]
    assert outdated(files, taken_by="restart", started=100, reloaded=100)["changed"] is False
