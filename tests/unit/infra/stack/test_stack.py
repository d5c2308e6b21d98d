"""Reading a stack's outputs through the CLI: once, with a deadline, and with errors that name the fix.

The CLI here is a stand-in that says what the real one was seen to say; tests/engine runs the real one.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import paths
from infra.environment import Environment
from infra.errors import FlashtierError
from infra.stack import cli as backend
from infra.stack import outputs as stack
from infra.stack.secret_table import SECRET_NAMES
from tests.support.declared import contract_of, local_environment

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
SECRETS = {name: f"value of {name}" for name in SECRET_NAMES}
OUTPUTS = {"contract": json.loads(CONTRACT.model_dump_json()), "secrets": SECRETS}

Cli = Callable[..., Path]


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("FLASHTIER_STATE", str(tmp_path / "state"))
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    stack.forget()
    yield tmp_path / "state"
    stack.forget()


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Install a stand-in for pulumi; the file returned gets a line a call: its directory and arguments."""

    def install(stdout: str = "", stderr: str = "", code: int = 0, seconds: int = 0) -> Path:
        directory = tmp_path / "bin"
        directory.mkdir(exist_ok=True)
        (tmp_path / "stdout").write_text(stdout)
        (tmp_path / "stderr").write_text(stderr)
        (tmp_path / "calls").write_text("")
        program = directory / "pulumi"
        program.write_text(
            f'#!/bin/sh\necho "$PWD $*" >>{tmp_path}/calls\nenv >{tmp_path}/environment\n'
            f"[ {seconds} -eq 0 ] || exec sleep {seconds}\n"
            f"cat {tmp_path}/stdout; cat {tmp_path}/stderr >&2; exit {code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
        return tmp_path / "calls"

    return install


def refusal(read: Callable[[str], Any], name: str = "unit") -> str:
    with pytest.raises(FlashtierError) as caught:
        read(name)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_contract_and_secrets_take_one_call(cli: Cli) -> None:
    calls = cli(json.dumps(OUTPUTS))
    assert stack.read_contract("unit") == CONTRACT
    assert stack.read_secrets("unit") == SECRETS
    assert stack.read_contract("unit") == CONTRACT
    wanted = "--non-interactive stack output --json --show-secrets -s unit"
    assert calls.read_text().splitlines() == [f"{paths.ROOT} {wanted}"]


def test_who_needs_no_secret_asks_for_none_and_by_a_deadline(cli: Cli) -> None:
    calls = cli(json.dumps(OUTPUTS))
    assert stack.read_contract_within("unit", 5) == CONTRACT
    assert "--show-secrets" not in calls.read_text()
    cli(seconds=60)
    with pytest.raises(FlashtierError, match=r"did not end within 0\.3 s"):
        stack.read_contract_within("unit", 0.3)


def test_another_stack_and_a_changed_one_are_asked_for(cli: Cli) -> None:
    calls = cli(json.dumps(OUTPUTS))
    stack.read_contract("unit")
    stack.read_contract("other")
    stack.forget()
    stack.read_contract("unit")
    assert len(calls.read_text().splitlines()) == 3


def test_a_caller_cannot_change_what_the_next_one_reads(cli: Cli) -> None:
    cli(json.dumps(OUTPUTS))
    stack.read_secrets("unit").clear()
    assert stack.read_secrets("unit") == SECRETS


def test_the_state_of_this_machine_is_the_default(cli: Cli, state: Path, tmp_path: Path) -> None:
    cli(json.dumps(OUTPUTS))
    stack.read_contract("unit")
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "environment").read_text().splitlines())
    assert seen["PULUMI_BACKEND_URL"] == f"file://{state}/pulumi"
    assert seen["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{state}/passphrase"


def test_a_chosen_backend_and_passphrase_are_kept(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "given")
    cli(json.dumps(OUTPUTS))
    stack.read_contract("unit")
    seen = (tmp_path / "environment").read_text()
    assert "PULUMI_BACKEND_URL=s3://states\n" in seen
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in seen


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({}, "stack unit: has no outputs, where 'contract' is needed; run `pulumi up -s unit`"),
        ({"secrets": SECRETS}, "has only secrets, where 'contract' is needed"),
        ({"contract": {"version": 1}}, "contract.controller"),
        ({"contract": OUTPUTS["contract"] | {"hosts": []}}, "a contract without hosts declares nothing"),
    ],
    ids=["nothing", "no contract", "half a contract", "no hosts"],
)
def test_a_stack_that_declares_nothing_is_refused(cli: Cli, outputs: Any, says: str) -> None:
    cli(json.dumps(outputs))
    assert says in refusal(stack.read_contract)


