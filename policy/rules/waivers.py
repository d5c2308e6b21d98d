"""Waivers: a rule that does not hold for one resource, for a reason and until a date.

    flashtier:waivers:
      - {rule: old-tls, resource: flashtier-dev-https, reason: the partner's client, until: 2027-01-31}

`resource` is the name of a resource in Pulumi. A waiver without a reason or date, or past its date, has no
effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

KEYS = ("rule", "resource", "reason", "until")


@dataclass(frozen=True)
class Waiver:
    """`fault` says why it has no effect; None if it has."""

    rule: str
    resource: str
    reason: str
    until: str
    fault: str | None


def read(declared: object, rules: Iterable[str], today: date) -> list[Waiver]:
    """The waivers of `flashtier:waivers`, as the configuration has them, and which have an effect today."""
    if declared is None:
        return []
    if not isinstance(declared, list):
        return [Waiver("?", "?", "", "", f"is not a list of {{{', '.join(KEYS)}}}")]
    known = frozenset(rules)
    return [_waiver(one, known, today) for one in declared]


def _waiver(declared: object, rules: frozenset[str], today: date) -> Waiver:
    if not isinstance(declared, Mapping):
        return Waiver("?", str(declared), "", "", f"is not a mapping of {', '.join(KEYS)}")
    values = {key: str(declared.get(key) or "").strip() for key in KEYS}
    return Waiver(**values, fault=_fault(declared, values, rules, today))


def _fault(
    declared: Mapping[str, object], values: Mapping[str, str], rules: frozenset[str], today: date
) -> str | None:
    if missing := [key for key in KEYS if not values[key]]:
        return f"{', '.join(missing)} missing"
    if unknown := sorted(set(map(str, declared)) - set(KEYS)):
        return f"{', '.join(unknown)} is not a key of a waiver; use {', '.join(KEYS)}"
    if values["rule"] not in rules:
        return f"there is no rule {values['rule']}; use one of {', '.join(sorted(rules))}"
    try:
        until = date.fromisoformat(values["until"][:10])
    except ValueError:
        return f"until: {values['until']} is not a date; write it as 2027-01-31"
    return f"it ended on {until}" if until < today else None


def judge(waivers: Sequence[Waiver], rule: str, resource: str) -> tuple[bool, str]:
    """Whether a violation is waived; if not, why the waivers for it have no effect."""
    own = [one for one in waivers if (one.rule, one.resource) == (rule, resource)]
    if any(one.fault is None for one in own):
        return True, ""
    return False, "".join(f" (its waiver has no effect: {one.fault})" for one in own)


def notes(waivers: Sequence[Waiver]) -> list[str]:
    """A line for each waiver: what is let through until when, or why it has no effect."""
    return [
        f"flashtier:waivers: {one.rule} on {one.resource} has no effect: {one.fault}; correct or remove it"
        if one.fault
        else f"flashtier:waivers: {one.rule} on {one.resource} is waived until {one.until}: {one.reason}"
        for one in waivers
    ]
