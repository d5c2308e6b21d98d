"""Runs tests/hosts inside a drill, with another contract or with cached answers of hosts."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.contract import Contract
from tests.hosts.facts import Ledger
from tests.hosts.snapshot import Hosts
from tests.hosts.subject import LEDGER, SUBJECT, Subject

#: Fixtures of checks that need traffic of their own each time; the others read the hosts' cached answers.
TRAFFIC = frozenset({"matrix", "inside", "client"})


class Remembering(Hosts):
    """Hosts whose answers are cached: the same query runs once, until its host is forgotten."""

    def __init__(self, contract: Contract) -> None:
        super().__init__(contract)
        self._answers: dict[tuple[str, str], Any] = {}

    def forget(self, *names: str) -> None:
        self._answers = {key: answer for key, answer in self._answers.items() if key[0] not in names}

    def ask(self, program: str, questions: dict[str, Any]) -> dict[str, Any]:
        keys = {name: (name, _digest(program, question)) for name, question in questions.items()}
        unknown = {name: questions[name] for name, key in keys.items() if key not in self._answers}
        if unknown:
            for name, answer in super().ask(program, unknown).items():
                self._answers[keys[name]] = answer
        return {name: self._answers[key] for name, key in keys.items()}

    def ask_controller(self, program: str, question: Any) -> Any:
        key = ("controller", _digest(program, question))
        if key not in self._answers:
            self._answers[key] = super().ask_controller(program, question)
        return self._answers[key]


def _digest(program: str, question: Any) -> str:
    return hashlib.sha256((program + json.dumps(question, sort_keys=True)).encode()).hexdigest()


@dataclass
class Outcome:
    """The result of a run: its faults, one per line with the test's name, and the ledger."""

    faults: list[str]
    ledger: Ledger
    tests: int

    def naming(self, text: str) -> list[str]:
        return [fault for fault in self.faults if text in fault]


@dataclass(eq=False)  # pytest keeps plugins in sets
class _Plugin:
    subject: Subject
    traffic: bool
    without: frozenset[str]
    faults: list[str] = field(default_factory=list)
    tests: int = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[SUBJECT] = self.subject
        self.config = config

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [
            item
            for item in items
            if item.path.name not in self.without
            and (self.traffic or not TRAFFIC & set(getattr(item, "fixturenames", ())))
        ]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tests += report.when == "call"
        if report.failed:
            name = report.nodeid.rpartition("::")[2]
            self.faults += [f"{name}: {line}" for line in str(report.longrepr).splitlines()]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.faults.append(f"{report.nodeid}: {report.longrepr}")


def verify(
    subject: Subject, *, traffic: bool, without: Iterable[str] = (), files: Iterable[str] = ()
) -> Outcome:
    """Run tests/hosts on `subject` without the check that the ledger is complete, else as `Verifier.run`."""
    plugin = _Plugin(subject, traffic, frozenset({"test_coverage.py", *without}))
    chosen = [f"tests/hosts/{name}" for name in files] or ["tests/hosts"]
    options = ["-p", "no:cacheprovider", "--capture=no", "-q", "-o", "addopts=", *chosen]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = pytest.main(options, plugins=[plugin])
    assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), (
        f"tests/hosts ended with {code!r}: {printed.getvalue()[-3000:]}"
    )
    assert plugin.tests, "\n".join(["no check was run", *plugin.faults[-20:]])
    return Outcome(plugin.faults, plugin.config.stash[LEDGER], plugin.tests)


class Verifier:
    """The verification of one stack, repeatable within a drill."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.hosts = Remembering(contract)

    def close(self) -> None:
        self.hosts.close()

    def run(
        self,
        contract: Contract | None = None,
        *,
        traffic: bool = False,
        without: Iterable[str] = (),
        files: Iterable[str] = (),
    ) -> Outcome:
        """Run every check against `contract`; those with traffic of their own only with `traffic`.

        `files` are modules of tests/hosts, all where none is named; `without` leaves some out.
        """
        subject = Subject(contract or self.contract, self.hosts, recorded=False)
        return verify(subject, traffic=traffic, without=without, files=files)
