"""tools/stack.py: whose lock may be taken away, and what of a settings file is not the user's."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import FlashtierError
from infra.paths import ROOT


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stack_tool", ROOT / "tools/stack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stack_tool"] = module
    spec.loader.exec_module(module)
    return module


stack_tool = load()
NANOSECONDS = "%Y-%m-%dT%H:%M:%S.%f123Z"


def write_lock(backend: Path, pid: int, *, taken: datetime | None = None, host: str | None = None) -> None:
    """A lock as Pulumi's file backend writes it."""
    directory = backend / ".pulumi/locks/organization/kit/local"
    directory.mkdir(parents=True, exist_ok=True)
    content = {
        "pid": pid,
        "username": "someone",
        "hostname": host or socket.gethostname(),
        "timestamp": (taken or datetime.now(UTC)).strftime(NANOSECONDS),
    }
    (directory / f"{pid}.json").write_text(json.dumps(content))
    (directory / f"{pid}.json.attrs").write_text("{}")


def only_lock(backend: Path) -> object:
    (lock,) = stack_tool.locks(backend, "kit", "local")
    return lock


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait(10)
    return process.pid


def test_a_lock_of_a_process_that_lives_is_held(tmp_path: Path) -> None:
    write_lock(tmp_path, os.getpid())
    assert only_lock(tmp_path).is_held()  # type: ignore[attr-defined]


def test_a_lock_of_a_process_that_is_gone_is_not(tmp_path: Path) -> None:
    write_lock(tmp_path, dead_pid())
    assert not only_lock(tmp_path).is_held()  # type: ignore[attr-defined]


