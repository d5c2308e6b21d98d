"""Verification of a living stack ($FLASHTIER_STACK): what the contract declares is what is in effect.

    pytest tests/hosts                     # everything, under a minute
    pytest tests/hosts -k storage          # a part; the books are then not closed

Nothing here reads an Ansible variable. A test takes `check` and states what it holds against the host. A
run ends with a table of the facts, and fails when a declared fact was read by no check.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any
from urllib.request import getproxies

import pytest
import requests

from infra.contract import Contract, ContractHost
from infra.errors import FlashtierError
from infra.stack.outputs import read_contract
from tests.hosts import database, members, promises, report
from tests.hosts.cloud import Cloud
from tests.hosts.facts import Check, Ledger, declared_facts
from tests.hosts.image import Image
from tests.hosts.members import Away
from tests.hosts.snapshot import Hosts, Snapshot, probe_program, questions, stack_name
from tests.hosts.subject import LEDGER, SUBJECT, Subject, is_partial

STARTED = pytest.StashKey[float]()
IMAGE = pytest.StashKey[Image]()
NO_HOST = "the contract declares no host that this is about"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "where(predicate): the hosts of the contract that a test is about")
    config.stash[STARTED] = time.monotonic()
    if SUBJECT not in config.stash:
        try:
            config.stash[SUBJECT] = Subject(read_contract(stack_name()))
        except FlashtierError as error:
            pytest.exit(f"nothing to verify: {error}", returncode=2)
    config.stash[LEDGER] = Ledger(declared_facts(config.stash[SUBJECT].contract))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `declared` runs once a host, on the hosts that its `where` mark chooses.

    A valid environment may have none of them (one database member, say): the test is then skipped, with
    the reason in words.
    """
    if "declared" not in metafunc.fixturenames:
        return
    contract = metafunc.config.stash[SUBJECT].contract
    mark = next(metafunc.definition.iter_markers("where"), None)
    chosen = [host for host in contract.hosts if mark is None or mark.args[0](host)]
    none = pytest.param(None, id="no host", marks=pytest.mark.skip(reason=NO_HOST))
    metafunc.parametrize("declared", chosen or [none], ids=[host.name for host in chosen] or None)


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
    return request.config.stash[SUBJECT].contract


@pytest.fixture(scope="session")
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return request.config.stash[LEDGER]


@pytest.fixture
def check(ledger: Ledger) -> Check:
    return Check(ledger)


@pytest.fixture(scope="session")
def hosts(request: pytest.FixtureRequest, contract: Contract) -> Iterator[Hosts]:
    given = request.config.stash[SUBJECT].hosts
    reached = given or Hosts(contract)
    yield reached
    if given is None:
        reached.close()


@pytest.fixture(scope="session")
def snapshots(contract: Contract, hosts: Hosts) -> dict[str, Snapshot]:
    """What each host says of itself, asked once for the whole run."""
    answers = hosts.ask(probe_program(), questions(contract, promises.paths, database.sql(contract)))
    return {name: Snapshot(name, answer) for name, answer in answers.items()}


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, contract: Contract, snapshots: dict[str, Snapshot]) -> Image:
    request.config.stash[IMAGE] = Image(contract, snapshots)
    return request.config.stash[IMAGE]


@pytest.fixture(scope="session")
def away(contract: Contract, snapshots: dict[str, Snapshot]) -> Away:
    """Members that were removed on purpose, and why they do not run."""
    return members.removed(contract, snapshots)


@pytest.fixture(autouse=True)
def _not_of_one_that_is_away(request: pytest.FixtureRequest) -> None:
    """A test of a member that runs says nothing of one that was removed."""
    mark = request.node.get_closest_marker("where")
    if mark is None or mark.args[0] is not members.has_member:
        return
    declared, away = request.getfixturevalue("declared"), request.getfixturevalue("away")
    if declared is not None and declared.name in away:
        pytest.skip(away[declared.name])


@pytest.fixture
def snapshot(declared: ContractHost, snapshots: dict[str, Snapshot]) -> Snapshot:
    return snapshots[declared.name]


@pytest.fixture(scope="session")
def leading(contract: Contract, snapshots: dict[str, Snapshot], away: Away) -> Snapshot:
    """The member that takes writes, whichever it is: databases, roles and rights are asked of it."""
    found = [
        name
        for name in members.staying(contract, away)
        if not snapshots[name]["database"]["server"]["in_recovery"]
    ]
    if len(found) != 1:
        pytest.fail(f"members that take writes: {', '.join(found) or 'none'}; must be one", pytrace=False)
    return snapshots[found[0]]


@pytest.fixture
def server(snapshot: Snapshot) -> Any:
    """What the host's server reports of itself (sql/server.sql)."""
    return snapshot["database"]["server"]


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    ledger, subject = config.stash.get(LEDGER, None), config.stash.get(SUBJECT, None)
    if ledger is None or subject is None or not subject.recorded or config.option.collectonly:
        return
    contract = subject.contract
    seconds = time.monotonic() - config.stash[STARTED]
    failures = [
        f"{entry.nodeid.rpartition('::')[2]}: {line}"
        for outcome in ("failed", "error")
        for entry in terminalreporter.getreports(outcome)
        for line in str(entry.longrepr).splitlines()[:20]
    ]
    image = config.stash.get(IMAGE, None)
    report.table(terminalreporter, contract, ledger, image.accepted if image else {})
    report.write(contract, ledger, failures, exitstatus == 0, is_partial(config), seconds)


@pytest.fixture(scope="session")
def client(
    request: pytest.FixtureRequest, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[requests.Session]:
    """Trusts the contract's authority and no other; on AWS, as the edge's users do, what everybody trusts."""
    if given := request.config.stash[SUBJECT].client:
        yield given
        return
    with requests.Session() as session:
        session.trust_env = False  # no proxy of the controller's own
        if contract.platform == "local":
            authority = tmp_path_factory.mktemp("tls") / "ca.crt"
            authority.write_text(contract.ca_certificate)
            session.verify = str(authority)
        else:
            session.proxies = getproxies()  # but on the way to the internet
        yield session


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest, contract: Contract) -> Cloud:
    if contract.access.proxy is None:
        pytest.skip(f"platform {contract.platform}: there is no AWS to ask")
    return request.config.stash[SUBJECT].cloud or Cloud(contract.access.proxy.region)
