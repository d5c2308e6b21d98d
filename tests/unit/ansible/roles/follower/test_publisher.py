"""The host's own key: written at each change, under a lease that is kept, and nobody waits for it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from follower import etcd, publisher
from follower.etcd import Endpoint, Login, decoded
from follower.publisher import Publisher
from tests.support.gateway import Gateway, serving, until

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
KEY = "/flashtier/lab/followers/web1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "DEADLINE", 0.3)
    monkeypatch.setattr(publisher, "PERIOD", 0.55)
    monkeypatch.setattr(publisher, "PAUSE", 0.02)


@contextmanager
def publishing(*gateways: Gateway) -> Iterator[tuple[Publisher, list[str]]]:
    lines: list[str] = []
    endpoints = [Endpoint(gateway.url, Login("follower", "secret"), None) for gateway in gateways]
    thread = Publisher(endpoints, KEY, lines.append)
    thread.start()
    try:
        yield thread, lines
    finally:
        thread.stop(10)
        assert not thread.is_alive()


def written(gateway: Gateway) -> list[Any]:
    puts = [body for path, body, _ in gateway.asked if path == "/v3/kv/put"]
    assert {decoded(body["key"]) for body in puts} <= {KEY}
    assert {body["lease"] for body in puts} <= {"4410609717551822649"}
    return [json.loads(decoded(body["value"])) for body in puts]


def test_each_change_is_written_under_one_lease() -> None:
    with serving() as gateway, publishing(gateway) as (thread, _):
        for state in ("serving", "held"):
            thread.publish({"state": state})
            until(lambda state=state: {"state": state} in written(gateway))
        thread.publish({"state": "held"})
        until(lambda: "/v3/lease/keepalive" in gateway.paths(), "the lease's renewal")
        assert written(gateway) == [{"state": "serving"}, {"state": "held"}]
        assert gateway.paths().count("/v3/lease/grant") == 1


def test_the_lease_is_given_back_at_the_end() -> None:
    with serving() as gateway:
        with publishing(gateway) as (thread, _):
            thread.publish({"state": "serving"})
            until(lambda: written(gateway))
        assert gateway.paths()[-1] == "/v3/lease/revoke"


@pytest.mark.parametrize("answer", ["lease over", "no such lease"])
def test_a_lease_that_is_over_is_made_again_and_the_state_with_it(answer: str) -> None:
    with serving(keepalive=[answer, "lease renewed"]) as gateway, publishing(gateway) as (thread, _):
        thread.publish({"state": "serving"})
        until(lambda: written(gateway) == [{"state": "serving"}] * 2)
        assert gateway.paths().count("/v3/lease/grant") == 2


def test_publishing_never_waits_for_an_endpoint_that_says_nothing() -> None:
    with serving() as silent, serving() as gateway, publishing(silent, gateway) as (thread, lines):
        silent.silent.set()
        began = time.monotonic()
        for number in range(100):
            thread.publish({"number": number})
        assert time.monotonic() - began < 0.25
        until(lambda: {"number": 99} in written(gateway), "the other endpoint's turn")
        assert [line for line in lines if "not published" in line]


def test_hours_without_etcd_are_one_line() -> None:
    with serving(grant=["leader changed"]) as gateway, publishing(gateway) as (thread, lines):
        thread.publish({"state": "serving"})
        until(lambda: gateway.paths().count("/v3/lease/grant") > 5)
        assert len(lines) == 1
