"""How long a maintenance lasts and why, as people give it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

#: Seconds. Longer than a piece of work, and short enough that a forgotten one ends on the same day.
LONGEST = 4 * 3600
SHORTEST = 60
UNITS = {"s": 1, "m": 60, "h": 3600}


def maintenance_seconds(given: Mapping[str, str]) -> int:
    """Seconds of `30m`, `2h` or `900s`; 0 where none is declared."""
    found = re.fullmatch(r"([0-9]{1,6})([smh])", given["for"].strip())
    return 0 if found is None or given["end"] else int(found[1]) * UNITS[found[2]]


def maintenance_refused(given: Mapping[str, str]) -> str:
    """Why nothing is declared or ended, in one line; empty where it may be."""
    if given["end"] not in ("", "now"):
        return f"end = {given['end']}: must be now; to declare a maintenance: -e for=30m -e 'reason=\"...\"'"
    if given["end"]:
        return ""
    if not given["reason"].strip():
        return "reason is empty: must say why, since whoever is on call reads it: -e 'reason=\"new switch\"'"
    seconds = maintenance_seconds(given)
    if not seconds:
        return f"for = {given['for'] or '(empty)'}: must be a number and s, m or h, such as -e for=30m"
    if not SHORTEST <= seconds <= LONGEST:
        return (
            f"for = {given['for']}: must be from 1m to 4h: while Patroni is paused no member takes over for"
            " another, so a loss of the leader stops writes until a person acts. Declare it again when it"
            " has ended"
        )
    return ""


class FilterModule:
    """Ansible's way to find them."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"maintenance_refused": maintenance_refused, "maintenance_seconds": maintenance_seconds}
