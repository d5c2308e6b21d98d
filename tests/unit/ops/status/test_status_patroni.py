"""Patroni's timers as it applies them, by the rules of patroni 4.1 (Config._validate_and_adjust_timeouts)."""

from __future__ import annotations

import pytest

from ops.status.patroni import mode, timers


@pytest.mark.parametrize(
    ("given", "applied"),
    [
        ({"ttl": 20, "loop_wait": 2, "retry_timeout": 5}, (20, 2, 5)),
        ({}, (30, 10, 10)),
        ({"ttl": 5, "loop_wait": 0, "retry_timeout": 1}, (20, 1, 3)),
        ({"ttl": 20, "loop_wait": 10, "retry_timeout": 8}, (20, 4, 8)),
        ({"ttl": 20, "loop_wait": 10, "retry_timeout": 10}, (20, 1, 9)),
    ],
)
def test_timers_are_those_that_patroni_applies(given: dict[str, int], applied: tuple[int, int, int]) -> None:
    assert tuple(timers(given)[name] for name in ("ttl", "loop_wait", "retry_timeout")) == applied


@pytest.mark.parametrize(
    ("value", "shown"), [(True, "on"), ("on", "on"), ("quorum", "quorum"), (False, "off"), (None, "off")]
)
def test_the_synchronous_mode_has_one_spelling(value: object, shown: str) -> None:
    assert mode(value) == shown
