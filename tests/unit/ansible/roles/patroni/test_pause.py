"""Patroni's pause: one that no one declared, or whose time is over, is ended by the members."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from follower import etcd
from follower.etcd import EtcdError, Login
from holding.config import Config
from holding.pause import Pause
from tests.support.keyring import Keyring, serving

CONFIG, MAINTENANCE = "/service/lab/config", "/flashtier/lab/maintenance"
SETTINGS = {"ttl": 20, "postgresql": {"parameters": {"max_connections": "100"}}}


def pause(ring: Keyring, said: list[str]) -> Pause:
    config = Config(
        scope="lab",
        name="db1",
        etcd=("http://127.0.0.1:1", ring.url),
        login=Login("patroni", "secret"),
        context=None,
        rest="127.0.0.1:1",
        rest_login=Login("patroni", "secret"),
        data=Path("/nowhere"),
        programs=Path("/nowhere"),
    )
    return Pause(config, said.append)


def checked(**keys: object) -> tuple[bool, dict[str, str], list[str]]:
    names = {"config": CONFIG, "maintenance": MAINTENANCE}
    said: list[str] = []
    with serving(**{names[name]: json.dumps(value) for name, value in keys.items()}) as ring:
        ended = pause(ring, said).check()
        return ended, dict(ring.keys), said


def test_a_pause_that_no_one_declared_is_ended_and_nothing_else_is_changed() -> None:
    ended, keys, said = checked(config=SETTINGS | {"pause": True})
    assert ended
    assert json.loads(keys[CONFIG]) == SETTINGS
    assert said == ["Patroni was paused and no maintenance is declared: it acts again"]


def test_one_that_is_declared_stays() -> None:
    ended, keys, said = checked(config=SETTINGS | {"pause": True}, maintenance={"owner": "ada"})
    assert (ended, said) == (False, [])
    assert json.loads(keys[CONFIG])["pause"] is True


@pytest.mark.parametrize("more", [{}, {"pause": False}, {"pause": None}])
def test_a_cluster_that_is_not_paused_is_left_alone(more: dict[str, object]) -> None:
    ended, keys, said = checked(config=SETTINGS | more)
    assert (ended, said) == (False, [])
    assert json.loads(keys[CONFIG]) == SETTINGS | more


def test_there_may_be_no_cluster_yet() -> None:
    assert checked() == (False, {}, [])


def test_settings_that_were_changed_meanwhile_are_not_overwritten() -> None:
    said: list[str] = []
    with serving(**{CONFIG: json.dumps(SETTINGS | {"pause": True})}) as ring:
        looked = ring.revision
        ring.revision = lambda key: "1"  # type: ignore[method-assign]
        ended = Pause.check
        one = pause(ring, said)
        ask = one._ask

        def meanwhile(path: str, body: dict[str, object]) -> dict[str, object]:
            if path.endswith("txn"):
                ring.revision = looked  # type: ignore[method-assign]
            return ask(path, body)  # type: ignore[arg-type]

        one._ask = meanwhile  # type: ignore[method-assign, assignment]
        assert not ended(one)
        assert json.loads(ring.keys[CONFIG])["pause"] is True
    assert said == []


def test_without_etcd_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "DEADLINE", 0.2)
    with serving() as ring:
        one = pause(ring, [])
        ring.silent.set()
        with pytest.raises(EtcdError):
            one.check()
