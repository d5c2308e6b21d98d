"""The module patroni_maintenance against a small etcd over real TLS: both keys at once, or neither."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.etcd_keys import PASSWORD, USER, Keys, credentials, serving
from tests.support.host_modules import run

CONFIG, MAINTENANCE = "/service/unit/config", "/flashtier/unit/maintenance"
SETTINGS = {"ttl": 20, "postgresql": {"parameters": {"max_connections": "100"}}}
DECLARED = {"owner": "bob@ctl", "reason": "new disk", "until": 1796059020.4}
GIVEN = {"state": "declared", "owner": "ada@ctl", "reason": "new switch", "seconds": 1800}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return credentials(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def keys() -> Keys:
    return Keys(**{CONFIG: json.dumps(SETTINGS)})


@pytest.fixture
def ask(tmp_path: Path, keys: Keys, files: dict[str, str]) -> Iterator[Any]:
    with serving(keys, files) as url:

        def asked(*, check: bool = False, **more: Any) -> dict[str, Any]:
            given = {"endpoints": [url], "username": USER, "password": PASSWORD, "scope": "unit", **files}
            return run("patroni_maintenance", given | {"timeout": 20} | more, tmp_path, check=check)

        yield asked


def held(keys: Keys) -> dict[str, Any]:
    return {key: json.loads(value) for key, value in keys.values().items()}


def test_it_is_declared_with_owner_reason_and_an_end_that_etcd_keeps(ask: Any, keys: Keys) -> None:
    before = time.time()
    answer = ask(**GIVEN)
    found = held(keys)
    assert (found[MAINTENANCE]["owner"], found[MAINTENANCE]["reason"]) == ("ada@ctl", "new switch")
    assert found[MAINTENANCE]["until"] == pytest.approx(before + 1800, abs=30)
    assert found[CONFIG] == SETTINGS | {"pause": True}
    (lease,) = keys.leases
    assert keys.leases[lease] == {MAINTENANCE}
    assert answer["changed"]
    assert answer["line"].startswith("maintenance of ada@ctl (new switch) until ")
    keys.expire(lease)
    assert MAINTENANCE not in held(keys)


def test_a_second_one_is_refused_by_the_first_ones_owner(ask: Any, keys: Keys) -> None:
    keys.put(MAINTENANCE, json.dumps(DECLARED))
    before = keys.values()
    assert ask(**GIVEN)["msg"] == (
        "maintenance: maintenance of bob@ctl (new disk) until 2026-11-30 17:17:00 UTC is declared already;"
        " to end it: -e end=now"
    )
    assert keys.values() == before
    assert keys.leases == {}


def test_what_was_changed_meanwhile_is_left_with_no_lease_behind(ask: Any, keys: Keys) -> None:
    keys.meanwhile = {CONFIG: json.dumps(SETTINGS | {"ttl": 30})}
    assert "changed by someone else meanwhile" in ask(**GIVEN)["msg"]
    assert held(keys) == {CONFIG: SETTINGS | {"ttl": 30}}
    assert keys.leases == {}


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "by hand"])
def test_its_end_resumes_patroni_at_once(ask: Any, keys: Keys, declared: bool) -> None:
    keys.put(CONFIG, json.dumps(SETTINGS | {"pause": True}))
    keys.put(*((MAINTENANCE, json.dumps(DECLARED)) if declared else ("/service/unit/leader", '"db1"')))
    answer = ask(state="ended")
    assert answer["changed"]
    assert ("bob@ctl" in answer["line"]) is declared
    found = held(keys)
    assert found[CONFIG] == SETTINGS
    assert MAINTENANCE not in found


def test_the_end_of_none_changes_nothing(ask: Any, keys: Keys) -> None:
    revision = keys.revision
    answer = ask(state="ended")
    assert (answer["changed"], keys.revision) == (False, revision)


@pytest.mark.parametrize("given", [GIVEN, {"state": "ended"}], ids=["declared", "ended"])
def test_check_mode_changes_nothing_and_says_the_same(ask: Any, keys: Keys, given: dict[str, Any]) -> None:
    if given["state"] == "ended":
        keys.put(MAINTENANCE, json.dumps(DECLARED))
    before = keys.values()
    assert ask(check=True, **given)["changed"]
    assert keys.values() == before
    assert keys.leases == {}


def test_a_declaration_without_a_reason_is_refused(ask: Any, keys: Keys) -> None:
    answer = ask(state="declared", owner="ada@ctl", seconds=60)
    assert answer["failed"]
    assert "reason" in answer["msg"]
    assert held(keys) == {CONFIG: SETTINGS}


def test_no_cluster_no_maintenance(ask: Any, keys: Keys) -> None:
    del keys.held[CONFIG]
    assert "no cluster is known" in ask(**GIVEN)["msg"]
