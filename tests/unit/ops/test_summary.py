"""`flashtier summary`: what it says of contract, verification and phases, to people and programs."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from infra import paths
from infra.contract import Contract
from infra.environment import Environment
from infra.errors import FlashtierError
from ops import cli, summary
from tests.support.aws_contract import aws_contract
from tests.support.declared import contract_of, local_environment

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
CERTIFICATE = Path("/state/unit/ca.crt")

VERIFIED = {
    "stack": "unit",
    "finished": "2026-01-02T03:04:05+00:00",
    "passed": False,
    "partial": False,
    "seconds": 41.7,
    "checks": 512,
    "declared": 300,
    "verified": 290,
    "failed": 3,
    "unsupported": 5,
    "uncovered": 2,
    "unsupported_reasons": {},
    "not_in_effect": {"durability.synchronous_mode": "one server [so far]"},
    "failures": ["test_storage[db1]: /pg/data is on the wrong device [loop7]"],
}
PHASES = [
    {"phase": "pulumi up", "seconds": 61.25, "exit_code": 0, "ended": "2026-01-02T03:00:00Z"},
    {"phase": "playbook", "seconds": 200.5, "exit_code": 2, "ended": "2026-01-02T03:04:00Z"},
]


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FLASHTIER_STATE", str(tmp_path))
    directory = paths.state_dir("unit")
    directory.mkdir()
    return directory


def leave(state: Path, verified: Any = VERIFIED, phases: Any = PHASES) -> None:
    (state / "verified.json").write_text(json.dumps(verified))
    (state / "phases.jsonl").write_text("".join(json.dumps(phase) + "\n" for phase in phases))


def shown(terminal: bool = False, contract: Contract = CONTRACT) -> str:
    output = StringIO()
    summary.show(
        summary.collect(contract, CERTIFICATE), Console(file=output, width=200, force_terminal=terminal)
    )
    return output.getvalue()


def test_people_read_every_host_and_where_the_services_answer(state: Path) -> None:
    leave(state)
    text = shown()
    for host in CONTRACT.hosts:
        assert any(line.split()[:3] == [host.name, host.tier, host.address] for line in text.splitlines())
    edge, control = CONTRACT.host("edge1").address, CONTRACT.host("control1").address
    assert f"API:        https://{edge}/" in text
    assert f"curl --cacert {CERTIFICATE} https://{edge}/healthz" in text
    assert f"Prometheus: https://{control}:9090/" in text


def test_on_aws_the_api_has_a_name_that_all_trust_and_prometheus_is_asked_on_its_host() -> None:
    contract = aws_contract("prod")
    text = shown(contract=contract)
    assert "API:        https://photos.example.com/\n" in text
    assert "            curl https://photos.example.com/healthz\n" in text
    control = contract.host("control1")
    [line] = [line for line in text.splitlines() if "from its own host: ssh " in line]
    assert f"--private-ip-address {control.address} " in line
    assert line.endswith(f" operator@{control.address}")
    assert "--cacert" not in text


def test_people_read_what_is_wrong(state: Path) -> None:
    leave(state)
    text = shown()
    assert (
        "FAILED: 290 of 300 declared facts are in effect, 3 are not, 5 are unsupported here, 2 were not"
        in text
    )
    assert VERIFIED["failures"][0] in text
    assert "not in effect yet: durability.synchronous_mode: one server [so far]" in text
    assert any(line.split() == ["playbook", "200.5", "s", "exit", "code", "2"] for line in text.splitlines())
    assert any(line.split() == ["all", "261.8", "s"] for line in text.splitlines())
    assert f"vm_sysctl ({len(CONTRACT.hosts)} hosts): a container shares the kernel" in text


def test_a_flood_of_failures_is_cut_and_counted(state: Path) -> None:
    leave(state, VERIFIED | {"failures": [f"failure {number}" for number in range(summary.SHOWN + 3)]})
    text = shown()
    assert f"failure {summary.SHOWN - 1}\n" in text
    assert f"failure {summary.SHOWN}\n" not in text
    assert "and 3 more" in text


def test_what_every_host_runs_is_said_once(state: Path) -> None:
    text = shown()
    assert "every host: node_exporter, ssh\n" in text
    assert text.count("node_exporter") == 1
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert rows["control1"].split()[-5:] == ["prometheus,", "s3", "etcd,", "metrics,", "repository"]


def test_a_partial_run_does_not_prove_all(state: Path) -> None:
    leave(state, VERIFIED | {"passed": True, "partial": True, "failures": []})
    assert "passed (only a part was run)" in shown()


def test_before_any_verification_it_says_so(state: Path) -> None:
    text = shown()
    assert "nothing yet" in text
    assert "Times of the last run" not in text


def test_colours_are_for_terminals_only(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    leave(state)
    assert "\x1b[" not in shown()
    assert "\x1b[" in shown(terminal=True)


def test_programs_read_the_same(state: Path) -> None:
    leave(state)
    collected = json.loads(json.dumps(summary.collect(CONTRACT, CERTIFICATE)))
    assert [host["name"] for host in collected["hosts"]] == [host.name for host in CONTRACT.hosts]
    assert collected["verified"] == VERIFIED
    assert collected["phases"] == PHASES
    assert collected["unsupported"] == [
        {
            "what": "vm_sysctl",
            "why": "a container shares the kernel",
            "hosts": [host.name for host in CONTRACT.hosts],
        }
    ]
    database = next(host for host in collected["hosts"] if host["name"] == "db1")
    assert database["volumes"] == {"flash": "flash", "network": "network"}


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_record_that_cannot_be_read_is_named(state: Path, content: str) -> None:
    (state / "verified.json").write_text(content)
    with pytest.raises(FlashtierError, match=rf"{state}/verified.json: .*remove it"):
        summary.collect(CONTRACT, CERTIFICATE)


def test_the_command_writes_what_ssh_and_curl_need(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(state)
    monkeypatch.setattr(cli, "read_contract", lambda stack: contract_for(stack))
    done = CliRunner().invoke(cli.app, ["summary", "-s", "unit", "--json"])
    assert done.exit_code == 0, done.output
    collected = json.loads(done.stdout)
    assert Path(collected["ca_certificate"]).read_text() == CONTRACT.ca_certificate
    assert len(paths.known_hosts("unit").read_text().splitlines()) == len(CONTRACT.hosts)


def contract_for(stack: str) -> Any:
    assert stack == "unit"
    return CONTRACT


def test_an_expected_fault_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["flashtier", "summary", "-s", "Not_A_Stack"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("flashtier: stack 'Not_A_Stack': ")
    assert captured.err.count("\n") == 1
