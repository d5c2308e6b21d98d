"""The module patroni_dcs against a small etcd over real TLS: what it reads, writes and refuses."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.etcd_keys import PASSWORD, TOKEN, USER, WRONG, Keys, credentials, serving
from tests.support.host_modules import run

CONFIG = {"ttl": 20, "loop_wait": 2, "postgresql": {"parameters": {"max_connections": "100"}}}
#: What Patroni and the kit keep, and neighbours that are of other clusters.
HELD = {
    "/service/unit/initialize": "7400000000000000001",
    "/service/unit/leader": "db2",
    "/service/unit/config": json.dumps(CONFIG),
    "/service/unit/sync": '{"leader": "db2", "sync_standby": "db1,db3", "quorum": 1}',
    "/service/unit/members/db1": "{}",
    "/service/unit/members/db2": "{}",
    "/service/unit/failover": "",
    "/service/unit2/initialize": "another",
    "/service/unis": "another",
    "/flashtier/unit/members/db1": '{"name": "db1"}',
    "/flashtier/unit/holds/somebody": "{}",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return credentials(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def keys() -> Keys:
    return Keys(**HELD)


@pytest.fixture
def url(keys: Keys, files: dict[str, str]) -> Iterator[str]:
    with serving(keys, files) as address:
        yield address


@pytest.fixture
def ask(tmp_path: Path, url: str, files: dict[str, str]) -> Any:
    def asked(*, check: bool = False, **more: Any) -> dict[str, Any]:
        given = {"endpoints": [url], "username": USER, "password": PASSWORD, "scope": "unit", **files}
        answer = run("patroni_dcs", given | {"timeout": 20} | more, tmp_path, check=check)
        # Ansible's own record of the arguments hides what is declared so.
        said = json.dumps({key: value for key, value in answer.items() if key != "invocation"})
        assert [secret for secret in (PASSWORD, TOKEN) if secret in said] == []
        return answer

    return asked


def test_what_etcd_holds_is_read(ask: Any, keys: Keys) -> None:
    answer = ask()
    assert (answer["changed"], answer["initialize"], answer["leader"]) == (
        False,
        "7400000000000000001",
        "db2",
    )
    assert answer["config"] == CONFIG
    assert answer["sync"] == {"leader": "db2", "sync_standby": "db1,db3", "quorum": 1}
    assert answer["registered"] == ["db1", "db2"]
    assert answer["copies"] == {"db1": {"name": "db1"}}
    assert keys.values() == HELD
    # One login, and a range for each of the two prefixes.
    assert keys.calls == ["/v3/auth/authenticate", "/v3/kv/range", "/v3/kv/range"]


def test_an_etcd_that_holds_nothing_is_read(ask: Any, keys: Keys) -> None:
    keys.held.clear()
    answer = ask()
    seen = {key: answer[key] for key in ("initialize", "leader", "config", "sync", "registered", "copies")}
    assert seen == {
        "initialize": "",
        "leader": "",
        "config": None,
        "sync": None,
        "registered": [],
        "copies": {},
    }


@pytest.mark.parametrize("before", [None, {}, CONFIG | {"ttl": 30, "colour": "red"}])
def test_settings_are_made_exactly_those_declared(ask: Any, keys: Keys, before: Any) -> None:
    """A key that no one declares any more goes away."""
    if before is None:
        del keys.held["/service/unit/config"]
    else:
        keys.put("/service/unit/config", json.dumps(before))
    answer = ask(config=CONFIG)
    assert (answer["changed"], answer["config"]) == (True, CONFIG)
    assert json.loads(keys.values()["/service/unit/config"]) == CONFIG
    assert ('"colour": "red"' in answer["diff"]["before"]) is bool(before)
    assert '"ttl": 20' in answer["diff"]["after"]
    assert ask(config=CONFIG)["changed"] is False


def test_settings_that_are_as_declared_are_not_written(ask: Any, keys: Keys) -> None:
    """In whatever order and form they lie there."""
    keys.put("/service/unit/config", json.dumps(dict(reversed(CONFIG.items())), indent=4))
    assert ask(config=CONFIG)["changed"] is False
    assert "/v3/kv/txn" not in keys.calls


@pytest.mark.parametrize("exists", [True, False])
def test_settings_that_change_under_the_write_are_left(ask: Any, keys: Keys, exists: bool) -> None:
    """Whoever wrote in the meantime keeps what he wrote, and this run ends with a line."""
    if not exists:
        del keys.held["/service/unit/config"]
    keys.meanwhile = {"/service/unit/config": '{"ttl": 99}'}
    answer = ask(config=CONFIG | {"ttl": 60})
    assert answer["failed"] is True
    assert "/service/unit/config was changed by someone else in the meantime" in answer["msg"]
    assert keys.values()["/service/unit/config"] == '{"ttl": 99}'


def test_a_member_is_recorded_once(ask: Any, keys: Keys) -> None:
    record = {"name": "db2", "volumes": {"/vol/flash/.flashtier-member": "uuid=1"}}
    answer = ask(member=record)
    assert (answer["changed"], answer["copies"]["db2"]) == (True, record)
    assert json.loads(keys.values()["/flashtier/unit/members/db2"]) == record
    assert ask(member=record)["changed"] is False
    assert ask(member=record | {"volumes": {}})["changed"] is True
    assert keys.values() | {"/flashtier/unit/members/db2": ""} == HELD | {"/flashtier/unit/members/db2": ""}


def test_keys_of_an_old_leader_are_removed_and_no_others(ask: Any, keys: Keys) -> None:
    """Those of its neighbours and of the cluster itself stay."""
    old = ["leader", "sync", "status"]
    assert ask(check=True, clear=old)["changed"] is True
    assert keys.values() == HELD
    answer = ask(clear=old)
    assert (answer["changed"], answer["leader"], answer["sync"]) == (True, "", None)
    gone = {"/service/unit/leader", "/service/unit/sync"}
    assert keys.values() == {key: value for key, value in HELD.items() if key not in gone}
    assert ask(clear=old)["changed"] is False


def test_check_mode_writes_nothing_and_says_what_it_would(ask: Any, keys: Keys) -> None:
    answer = ask(check=True, config=CONFIG | {"ttl": 60}, member={"name": "db3"})
    assert (answer["changed"], answer["config"]["ttl"], answer["copies"]["db3"]) == (
        True,
        60,
        {"name": "db3"},
    )
    assert keys.values() == HELD
    assert "/v3/kv/txn" not in keys.calls


def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"https://127.0.0.1:{server.getsockname()[1]}"


def test_the_first_endpoint_that_answers_is_asked(ask: Any, url: str) -> None:
    """One refuses, one takes the connection and says nothing, one is the third."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = f"https://127.0.0.1:{silent.getsockname()[1]}"
        answer = ask(endpoints=[closed(), mute, url], timeout=3)
    assert answer["leader"] == "db2"


