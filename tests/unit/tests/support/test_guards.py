"""Runs of pytest in which a guard, or Hypothesis' assume, never lets a case through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.paths import ROOT

CASES = """
import pytest
from hypothesis import assume, given, strategies as st
from tests.support.guards import either, sometimes

@pytest.mark.parametrize("number", [1, 2, 3])
def test_met(number):
    if sometimes(number == 3):
        assert number
    if either(number == 2):
        assert number
    else:
        assert number

@pytest.mark.parametrize("number", [1, 2, 3])
def test_unmet(number):
    if sometimes(number == 4):
        raise AssertionError("never reached")
    if either(number < 4):
        assert number
    else:
        raise AssertionError("never reached")
"""
ASSUMES = """
from hypothesis import assume, given, strategies as st

@given(st.integers(1, 9))
def test_assumes_what_never_holds(number):
    assume(number > 9)
    raise AssertionError("never reached")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_cases.py").write_text(CASES)
    (tmp_path / "test_assumes.py").write_text(ASSUMES)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "pytest", "-p", "tests.support.guards", "-p", "no:cacheprovider", "-q"]
    return subprocess.run(
        [*program, "-c", "/dev/null", "--rootdir", str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_guard_that_is_never_met_fails_the_run(folder: Path) -> None:
    done = run(folder, str(folder / "test_cases.py"))
    assert "6 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    lines = [line for line in done.stdout.splitlines() if line.startswith("GUARD ")]
    assert lines == [
        f"GUARD {folder}/test_cases.py:17: the condition was never true; add a case in which it is",
        f"GUARD {folder}/test_cases.py:19: the condition was always true; add a case in which it is not",
    ]


def test_one_case_alone_owes_nothing(folder: Path) -> None:
    done = run(folder, f"{folder / 'test_cases.py'}::test_unmet[1]")
    assert (done.returncode, "GUARD" in done.stdout) == (pytest.ExitCode.OK, False), done.stdout + done.stderr


def test_an_assumption_that_never_holds_fails_its_test(folder: Path) -> None:
    done = run(folder, str(folder / "test_assumes.py"))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "Unable to satisfy assumptions of test_assumes_what_never_holds" in done.stdout
