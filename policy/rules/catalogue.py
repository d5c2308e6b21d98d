"""How many local drives an instance type has, from the kit's own catalogue (infra/catalogue/data)."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "infra/catalogue/data/instances.csv"


@functools.cache
def _drives() -> dict[str, int]:
    with FILE.open(newline="") as file:
        return {row["type"]: int(row["drives"] or 0) for row in csv.DictReader(file)}


def drives_of(instance_type: object) -> int | None:
    """The number of drives that a stop erases; None for a type that the catalogue does not have."""
    return _drives().get(str(instance_type))
