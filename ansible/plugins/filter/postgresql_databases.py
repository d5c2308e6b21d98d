"""Filters of the role `postgresql_databases`: who leads, and what differs from what is declared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: postgresql_databases
short_description: Which member leads, and what is left to do with databases and rights
description:
  - C(postgresql_databases_leads) says whether a member's answer is a leader's;
    C(postgresql_databases_problems) gives a line for each reason to change nothing.
  - C(postgresql_databases_objects) reads what the leader answered, C(postgresql_databases_wrong) gives a line
    for each difference to what is declared, C(postgresql_databases_too_many) the rights to revoke.
options:
  _input:
    description: The answer of C(host_look) or of the server, as the filter's name says.
    type: raw
    required: true
  host:
    description: The host's name, for messages.
    type: str
  declared:
    description: What is declared, in the form in which the server answers.
    type: dict
"""

EXAMPLES = r"""
postgresql_databases_leads: "{{ postgresql_databases_look | postgresql_databases_leads }}"
"""

RETURN = r"""
_value:
  description: Lines, or what is left to do, as the filter's name says.
  type: raw
"""

#: How community.postgresql.postgresql_privs names what has rights of the app.
RIGHTS = {
    "database": {"type": "database", "objs": "photos"},
    "schema": {"type": "schema", "objs": "public"},
}

#: The answer of `host_look`, which documents it.
Look = Mapping[str, Any]


def answered(look: Look, line: int) -> dict[str, Any]:
    """A line of the server's answer; empty where it did not get that far."""
    lines = look["commands"]["state"]["stdout"].splitlines()
    found: dict[str, Any] = json.loads(lines[line]) if len(lines) > line else {}
    return found


def leads(look: Look) -> bool:
    """Whether the member leads: its server answers and is not in recovery."""
    return answered(look, 0).get("in_recovery") is False


def problems(looks: Mapping[str, Look | None], members: list[str], check_mode: bool) -> list[str]:
    """Why nothing may be changed, a line each. `looks` are those of the hosts of this play, by name."""
    leaders = [name for name, look in looks.items() if look and leads(look)]
    if len(leaders) > 1:
        return [
            f"{' and '.join(leaders)} each run a server that is not in recovery; one member may lead. Nothing"
            " was changed. Stop the server that must not lead, then run the play again."
        ]
    # Check mode has started no server, and a play on some members need not have the leader among them.
    if not leaders and not check_mode and set(members) <= set(looks):
        return [
            f"{', '.join(members)}: no member runs a server that is not in recovery, so databases and roles"
            " cannot be kept. Look at the server's log and run the play again."
        ]
    return []


def objects(look: Look) -> dict[str, Any]:
    """Objects as the leader has them: those of the cluster and, where the database exists, its own."""
    found: dict[str, Any] = answered(look, 0).get("objects", {})
    return found | answered(look, 1)


def assign(texts: list[str], name: str) -> str:
    """The SQL that gives a session these texts, as a JSON array in the setting `name`."""
    quoted = json.dumps(texts).replace("'", "''")
    return f"SET {name} = '{quoted}'"


def wrong(look: Look, declared: Mapping[str, Any], host: str) -> list[str]:
    """Objects that are not as declared, a line each, and what kept the server from answering to the end."""
    found, answer = objects(look), look["commands"]["state"]
    lines = [
        f"{host}: {name} is {json.dumps(found.get(name))}, declared is {json.dumps(wanted)}."
        for name, wanted in declared.items()
        if found.get(name) != wanted
    ]
    stopped = [f"{host}: psql ended with {answer['code']}: {answer['stderr']}"] if answer["code"] else []
    return lines + stopped


def too_many(found: Mapping[str, Any], declared: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rights of the app that are more than is declared, as arguments of postgresql_privs."""
    revoked = []
    for name, right in RIGHTS.items():
        allowed = rights_of_app(declared[name])
        more = [one for one in dict.fromkeys(rights_of_app(found.get(name))) if one not in allowed]
        if more:
            revoked.append(right | {"privs": ",".join(more)})
    return revoked


def rights_of_app(thing: Mapping[str, Any] | None) -> list[str]:
    return (thing or {}).get("app") or []


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "postgresql_databases_leads": leads,
            "postgresql_databases_problems": problems,
            "postgresql_databases_objects": objects,
            "postgresql_databases_set": assign,
            "postgresql_databases_wrong": wrong,
            "postgresql_databases_too_many": too_many,
        }
