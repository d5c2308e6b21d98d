"""Guards of assertions that must have been met: `if sometimes(...)` fails the run if it never was true.

A test over many cases may assert something of some of them only. If there is no such case, it proves nothing
and stays green. tests/conftest.py has the hooks.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT

#: Guard, by file and line -> the values that it has had, and those that it must have.
_SEEN: dict[str, tuple[set[bool], set[bool]]] = {}


def sometimes(condition: object) -> bool:
    """Whether `condition` holds. The run fails if it holds for no case of the test."""
    return _seen(condition, {True})


def either(condition: object) -> bool:
    """Whether `condition` holds. The run fails unless it holds for one case and not for another."""
    return _seen(condition, {True, False})


def _seen(condition: object, needed: set[bool]) -> bool:
    frame = sys._getframe(2)
    place = f"{Path(frame.f_code.co_filename)}:{frame.f_lineno}"
    _SEEN.setdefault(place, (set(), needed))[0].add(bool(condition))
    return bool(condition)


def is_whole(config: pytest.Config) -> bool:
    """Whether all cases of each test were run: neither one by its name, nor up to the first failure."""
    option = config.option
    chosen = option.keyword or option.markexpr or any("::" in argument for argument in config.args)
    stopped = option.maxfail or getattr(option, "lf", False) or getattr(option, "stepwise", False)
    return not (chosen or stopped or option.collectonly)


def unmet(config: pytest.Config) -> list[str]:
    """One line for each guard that has not had all the values that it must have."""
    if not is_whole(config):
        return []
    return [
        f"{place.removeprefix(f'{ROOT}/')}: the condition was {'always' if True in seen else 'never'} true; "
        f"add a case in which it is{' not' if True in seen else ''}"
        for place, (seen, needed) in sorted(_SEEN.items())
        if not needed <= seen
    ]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK and unmet(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in unmet(config):
        terminalreporter.write_line(f"GUARD {line}", red=True)
