"""Limits and lines of the check of capacity, in few words."""

from __future__ import annotations

from typing import Any

from infra.capacity.check import check_capacity
from infra.capacity.limits import Limit
from infra.environment import Environment

PREFIX = "flashtier:environment."
#: What a volume of the database carries.
ALL = frozenset({"data", "wal", "temp", "log"})


def limit(found: tuple[Limit, ...], what: str) -> Limit:
    (one,) = (limit for limit in found if limit.what == what)
    return one


def lines(declared: Any) -> list[str]:
    found = check_capacity(Environment.parse(declared))
    assert all("\n" not in line for line in found)
    return found
