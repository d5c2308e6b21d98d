"""The changes of tests/drills/mutations, as data.

name    the change
host    the tier whose first host is changed; `leader`, `standby`: a member of the database that leads, or not
make    a shell script for root on the host, or
sql     a statement for the superuser, in the database postgres of the member that leads
says    texts that one line of the verification's faults must contain, all of them
person  why no playbook run repairs it; absent where the next one does
undo    what the person does (undo_sql: a statement)
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("mutations")
#: Areas whose changes a stopped server or a missing client would hide come first.
ORDER = ("database", "access", "network", "services", "system")


@dataclass(frozen=True)
class Change:
    area: str
    name: str
    host: str
    make: str
    says: tuple[str, ...]
    person: str = ""
    undo: str = ""

    def __str__(self) -> str:
        return f"{self.area}: {self.name}"


def changes() -> list[Change]:
    return [
        _change(area, entry)
        for area in ORDER
        for entry in yaml.safe_load((FOLDER / f"{area}.yml").read_text())
    ]


def _change(area: str, entry: dict[str, Any]) -> Change:
    fields = dict(entry)
    for script in ("make", "undo"):
        statement = fields.pop("sql" if script == "make" else f"{script}_sql", None)
        if statement is not None:
            fields[script] = f"runuser -u postgres -- psql -qXAt -c {shlex.quote(statement)}"
    change = Change(area=area, **{**fields, "says": tuple(fields["says"])})
    if bool(change.person) != bool(change.undo):
        raise ValueError(f"{change}: `person` and `undo` go together")
    return change
