"""How hosts are reached: the key, the known hosts, a program over standard input, and what a failure says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from infra.environment import Environment
from infra.reach import ssh
from tests.support.aws_contract import aws_contract
from tests.support.declared import contract_of, local_environment

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
HOST = CONTRACT.host("db1")
KNOWN = Path("/state/unit/known_hosts")


def test_only_the_stacks_own_key_and_known_hosts_count() -> None:
    words = ssh.command(CONTRACT, HOST, KNOWN, ("true",), 4.7)
    for option in (
        f"UserKnownHostsFile={KNOWN}",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "ConnectTimeout=4",
    ):
        assert words[words.index(option) - 1] == "-o"
    assert words[words.index("-i") + 1] == CONTRACT.access.private_key_file
    assert words[-2:] == [f"{CONTRACT.access.user}@{HOST.address}", "true"]


def test_on_aws_ssh_goes_through_the_endpoint() -> None:
    contract = aws_contract("prod")
    host = contract.host("control1")
    (proxy,) = [
        word for word in ssh.command(contract, host, KNOWN, (), 30) if word.startswith("ProxyCommand=")
    ]
    assert proxy.startswith("ProxyCommand=aws ec2-instance-connect open-tunnel ")
    assert f" --private-ip-address {host.address} " in proxy


@pytest.mark.parametrize(
    ("code", "output", "said", "found"),
    [
        (0, '{"a": 1}', "Warning: added\n", {"a": 1}),
        (0, "", "", {"error": "it answers no JSON: ''"}),
        (
            255,
            "",
            "ssh: connect to host 10.0.0.1 port 22: No route to host\n\n",
            {"error": "ssh: connect to host 10.0.0.1 port 22: No route to host"},
        ),
        (255, "", "Host key verification failed.\n", {"error": "ssh: Host key verification failed."}),
        (1, "", "sudo: a password is required\n", {"error": "it ended with 1: sudo: a password is required"}),
        (124, "", "", {"error": "it ended with 124: no reason given"}),
    ],
)
def test_a_failure_is_one_line(code: int, output: str, said: str, found: object) -> None:
    assert ssh.read(code, output, said) == found


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An ssh that keeps its arguments and runs what comes over standard input here."""
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/arguments\nexec python3 -\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "arguments"


def test_a_program_goes_over_standard_input_to_every_host(stand_in: Path) -> None:
    programs = {"db1": "print('[1]')", "db2": "print('[2]')"}
    assert ssh.ask(CONTRACT, KNOWN, programs, time.monotonic() + 20) == {"db1": [1], "db2": [2]}
    lines = stand_in.read_text().splitlines()
    assert len(lines) == 2
    assert all("print" not in line and "sudo -n timeout" in line for line in lines)


def test_no_host_is_asked_after_the_deadline(stand_in: Path) -> None:
    found = ssh.ask(CONTRACT, KNOWN, {"db1": "print(1)"}, time.monotonic() - 1)
    assert found == {"db1": {"error": "there was no time left to ask it"}}
    assert not stand_in.exists()
