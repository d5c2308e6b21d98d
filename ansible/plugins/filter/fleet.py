"""Filters of the role `fleet`: where a procedure goes, and why it must not. They only compute."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: fleet
short_description: Which hosts a procedure goes through, one after the other
description:
  - C(fleet_chosen) gives the names of the hosts of a name or a tier, of all without either, in the order of
    their turns; C(fleet_alone) those that no other host stands in for; C(fleet_refused) a line for each
    reason to change nothing; C(fleet_counted) whether HAProxy sends requests to hosts.
  - C(fleet_upgrades) gives what apt would upgrade, C(fleet_stale) the units that run replaced files, and
    C(fleet_due) the hosts that have either.
options:
  _input:
    description: Hosts as the contract has them, or the answer of HAProxy, as the name says.
    type: raw
    required: true
"""

EXAMPLES = r"""
order: "{{ contract.hosts | fleet_chosen('', 'web') }}"
"""

RETURN = r"""
_value:
  description: Names or lines.
  type: list
  elements: str
"""

#: What others lean on comes first, so that each has its way back before its own turn.
ORDER = ("control", "web", "edge", "database")
#: Components that calls of clients need, of which one host has the only one.
NEEDED = ("s3",)

#: A line of `apt-get --simulate`: the package, its version, and the one that comes.
UPGRADE = re.compile(r"^Inst (\S+) \[([^\]]+)\] \((\S+) ", re.MULTILINE)

#: A host of the contract.
Host = Mapping[str, Any]


def chosen(hosts: list[Host], named: str, tier: str) -> list[str]:
    """Names of the hosts that are meant, in the order of their turns."""
    meant = [one for one in hosts if named in ("", one["name"]) and tier in ("", one["tier"])]
    return [one["name"] for one in sorted(meant, key=lambda one: ORDER.index(one["tier"]))]


def alone(hosts: list[Host]) -> dict[str, str]:
    """Hosts without which calls of clients fail, and what each alone does."""
    found = {}
    for host in hosts:
        if [one["tier"] for one in hosts].count(host["tier"]) == 1:
            found[host["name"]] = f"the tier {host['tier']}"
        for part in NEEDED:
            if part in host["components"] and sum(part in one["components"] for one in hosts) == 1:
                found[host["name"]] = part
    return found


def refused(
    hosts: list[Host], named: str, tier: str, outage: list[str], due: list[str] | None = None
) -> list[str]:
    """Why nothing is changed, a line each. `outage`: hosts without which calls may fail for a while; `due`:
    those that are changed, where not all that are meant are."""
    names, tiers = [one["name"] for one in hosts], sorted({one["tier"] for one in hosts})
    if named and named not in names:
        return [f"host = {named}: must be one of {', '.join(names)}: -e host=<name>"]
    if tier and tier not in tiers:
        return [f"tier = {tier}: must be one of {', '.join(tiers)}: -e tier=<name>"]
    order = chosen(hosts, named, tier)
    if not order:
        return [f"host = {named}, tier = {tier}: that host is of another tier. Name one of the two."]
    if unknown := [name for name in outage if name not in names]:
        return [f"outage = {', '.join(unknown)}: must be of {', '.join(names)}: -e outage=<name>[,<name>]"]
    order = order if due is None else due
    missing = {name: what for name, what in alone(hosts).items() if name in order and name not in outage}
    if not missing:
        return []
    said = ", ".join(f"{name} ({what})" for name, what in missing.items())
    wanted = ",".join(name for name in alone(hosts) if name in order)
    return [
        f"{said}: no other host stands in, so calls of clients fail while it restarts. If they may: "
        f"-e outage={wanted}; else name others: -e host=<name> or -e tier=<tier>"
    ]


def upgrades(simulated: str) -> list[str]:
    """What `apt-get --simulate upgrade` would upgrade, each with its versions."""
    return [f"{one[1]} {one[2]} -> {one[3]}" for one in UPGRADE.finditer(simulated)]


def stale(answer: str, units: list[str]) -> list[str]:
    """Of the units that run replaced files (files/stale.py) those of the kit."""
    return [unit for unit in json.loads(answer) if unit in units]


def due(order: list[str], answers: Mapping[str, Mapping[str, Any]], units: list[str]) -> list[str]:
    """Hosts with something to upgrade or to restart, by what `host_look` found on each."""
    return [
        name
        for name in order
        if upgrades(answers[name]["upgrades"]["stdout"]) or stale(answers[name]["stale"]["stdout"], units)
    ]


def counted(answer: str, names: list[str]) -> bool:
    """Whether HAProxy's table of servers (`show stat`, CSV) has these up, after all its checks."""
    rows = [line.split(",") for line in answer.splitlines() if "," in line]
    if not rows:
        return False
    columns = rows[0]
    name, status = columns.index("svname"), columns.index("status")
    states = {row[name]: row[status] for row in rows[1:]}
    return [one for one in names if states.get(one) != "UP"] == []


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "fleet_alone": alone,
            "fleet_chosen": chosen,
            "fleet_counted": counted,
            "fleet_due": due,
            "fleet_refused": refused,
            "fleet_stale": stale,
            "fleet_upgrades": upgrades,
        }