def test_a_member_without_a_leader_is_passed_over(
    ask: Any, keys: Keys, url: str, files: dict[str, str]
) -> None:
    alone = Keys()
    alone.leaderless = True
    with serving(alone, files) as cut_off:
        assert ask(endpoints=[cut_off, url])["leader"] == "db2"
    keys.leaderless = True
    assert f"{url}: auth/authenticate: etcdserver: no leader" in ask()["msg"]


def test_where_none_answers_each_is_named(ask: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute, gone = f"https://127.0.0.1:{silent.getsockname()[1]}", closed()
        answer = ask(endpoints=[gone, mute], timeout=1)
    assert answer["failed"] is True
    assert answer["msg"].startswith("etcd: ")
    assert f"{gone}: " in answer["msg"]
    assert f"{mute}: " in answer["msg"]
    assert "\n" not in answer["msg"]


def test_an_answer_that_is_no_json_is_no_answer(ask: Any, keys: Keys, url: str) -> None:
    keys.nonsense = b"<html>"
    assert f"{url}: " in ask()["msg"]


def test_a_wrong_password_ends_the_run_at_once(ask: Any, keys: Keys, url: str) -> None:
    """It is wrong for every member of etcd: the next ones are not asked."""
    answer = ask(endpoints=[url, url], password="not-this-one-secret")  # noqa: S106 - of the tests
    assert answer["failed"] is True
    assert WRONG in answer["msg"]
    assert "not-this-one-secret" not in json.dumps({**answer, "invocation": None})
    assert keys.calls == ["/v3/auth/authenticate"]


def test_a_server_of_another_authority_is_not_asked(ask: Any, keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = credentials(tmp_path / "other")
    answer = ask(ca=other["ca"])
    assert answer["failed"] is True
    assert "CERTIFICATE_VERIFY_FAILED" in answer["msg"]
    assert keys.calls == []


def test_files_that_are_missing_end_in_a_line(ask: Any) -> None:
    answer = ask(key="/nowhere/host.key")
    assert (answer["failed"], answer["msg"].startswith("etcd: ")) == (True, True)


@pytest.mark.parametrize(
    ("declared", "kept"), [(True, {"pause": True}), (False, {})], ids=["a maintenance", "by hand"]
)
def test_only_a_declared_maintenance_keeps_patroni_paused(
    ask: Any, keys: Keys, declared: bool, kept: dict[str, bool]
) -> None:
    keys.put("/service/unit/config", json.dumps(CONFIG | {"pause": True}))
    keys.put("/flashtier/unit/maintenance" if declared else "/flashtier/unit/other", "{}")
    assert ask(config=CONFIG)["changed"] is not declared
    assert json.loads(keys.values()["/service/unit/config"]) == CONFIG | kept
    # What else is declared is kept meanwhile.
    assert ask(config=CONFIG | {"ttl": 30})["changed"]
    assert json.loads(keys.values()["/service/unit/config"]) == CONFIG | {"ttl": 30} | kept
