"""A package as one program: it runs where the tree is not, with what programs share."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.paths import ROOT
from infra.reach.sent import program
from tests.support.status_answers import AUTHORITY


@pytest.mark.parametrize("package", ["ops.status.probe", "tests.hosts.probe", "tests.daemons.inside"])
def test_a_package_imports_nothing_that_a_host_has_not(package: str, tmp_path: Path) -> None:
    text = program(package, "print(json.dumps(callable(answer)))")
    assert run(text, tmp_path) is True


def test_the_probe_of_a_status_answers_by_itself(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(AUTHORITY)
    question = {"seconds": 5, "patroni": None, "etcd": None, "folder": str(tmp_path)}
    found = run(program("ops.status.probe", f"answer({question!r})"), tmp_path)
    assert isinstance(found, dict)
    assert found["certificates"] == {"ca.crt": AUTHORITY}
    assert found["patroni"] is None


def run(text: str, folder: Path) -> object:
    """Isolated: no package of the tree and of its environment can be imported."""
    assert not folder.is_relative_to(ROOT)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"],
        input=text,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)
