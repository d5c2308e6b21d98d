"""tests/hosts without a contract to hold hosts against: an error, never an empty success."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.environment import Environment
from tests.support.declared import TREE, contract_of, local_environment

CONTRACT = json.loads(contract_of("unit", Environment.parse(local_environment())).model_dump_json())


def verify(tmp_path: Path, outputs: Any) -> subprocess.CompletedProcess[str]:
    """Run the verification with a `pulumi` that answers `outputs`."""
    answer = tmp_path / "outputs.json"
    answer.write_text(json.dumps(outputs))
    cli = tmp_path / "pulumi"
    cli.write_text(f"#!/bin/sh\nexec cat '{answer}'\n")
    cli.chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/hosts", "-p", "no:cacheprovider"],
        cwd=TREE,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "FLASHTIER_PULUMI": str(tmp_path),
            "FLASHTIER_STATE": str(tmp_path / "state"),
            "FLASHTIER_STACK": "unit",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ({"contract": {**CONTRACT, "hosts": []}, "secrets": {}}, "declares nothing"),
        ({}, "has no outputs"),
    ],
    ids=["a contract without hosts", "no outputs"],
)
def test_nothing_declared_proves_nothing(tmp_path: Path, outputs: Any, says: str) -> None:
    done = verify(tmp_path, outputs)
    assert done.returncode == 2, done.stdout + done.stderr
    told = [line for line in (done.stdout + done.stderr).splitlines() if "nothing to verify" in line]
    assert len(told) == 1, done.stdout + done.stderr
    assert says in told[0]
    assert not (tmp_path / "state" / "unit" / "verified.json").exists()
