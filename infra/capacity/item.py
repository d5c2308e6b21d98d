"""One line of the bill, and the prices by name."""

from __future__ import annotations

from dataclasses import dataclass

from infra import catalogue


@dataclass(frozen=True, slots=True)
class Item:
    """`basis` states what the sum is made of."""

    what: str
    usd_month: float
    basis: str


def usd(name: str) -> float:
    """US dollars of the price called `name` in infra/catalogue/data/prices.yaml."""
    return catalogue.price(name).usd
