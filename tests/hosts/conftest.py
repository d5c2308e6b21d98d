"""Verification of a living stack ($FLASHTIER_STACK): what the contract declares is what is in effect.

    pytest tests/hosts                     # everything, under a minute
    pytest tests/hosts -k storage          # a part; the books are then not closed

Nothing here reads an Ansible variable. A test takes `check` and states what it holds against the host. A
run ends with a table of the facts, and fails when a declared fact was looked at by no check.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from infra.contract import Contract, ContractHost
from infra.errors import FlashtierError
from infra.stack import read_contract
from tests.hosts import promises, report
from tests.hosts.facts import Check, Ledger, declared_facts
from tests.hosts.snapshot import Hosts, Seen, probe_program, questions, stack_name

LEDGER = pytest.StashKey[Ledger]()
CONTRACT = pytest.StashKey[Contract]()
STARTED = pytest.StashKey[float]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "where(predicate): the hosts of the contract that a test is about")
    config.stash[STARTED] = time.monotonic()
    try:
        config.stash[CONTRACT] = read_contract(stack_name())
    except FlashtierError as error:
        pytest.exit(f"nothing to verify: {error}", returncode=2)
    config.stash[LEDGER] = Ledger(declared_facts(config.stash[CONTRACT]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `declared` runs once a host, on the hosts that its `where` mark chooses.

    A valid environment may have none of them (one database member, say): the test is then shown as skipped.
    """
    if "declared" not in metafunc.fixturenames:
        return
    contract = metafunc.config.stash[CONTRACT]
    mark = next(metafunc.definition.iter_markers("where"), None)
    chosen = [host for host in contract.hosts if mark is None or mark.args[0](host)]
    metafunc.parametrize("declared", chosen, ids=[host.name for host in chosen])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The books are closed last."""
    items.sort(key=lambda item: item.path.name == "test_coverage.py")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    result = yield
    check = pyfuncitem.funcargs.get("check")
    if isinstance(check, Check) and (fault := check.settle()):
        pytest.fail(fault, pytrace=False)
    return result


@pytest.fixture(scope="session")
def contract(request: pytest.FixtureRequest) -> Contract:
    return request.config.stash[CONTRACT]


@pytest.fixture(scope="session")
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return request.config.stash[LEDGER]


@pytest.fixture
def check(ledger: Ledger) -> Check:
    return Check(ledger)


@pytest.fixture(scope="session")
def hosts(contract: Contract) -> Iterator[Hosts]:
    reached = Hosts(contract)
    yield reached
    reached.close()


@pytest.fixture(scope="session")
def snapshots(contract: Contract, hosts: Hosts) -> dict[str, Seen]:
    """What each host says of itself, asked once for the whole run."""
    answers = hosts.ask(probe_program(), questions(contract, promises.paths, promises.sql(contract)))
    return {name: Seen(name, answer) for name, answer in answers.items()}


@pytest.fixture
def seen(declared: ContractHost, snapshots: dict[str, Seen]) -> Seen:
    return snapshots[declared.name]


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    ledger, contract = config.stash.get(LEDGER, None), config.stash.get(CONTRACT, None)
    if ledger is None or contract is None or config.option.collectonly:
        return
    seconds = time.monotonic() - config.stash[STARTED]
    failures = [
        f"{entry.nodeid.rpartition('::')[2]}: {line}"
        for outcome in ("failed", "error")
        for entry in terminalreporter.getreports(outcome)
        for line in str(entry.longrepr).splitlines()[:20]
    ]
    report.table(terminalreporter, contract, ledger)
    report.write(contract, ledger, failures, exitstatus == 0, is_partial(config), seconds)


def is_partial(config: pytest.Config) -> bool:
    """Whether only some tests were chosen: the books cannot be closed then."""
    chosen = any("::" in argument or argument.endswith(".py") for argument in config.args)
    return bool(chosen or config.option.keyword or config.option.markexpr)
