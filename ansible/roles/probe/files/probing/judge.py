"""Parts -> one verdict: pure but for its counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from probing.part import STUCK, WELL, Part, Reading
from probing.worker import Turn

Verdict = Literal["fine", "stuck", "unknown"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
#: Seconds by which the clock goes on at most between two ticks.
STEP = 0.5


class Clock:
    """Time in which this process ran: a host that stood still finds nothing late because of that."""

    def __init__(self, start: float) -> None:
        self.last = start
        self.now = 0.0

    def tick(self, monotonic: float) -> float:
        self.now += min(max(monotonic - self.last, 0.0), STEP)
        self.last = monotonic
        return self.now


@dataclass(frozen=True)
class Asked:
    """What a worker has, its deadline in seconds, and the volume that it writes to."""

    turn: Turn
    deadline: float
    volume: str = ""


@dataclass(frozen=True)
class Report:
    verdict: Verdict
    why: str
    parts: Mapping[str, Reading]

    def differs(self, other: Report | None) -> bool:
        """In more than figures."""
        return other is None or _gist(self) != _gist(other)

    def published(self, host: str, since: float) -> dict[str, Any]:
        """`since`: the time of day at which the verdict became what it is."""
        return {
            "host": host,
            "verdict": self.verdict,
            "why": self.why,
            "since": round(since, 3),
            **{name: _shown(part) for name, part in self.parts.items()},
        }


class Judge:
    def __init__(self, names: tuple[str, ...], failures: int) -> None:
        self.parts = {name: Part(name, failures) for name in names}

    def look(self, asked: Mapping[str, Asked], now: float) -> Report:
        """`now` by the clock; `asked` has every part. WAL next to the data is what the data is."""
        found = {
            name: part.read(asked[name].turn, now, asked[name].deadline, asked[name].volume)
            for name, part in self.parts.items()
        }
        for name, one in asked.items():
            if one.turn.outcome is not None and one.turn.outcome.kind == "same":
                found[name] = found["data"]
        return judged(found)


def judged(parts: Mapping[str, Reading]) -> Report:
    """Stuck where one part is; fine where each one is as it should be."""
    stuck = {name: part for name, part in parts.items() if part.state in STUCK}
    if stuck:
        return Report("stuck", _reasons(stuck), parts)
    unclear = {name: part for name, part in parts.items() if part.state not in WELL}
    return Report("unknown" if unclear else "fine", _reasons(unclear), parts)


def _reasons(parts: Mapping[str, Reading]) -> str:
    """One line; parts with one reason share it."""
    names: dict[str, list[str]] = {}
    for name, part in parts.items():
        names.setdefault(part.why, []).append(name)
    return "; ".join(f"{' and '.join(who)}: {why}" for why, who in names.items())


def _gist(report: Report) -> tuple[Any, ...]:
    return report.verdict, {name: (part.state, part.volume) for name, part in report.parts.items()}


def _shown(part: Reading) -> dict[str, Any]:
    placed = {"volume": part.volume} if part.volume else {}
    return {"state": part.state, "seconds": round(part.seconds, 4), **placed}
