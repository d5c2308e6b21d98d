"""Where a figure comes from, and whether it has grown too old to be relied on."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml

from infra.errors import FlashtierError
from infra.model import Model

DATA = Path(__file__).parent / "data"

Kind = Literal["price", "limit", "measurement"]

#: Days after which a figure is reported as old. Prices and limits change without notice; gp3's limits rose
#: fivefold in one day of 2025. A measurement stays true of the drives that were measured.
MAX_AGE_DAYS: dict[Kind, int] = {"price": 180, "limit": 365, "measurement": 730}

#: Uses of a source whose figures were not read anywhere: always reported.
_UNREAD = frozenset({"memory", "judgement"})


class Source(Model):
    """`date` is that of what was read, None where it bears none."""

    what: str
    date: date | None
    use: Literal["read", "measured", "memory", "judgement"]


class Cited(Model):
    """A figure's origin: `what` it says, of which `kind` it is, from which source and of which date."""

    what: str
    kind: Kind
    source: str
    as_of: date | None

    def line(self, today: date) -> str | None:
        """What is wrong with its age on `today`, in one line; None if nothing is."""
        if sources()[self.source].use in _UNREAD:
            origin = sources()[self.source].what
            return f"{self.what}: from {origin} ({self.source}); verify it before you rely on it"
        if self.as_of is None:
            return f"{self.what}: undated in its source ({self.source}); compare it with AWS's own page"
        age, limit = (today - self.as_of).days, MAX_AGE_DAYS[self.kind]
        if age <= limit:
            return None
        return (
            f"{self.what}: {age} days old ({self.source}, {self.as_of}), more than {limit} for a "
            f"{self.kind}; compare it with AWS's own page and renew infra/catalogue/data"
        )


def ageing(cited: Iterable[Cited], today: date) -> tuple[str, ...]:
    """One line a figure that is too old, undated or unread on `today`; each line once, in the order given."""
    return tuple(dict.fromkeys(line for figure in cited if (line := figure.line(today))))


def cite(what: str, kind: Kind, *keys: str) -> Cited:
    """The figure `what`, as old as the newest of its sources says; without a date if none has one."""
    known = sources()
    key = max(keys, key=lambda key: known[key].date or date.min)
    return Cited(what=what, kind=kind, source=key, as_of=known[key].date)


@functools.cache
def sources() -> dict[str, Source]:
    return {key: Source.model_validate(value) for key, value in read("sources.yaml").items()}


@functools.cache
def read(name: str) -> dict[str, Any]:
    """One data file of the catalogue, with lists as tuples, so that strict models take them."""
    loaded: dict[str, Any] = _tuples(yaml.safe_load((DATA / name).read_text()))
    return loaded


def _tuples(value: Any) -> Any:  # noqa: ANN401 - YAML
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def missing(thing: str, name: str, known: Iterable[str], where: str) -> FlashtierError:
    """The error for a name that the catalogue lacks, with the nearest that it has."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    nearest = f"nearest: {', '.join(near)}" if near else f"it has {', '.join(names[:8])}"
    return FlashtierError(f"{thing} {name!r}: not in the catalogue ({where}); {nearest}")
