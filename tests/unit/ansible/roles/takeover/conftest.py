from __future__ import annotations

from collections.abc import Callable

import pytest

from follower.access import Tls
from follower.etcd import Login
from takeover import release
from takeover.config import Config
from tests.support.takeover_etcd import MEMBERS, STACK, Etcd, healthy
from tests.support.takeover_world import Configs, World


@pytest.fixture
def etcd() -> Etcd:
    return healthy()


@pytest.fixture
def config() -> Callable[[str], Config]:
    """That of a host."""

    def made(host: str) -> Config:
        return Config(
            stack=STACK,
            host=host,
            members=MEMBERS,
            agents=(*MEMBERS, "control1", "control2", "control3"),
            enabled=True,
            rest_port=8008,
            etcd=("https://10.0.0.9:2379",),
            login=Login("seal", "secret"),
            tls=Tls("ca", "crt", "key"),
        )

    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "CONFIRM", 0.05)
    monkeypatch.setattr(release, "CONFIRM_MORE", 0.02)


@pytest.fixture
def world(etcd: Etcd, config: Configs) -> World:
    return World(etcd, config)
