"""The lock of procedures in etcd: one holder, by a lease, with what he is named by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.procedure.onhost import client as clients
from infra.procedure.onhost.client import Client, Unavailable
from infra.procedure.onhost.lock import TTL, Lock
from infra.reach.onhost import https
from tests.support.etcd_keys import PASSWORD, USER, Keys, credentials, serving

KEY = "/flashtier/unit/procedure"
FIRST = {"id": "1", "procedure": "rolling", "holder": "ada@ctl pid 1", "since": "2026-11-30T10:00:00+00:00"}
SECOND = {
    "id": "2",
    "procedure": "switchover",
    "holder": "bob@ctl pid 2",
    "since": "2026-11-30T10:01:00+00:00",
}


@pytest.fixture
def etcd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Keys, tuple[str, int]]]:
    files = credentials(tmp_path)
    for name, file in (("ca.crt", "ca"), ("host.crt", "cert"), ("host.key", "key")):
        (tmp_path / name).write_bytes(Path(files[file]).read_bytes())
    monkeypatch.setattr(https, "TLS", str(tmp_path))
    keys = Keys()
    with serving(keys, files) as url:
        yield keys, ("127.0.0.1", int(url.rpartition(":")[2]))


def lock(endpoint: tuple[str, int], value: dict[str, Any], *before: tuple[str, int]) -> Lock:
    return Lock(Client([*before, endpoint], USER, PASSWORD), KEY, value)


def test_the_first_has_it_and_the_second_learns_of_whom(etcd: tuple[Keys, tuple[str, int]]) -> None:
    keys, endpoint = etcd
    assert lock(endpoint, FIRST).take() is None
    assert lock(endpoint, SECOND).take() == FIRST
    assert json.loads(keys.values()[KEY]) == FIRST
    assert len(keys.leases) == 1, "the one that was refused left its lease"


def test_it_goes_with_its_release_and_with_its_lease(etcd: tuple[Keys, tuple[str, int]]) -> None:
    keys, endpoint = etcd
    first, second = lock(endpoint, FIRST), lock(endpoint, SECOND)
    first.take()
    first.release()
    assert keys.values() == {}
    second.take()
    keys.expire(second.lease)
    assert not second.renew()
    assert lock(endpoint, FIRST).take() is None


def test_it_is_renewed_while_its_lease_is_there(etcd: tuple[Keys, tuple[str, int]]) -> None:
    _, endpoint = etcd
    first = lock(endpoint, FIRST)
    first.take()
    assert first.renew()


def test_another_host_goes_on_with_it_and_the_end_of_the_first_does_not_free_it(
    etcd: tuple[Keys, tuple[str, int]],
) -> None:
    keys, endpoint = etcd
    before, after = lock(endpoint, FIRST), lock(endpoint, FIRST)
    before.take()
    assert after.take() is None
    before.release()
    assert KEY in keys.values()
    assert lock(endpoint, SECOND).take() == FIRST
    after.release()
    assert keys.values() == {}


def test_who_holds_it_is_read_without_a_change(etcd: tuple[Keys, tuple[str, int]]) -> None:
    keys, endpoint = etcd
    assert lock(endpoint, SECOND).holder() is None
    lock(endpoint, FIRST).take()
    revision = keys.revision
    assert lock(endpoint, SECOND).holder() == FIRST
    assert keys.revision == revision


def test_a_login_that_etcd_has_forgotten_is_made_again(etcd: tuple[Keys, tuple[str, int]]) -> None:
    keys, endpoint = etcd
    first = lock(endpoint, FIRST)
    first.take()
    keys.stale = True
    assert first.renew()
    assert keys.logins == 2


def test_the_first_endpoint_that_answers_counts(etcd: tuple[Keys, tuple[str, int]]) -> None:
    _, endpoint = etcd
    assert lock(endpoint, FIRST, ("127.0.0.1", 1)).take() is None


def test_without_etcd_it_says_what_each_endpoint_said_and_no_password(
    etcd: tuple[Keys, tuple[str, int]],
) -> None:
    keys, endpoint = etcd
    keys.leaderless = True
    with pytest.raises(Unavailable) as silent:
        lock(endpoint, FIRST, ("127.0.0.1", 1)).take()
    assert str(silent.value) == (
        "127.0.0.1: Connection refused; 127.0.0.1: auth/authenticate: status 503: etcdserver: no leader"
    )
    keys.leaderless = False
    with pytest.raises(Unavailable, match="invalid user ID or password") as wrong:
        Lock(Client([endpoint], USER, "not-the-password-of-it"), KEY, FIRST).take()
    assert "not-the" not in str(wrong.value)


def test_a_renewal_by_silent_endpoints_ends_before_the_lease_would() -> None:
    assert 3 * clients.SECONDS < TTL
