"""Pure: what hosts publish of takeovers -> whether a leader that is stuck or gone would give way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ops.status.answers import Keys, object_of
from ops.status.facts import Takeover


def takeover(keys: Keys, declared: bool, hosts: Mapping[str, Sequence[str]]) -> Takeover | None:
    """`hosts`: those that are declared to publish, by kind: `agents` and `units`. None: no one could read."""
    found = keys.below("takeover")
    if found is None:
        return None
    values = {name: object_of(str(pair["value"])) for name, pair in found.items()}
    units = [value for name, value in values.items() if name.startswith("units/")]
    off = values.get("off")
    return Takeover(
        declared=declared,
        off=None
        if off is None
        else f"{off.get('owner', 'unknown')} ({off.get('reason', 'no reason given')})",
        silent=tuple(
            f"{host} ({'seal' if kind == 'agents' else 'release'})"
            for kind, names in hosts.items()
            for host in names
            if f"{kind}/{host}" not in values
        ),
        hindered=tuple(dict.fromkeys(str(why) for unit in units for why in unit.get("hindered") or ())),
        sealed=tuple(
            f"{name.removeprefix('agents/')}: {', '.join(map(str, value['sealed']))}"
            for name, value in values.items()
            if name.startswith("agents/") and value.get("sealed")
        ),
        last=_last(values.get("last")),
    )


def _last(value: dict[str, Any] | None) -> str | None:
    if value is None:
        return None
    at = value.get("at")
    when = (
        datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if isinstance(at, int | float) else "?"
    )
    return f"{when}: {value.get('leader')} was {value.get('cause')}, by {value.get('by')}"


def notes(found: Takeover | None) -> Iterator[str]:
    """Why it would not be done where it is declared. Reasons that pass by themselves are among them."""
    if found is None or not found.declared:
        return
    if found.off:
        yield (
            f"takeovers are switched off by {found.off}; to switch them on:"
            " ansible-playbook ansible/playbooks/takeover.yml -e switch=on"
        )
        return
    if found.silent:
        yield (
            f"nothing is published by {', '.join(found.silent)};"
            " `journalctl -u flashtier-seal -u flashtier-release` there"
        )
    if found.hindered:
        yield f"a leader that is stuck or gone would keep its lead: {'; '.join(found.hindered)}"
