"""The policy pack with the real CLI: a wrong program fails the preview with the rule's line.

The provider is a stand-in that accepts everything (tests/engine/policy/standin): only the pack judges.
No flag is given: the test includes that tools/env.sh makes the pack the default.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.paths import ROOT
from policy.rules.table import RULES
from tests.engine.policy.declared import right
from tests.engine.policy.wrong import APART, WRONG
from tests.engine.stacks import BASE

HERE = Path(__file__).parent / "policy"

PACK = f"{ROOT}/policy"


class Program:
    """A stack `pol` of the small program, with a backend of its own."""

    def __init__(self, base: Path) -> None:
        self.base = base
        shutil.copy(HERE / "program/__main__.py", base)
        project = {
            "name": "pol",
            "runtime": {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}},
            "plugins": {"providers": [{"name": "aws", "path": str(HERE / "standin")}]},
        }
        (base / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        (base / "state").mkdir()
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")},
            "PULUMI_BACKEND_URL": f"file://{base}/state",
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_OPTION_POLICY_PACK": PACK,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "DECLARED": str(base / "declared.json"),
        }
        assert self.run("stack", "init", "pol").returncode == 0

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", "--non-interactive", "--color=never", *arguments],
            cwd=self.base,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    def declare(self, found: Any, waivers: Any = None) -> None:
        (self.base / "declared.json").write_text(json.dumps(found))
        config = {"config": {"flashtier:waivers": waivers}} if waivers else {}
        settings = self.base / "Pulumi.pol.yaml"
        salt = yaml.safe_load(settings.read_text())["encryptionsalt"]
        settings.write_text(yaml.safe_dump({"encryptionsalt": salt, **config}))

    def preview(self, found: Any, waivers: Any = None) -> subprocess.CompletedProcess[str]:
        self.declare(found, waivers)
        return self.run("preview", "--suppress-progress")


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    base = BASE / "policy"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    yield Program(base)
    shutil.rmtree(base)


def lines_of(text: str) -> list[str]:
    """What the pack reports: `module Kind name: rule: what; fix`."""
    found = [line.strip() for line in text.splitlines()]
    return [line for line in found if line.count(": ") >= 2 and "; " in line]


def test_every_rule_ends_a_preview() -> None:
    assert {rule for _, rule, _ in WRONG.values()} == {rule.name for rule in RULES}


def test_the_shell_of_the_kit_has_the_pack_as_default() -> None:
    script = f'. {ROOT}/tools/env.sh; echo "$PULUMI_OPTION_POLICY_PACK"'
    plain = {name: value for name, value in os.environ.items() if name != "PULUMI_OPTION_POLICY_PACK"}
    done = subprocess.run(
        ["bash", "-c", script], env=plain, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == PACK


def test_a_valid_program_passes(program: Program) -> None:
    done = program.preview(right())
    assert done.returncode == 0, done.stdout
    assert lines_of(done.stdout) == []
    assert "flashtier@v0.1.0" in done.stdout, "the pack did not run"


@pytest.fixture(scope="module")
def reported(program: Program) -> dict[bool, list[str]]:
    """The lines about all wrong programs in two previews, those of APART and the others."""
    found = {}
    for apart in (False, True):
        declared = right()
        for case, (change, _, _) in WRONG.items():
            if (case in APART) is apart:
                change(declared)
        done = program.preview(declared)
        assert done.returncode != 0, done.stdout
        found[apart] = lines_of(done.stdout)
    return found


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_program_ends_with_the_rule_and_the_fix(reported: dict[bool, list[str]], case: str) -> None:
    _, rule, parts = WRONG[case]
    lines = [line for line in reported[case in APART] if f": {rule}: " in line]
    assert any(all(part in line for part in parts) for line in lines), lines


@pytest.mark.parametrize("apart", [False, True])
def test_nothing_else_is_found_wrong(reported: dict[bool, list[str]], apart: bool) -> None:
    cases = [case for case in WRONG if (case in APART) is apart]
    rules = {WRONG[case][1] for case in cases}
    assert not [line for line in reported[apart] if not any(f": {rule}: " in line for rule in rules)]
    # Two members are in two zones as well.
    assert len(reported[apart]) == len(cases) + ("two members on drives" in cases)


def waiver(**changes: str) -> dict[str, str]:
    until = str(date.today() + timedelta(days=30))
    return {"rule": "old-tls", "resource": "https", "reason": "a partner's client", "until": until, **changes}


def test_a_waiver_lets_one_rule_through_for_one_resource_and_is_listed(program: Program) -> None:
    found = right()
    found["https"]["props"]["sslPolicy"] = "ELBSecurityPolicy-2016-08"
    done = program.preview(found, [waiver()])
    assert done.returncode == 0, done.stdout
    assert "old-tls on https is waived until" in done.stdout
    assert "a partner's client" in done.stdout
    found["db1-log"]["props"]["encrypted"] = False
    assert program.preview(found, [waiver()]).returncode != 0


def test_a_waiver_without_reason_or_past_its_end_is_reported_as_without_effect(program: Program) -> None:
    found = right()
    found["https"]["props"]["sslPolicy"] = "ELBSecurityPolicy-2016-08"
    done = program.preview(found, [waiver(reason=""), waiver(until="2026-01-31")])
    assert done.returncode != 0
    assert "its waiver has no effect: reason missing" in done.stdout
    assert "its waiver has no effect: it ended on 2026-01-31" in done.stdout


def test_values_known_only_at_the_update_are_judged_before_creation(program: Program) -> None:
    """A policy with the id of a new resource: unknown at the preview, and refused at the update."""
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": {"$id": "bucket"}}
    parts = ("bucket", "bucket-block", "bucket-key")
    found = {name: declared for name, declared in right().items() if name in parts}
    found["late"] = {
        "type": "aws:iam/rolePolicy:RolePolicy",
        "props": {"role": "db", "policy": {"$json": {"Statement": [statement]}}},
    }
    done = program.preview(found)
    assert done.returncode == 0, done.stdout
    done = program.run("up", "--yes", "--skip-preview")
    assert done.returncode != 0, done.stdout
    assert "late: iam-wildcard: action 's3:*' is allowed" in done.stdout
    assert "::late" not in program.run("stack", "export").stdout


def test_protected_resources_are_neither_replaced_nor_deleted(program: Program) -> None:
    """The engine refuses it: the pack gets neither deletions nor old values. The pack requires protect."""
    program.declare(right())
    done = program.run("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    moved = right()
    moved["db1-log"]["props"]["availabilityZone"] = "eu-central-1b"
    gone = right()
    del gone["db1-log"]
    for found in (moved, gone):
        done = program.preview(found)
        assert done.returncode != 0, done.stdout
        assert "db1-log" in done.stdout
        assert "protect" in done.stdout
    unprotected = {**gone, "db1-log": {**right()["db1-log"], "protect": False}}
    assert ": unprotected: " in program.preview(unprotected).stdout
    urn = next(
        one["urn"]
        for one in json.loads(program.run("stack", "export").stdout)["deployment"]["resources"]
        if one["urn"].endswith("::db1-log")
    )
    assert program.run("state", "unprotect", urn, "--yes").returncode == 0
    done = program.preview(gone)
    assert done.returncode == 0, done.stdout