def test_a_lock_of_a_zombie_is_not_held(tmp_path: Path) -> None:
    process = subprocess.Popen(["true"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()  # at its end, the process has ended; nobody has asked for its exit code yet
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    write_lock(tmp_path, process.pid)
    held = only_lock(tmp_path).is_held()  # type: ignore[attr-defined]
    process.wait(10)
    assert not held


def test_a_number_given_to_a_later_process_does_not_hold_the_lock(tmp_path: Path) -> None:
    write_lock(tmp_path, os.getpid(), taken=datetime.now(UTC) - timedelta(days=1))
    assert not only_lock(tmp_path).is_held()  # type: ignore[attr-defined]


def test_a_lock_of_another_machine_is_held(tmp_path: Path) -> None:
    write_lock(tmp_path, dead_pid(), host="elsewhere")
    assert only_lock(tmp_path).is_held()  # type: ignore[attr-defined]


def test_a_lock_cut_short_by_a_kill_is_not_held(tmp_path: Path) -> None:
    write_lock(tmp_path, os.getpid())
    (file,) = (tmp_path / ".pulumi/locks/organization/kit/local").glob("*.json")
    file.write_text('{"pid": 1')
    assert not only_lock(tmp_path).is_held()  # type: ignore[attr-defined]


def test_a_living_lock_is_refused_and_its_owner_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.setattr(stack_tool, "project_name", lambda: "kit")
    monkeypatch.setattr(stack_tool, "pulumi", lambda *arguments: pytest.fail(f"ran pulumi {arguments}"))
    write_lock(tmp_path, dead_pid())
    write_lock(tmp_path, os.getpid())
    with pytest.raises(FlashtierError, match=f"pid {os.getpid()} of someone@"):
        stack_tool.unlock("local")


#: Not Pulumi.local.yaml: on a machine in use that holds the kit's own keys.
SETTINGS = """\
# A person's comment.
config:
  flashtier:environment:
    platform: local

    network:
      cidr: 10.88.0.0/24
    database:
      volumes:
        - {name: flash, class: flash, size_gib: 3} # another comment
"""
OWN = (
    "  flashtier:secrets:\n    secure: v1:AAAA:BBBB==\n",
    "  flashtier:caCertificate: |\n    -----BEGIN CERTIFICATE-----\n    MIIB\n    -----END-----\n",
    "  flashtier:caCertificate: |-\n    -----BEGIN CERTIFICATE-----\n\n    MIIB\n",
    '  flashtier:caCertificate: "-----BEGIN CERTIFICATE-----\\nMIIB"\n',
)


@given(st.lists(st.sampled_from(OWN), unique=True), st.booleans(), st.booleans())
def test_what_the_kit_wrote_goes_and_the_rest_stays(
    own: list[str], salt_first: bool, salt_last: bool
) -> None:
    salt = "encryptionsalt: v1:abc=:v1:def:ghi==\n"
    written = (salt if salt_first else "") + SETTINGS + "".join(own) + (salt if salt_last else "")
    assert stack_tool.without_own_keys(written) == SETTINGS


def refusal(monkeypatch: pytest.MonkeyPatch, stack: str, settings: Path | None = None) -> str:
    """What `check` says, on one line; empty where it lets the stack pass."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if settings is not None:
        monkeypatch.setenv("FLASHTIER_CONFIG_FILE", str(settings))
    said = ""
    try:
        stack_tool.check(stack)
    except FlashtierError as error:
        said = str(error)
    assert "\n" not in said
    return said


def test_a_stack_that_is_not_declared_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASHTIER_CONFIG_FILE", raising=False)
    said = refusal(monkeypatch, "nosuch")
    assert str(ROOT / "Pulumi.nosuch.yaml") in said
    assert "local, " in said
    assert refusal(monkeypatch, "test") == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "declares no environment"),
        ("config: {}\n", "declares no environment"),
        ("config:\n  flashtier:environment: local\n", "declares no environment"),
        ("- config\n", "declares no environment"),
        ("config: [\n", "is not readable as YAML"),
        ("config:\n\tx: 1\n", "is not readable as YAML"),
    ],
)
def test_a_settings_file_that_declares_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, fault: str
) -> None:
    monkeypatch.setenv("FLASHTIER_STATE", str(tmp_path / "state"))
    settings = tmp_path / "Pulumi.x.yaml"
    settings.write_text(text)
    said = refusal(monkeypatch, "x", settings)
    assert re.match(rf"{re.escape(str(settings))}(:\d+)?: {fault}", said), said
    settings.write_text(SETTINGS)
    assert refusal(monkeypatch, "x", settings) == ""


def test_settings_that_a_killed_run_emptied_are_put_back_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASHTIER_STATE", str(tmp_path / "state"))
    settings, copy = tmp_path / "Pulumi.x.yaml", tmp_path / "state/x/settings.yaml"
    copy.parent.mkdir(parents=True)
    copy.write_text(SETTINGS)
    settings.write_text("")
    assert refusal(monkeypatch, "x", settings) == ""
    assert settings.read_text() == SETTINGS


def test_who_is_not_root_gets_the_command_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(FlashtierError, match=r"needs root, .*; run: sudo make up STACK=local$"):
        stack_tool.check("local")


def test_a_name_that_cannot_be_one_leaves_nothing_behind(tmp_path: Path) -> None:
    """The whole command, since what comes before the check would make a directory of that name."""
    if os.geteuid() != 0:
        pytest.skip("make up asks for root first")
    done = subprocess.run(
        ["make", "--no-print-directory", "up", "STACK=../x"],
        cwd=ROOT,
        env={**os.environ, "FLASHTIER_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "stack '../x': a stack's name starts with a lower-case letter" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("encryptionsalt: v1:abc=\n", None),
        (SETTINGS + OWN[0] + "encryptionsalt: v1:abc=\n", SETTINGS),
        (SETTINGS, SETTINGS),
    ],
    ids=["Pulumi's own", "a person's, in use", "a person's"],
)
def test_what_is_left_of_a_settings_file_in_the_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str | None
) -> None:
    monkeypatch.setattr(stack_tool, "ROOT", tmp_path)
    monkeypatch.setattr(stack_tool, "RUNTIME", tmp_path / "run")
    monkeypatch.setattr(stack_tool, "unlock", lambda stack: None)
    monkeypatch.setattr(stack_tool, "pulumi", lambda *arguments: "")
    monkeypatch.setenv("FLASHTIER_STATE", str(tmp_path / "state"))
    settings = tmp_path / "Pulumi.x.yaml"
    settings.write_text(before)
    stack_tool.gone("x")
    assert (settings.read_text() if settings.exists() else None) == after
