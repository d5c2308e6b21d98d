"""The module takeover_switch against a small etcd over real TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.etcd_keys import PASSWORD, USER, Keys, credentials, serving
from tests.support.host_modules import run

OFF = "/flashtier/unit/takeover/off"
GIVEN = {"state": "off", "owner": "ada@ctl", "reason": "new disks"}
BEFORE = {"owner": "bob@ctl", "reason": "a drill", "since": 1.0}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return credentials(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def ask(tmp_path: Path, keys: Keys, files: dict[str, str]) -> Iterator[Any]:
    with serving(keys, files) as url:

        def asked(*, check: bool = False, **more: Any) -> dict[str, Any]:
            given = {"endpoints": [url], "username": USER, "password": PASSWORD, "scope": "unit", **files}
            return run("takeover_switch", given | {"timeout": 20} | more, tmp_path, check=check)

        yield asked


def test_off_says_who_and_why_and_the_second_time_changes_nothing(ask: Any, keys: Keys) -> None:
    found = ask(**GIVEN)
    assert found["changed"]
    assert found["line"] == "takeovers are off, by ada@ctl (new disks)"
    assert json.loads(keys.values()[OFF])["reason"] == "new disks"
    assert not ask(**GIVEN)["changed"]


def test_who_switched_it_off_first_stays_named(ask: Any, keys: Keys) -> None:
    keys.put(OFF, json.dumps(BEFORE))
    found = ask(**GIVEN)
    assert not found["changed"]
    assert "bob@ctl (a drill)" in found["line"]
    assert json.loads(keys.values()[OFF]) == BEFORE


def test_on_removes_it_and_the_second_time_changes_nothing(ask: Any, keys: Keys) -> None:
    keys.put(OFF, json.dumps(BEFORE))
    assert ask(state="on")["changed"]
    assert OFF not in keys.values()
    assert not ask(state="on")["changed"]


@pytest.mark.parametrize("given", [GIVEN, {"state": "on"}])
def test_check_mode_changes_nothing_and_says_the_same(given: dict[str, Any], ask: Any, keys: Keys) -> None:
    if given["state"] == "on":
        keys.put(OFF, json.dumps(BEFORE))
    before = keys.values()
    assert ask(check=True, **given)["changed"]
    assert keys.values() == before


def test_off_without_a_reason_is_refused(ask: Any) -> None:
    assert ask(state="off", owner="ada@ctl")["failed"]
