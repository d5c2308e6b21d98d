"""What a move is to do, as the controller wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Behind the name of a directory: a copy that is not in use yet, and one that was in use before.
COMING, BEFORE = ".moving", ".before-move"
#: Copied while the server runs, too; what is in the others is little, or need not outlive a server.
KEPT = ("data", "wal")


@dataclass(frozen=True)
class Side:
    """A volume that a part lies on or is to lie on. `root`: its mount point; `marker`: the member's there."""

    volume: str
    root: Path
    marker: Path


@dataclass(frozen=True)
class Part:
    """One purpose: the directory of its name in the root of a volume, seen at `path`.

    `unit_text` is the mount unit's file once it has moved.
    """

    purpose: str
    path: Path
    unit: str
    unit_file: Path
    unit_text: str
    origin: Side
    target: Side

    @property
    def source(self) -> Path:
        return self.origin.root / self.purpose

    @property
    def goal(self) -> Path:
        return self.target.root / self.purpose

    @property
    def coming(self) -> Path:
        """The copy, until the swap."""
        return self.goal.with_name(self.purpose + COMING)

    @property
    def before(self) -> Path:
        """What was in use, after the swap."""
        return self.source.with_name(self.purpose + BEFORE)

    @property
    def earlier(self) -> Path:
        """What an earlier move away from the target left there."""
        return self.goal.with_name(self.purpose + BEFORE)


@dataclass(frozen=True)
class Plan:
    """`number` tells one run from another."""

    number: int
    member: str
    parts: tuple[Part, ...]
    #: By the path of the marker, its text on this host.
    markers: dict[Path, str]
    #: PostgreSQL's programs.
    programs: Path
    #: Below the directory of the purpose data.
    cluster: str
    #: Whether a commit waits for a standby: then each that streams must count as one.
    synchronous: bool


def read(path: Path) -> Plan:
    """Raises `OSError`, and `ValueError` with the file and what it lacks."""
    return parse(path.read_text(), str(path))


def parse(text: str, name: str) -> Plan:
    """Raises `ValueError` with the name and what is lacking."""
    try:
        given: dict[str, Any] = json.loads(text)
        return Plan(
            number=given["number"],
            member=given["member"],
            parts=tuple(_parts(given["parts"])),
            markers={Path(path): text for path, text in given["markers"].items()},
            programs=Path(given["programs"]),
            cluster=given["cluster"],
            synchronous=given["synchronous"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: {type(error).__name__} {error}; move_data.yml writes it") from error


def _parts(given: Iterable[dict[str, Any]]) -> Iterable[Part]:
    for part in given:
        yield Part(
            purpose=part["purpose"],
            path=Path(part["path"]),
            unit=part["unit"],
            unit_file=Path(part["unit_file"]),
            unit_text=part["unit_text"],
            origin=_side(part["origin"]),
            target=_side(part["target"]),
        )


def _side(given: dict[str, Any]) -> Side:
    return Side(volume=given["volume"], root=Path(given["root"]), marker=Path(given["marker"]))