def test_secrets_that_are_not_texts_are_refused_without_showing_them(cli: Cli) -> None:
    cli(json.dumps({"secrets": {"app_database_password": {"hidden": "value"}}}))
    line = refusal(stack.read_secrets)
    assert "not a mapping of strings" in line
    assert "value" not in line


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("error: no stack named 'unit' found\n", "stack unit: does not exist in file://"),
        (
            'error: unable to open state directory "file:///x": stat /x: no such file or directory\n',
            "stack unit: does not exist in file://",
        ),
        ("error: incorrect passphrase\n", "another passphrase than the one in"),
        (
            "error: unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open /x: no such file or directory\n",
            "cannot be read; put it there, mode 0600",
        ),
        ("error: some\nthing new\n", "ended with 255: error: some thing new"),
        ("", "ended with 255: it said nothing"),
    ],
)
def test_what_the_cli_says_becomes_one_line_with_the_fix(cli: Cli, said: str, says: str) -> None:
    cli(stderr=said, code=255)
    assert says in refusal(stack.read_contract)


def test_a_failure_is_not_remembered(cli: Cli) -> None:
    cli(stderr="error: no stack named 'unit' found", code=6)
    refusal(stack.read_contract)
    cli(json.dumps(OUTPUTS))
    assert stack.read_contract("unit") == CONTRACT


def test_a_missing_cli_names_the_set_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "pulumi is not on PATH; run `make setup`" in refusal(stack.read_contract)


def test_a_cli_that_hangs_is_ended(cli: Cli) -> None:
    cli(seconds=60)
    with pytest.raises(FlashtierError, match=r"did not end within 0\.3 s"):
        backend.pulumi("unit", ["stack", "ls"], seconds=0.3)


@pytest.mark.parametrize(
    "name", ["", "Local", "1a", "a_b", "../x", "a" * 13, "a b", "pulumi", "passphrase", "log"]
)
def test_names_that_cannot_be_a_stack_are_refused_before_any_call(cli: Cli, name: str) -> None:
    calls = cli(json.dumps(OUTPUTS))
    assert repr(name) in refusal(stack.read_contract, name)
    assert calls.read_text() == ""


@pytest.mark.parametrize("name", ["a", "local", "test-2", "a" * 12])
def test_names_that_can_be_a_stack_are_accepted(name: str) -> None:
    paths.check_stack(name)


def test_ssh_finds_each_host_by_address_name_and_full_name() -> None:
    path = stack.write_known_hosts(CONTRACT)
    assert path == paths.known_hosts("unit")
    for host in CONTRACT.hosts:
        for name in (host.address, host.name, f"{host.name}.{CONTRACT.domain}"):
            found = subprocess.run(
                ["ssh-keygen", "-F", name, "-f", str(path)],
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
            )
            assert found.stdout.splitlines()[1].split(" ", 1)[1] == host.ssh_host_key


def test_the_authority_is_written_as_the_contract_gives_it() -> None:
    path = stack.write_ca(CONTRACT)
    assert path == paths.ca_certificate("unit")
    assert path.read_text() == CONTRACT.ca_certificate
    assert path.stat().st_mode & 0o777 == 0o644
