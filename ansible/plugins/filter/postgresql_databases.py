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
  - C(postgresql_databases_commands) are what psql is given to ask a member for all of this;
    C(postgresql_databases_logins) are the roles to keep.
  - C(postgresql_databases_objects) reads what the leader answered, C(postgresql_databases_expected) is that
    answer where all is as declared, C(postgresql_databases_wrong) gives a line for each difference,
    C(postgresql_databases_repairs) the statements that are left to run.
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


def commands(
    databases: list[dict[str, Any]],
    roles: list[dict[str, Any]],
    migrations: Mapping[str, list[str]],
    sql: Mapping[str, str],
) -> list[str]:
    """What psql runs, in this order: a line about the cluster, then one about each database that it gets to.

    `migrations`: by database, the statements of those in the tree. `sql`: cluster, declare and database.
    """
    declared = assign({"databases": databases, "roles": roles}, "flashtier.declared")
    found = [declared, sql["cluster"]]
    for database in databases:
        name = database["name"]
        found += [
            f"\\connect {name}",
            declared,
            assign(migrations.get(name, []), "flashtier.migrations"),
            sql["declare"],
            sql["database"],
            "ROLLBACK",
        ]
    return found


def logins(roles: list[dict[str, Any]], followers: int) -> list[dict[str, Any]]:
    """The roles to keep: the declared ones, and that of the web hosts that follow who leads.

    The latter asks by one connection a host, and by another while one ends.
    """
    follower = {
        "name": "flashtier_follower",
        "password": "follower_database_password",
        "connection_limit": 2 * followers,
        "settings": [],
    }
    return [
        {key: role[key] for key in ("name", "password", "connection_limit")}
        | {"configuration": {setting["name"]: setting["value"] for setting in role["settings"]}}
        for role in [*roles, follower]
    ]


def objects(look: Look) -> dict[str, Any]:
    """Objects as the leader has them: those of the cluster, then those of each database that it got to."""
    found: dict[str, Any] = dict(answered(look, 0).get("objects", {}))
    for line in range(1, len(look["commands"]["state"]["stdout"].splitlines())):
        own = answered(look, line)
        found[f"database {own.pop('database')}"] = own
    return found


def expected(databases: list[dict[str, Any]], temp: str) -> dict[str, Any]:
    """What `objects` gives where all is as declared; `temp` is where temporary files lie."""
    return {
        "tablespace": {"location": temp, "public": ["CREATE"]},
        "databases": {one["name"]: {key: one[key] for key in ("owner", "encoding")} for one in databases},
        "statistics": True,
        "missing_roles": [],
        "cluster_statements": [],
        **{f"database {one['name']}": {"missing_extensions": [], "statements": []} for one in databases},
    }


def repairs(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The statements that are left to run, by the database to run them in: {database, statements}."""
    within = {
        name.removeprefix("database "): own["statements"]
        for name, own in found.items()
        if name.startswith("database ")
    }
    left = {"postgres": found.get("cluster_statements", []), **within}
    return [{"database": name, "statements": lines} for name, lines in left.items() if lines]


def assign(value: Mapping[str, Any] | list[str], name: str) -> str:
    """The SQL that gives a session this value, as JSON in the setting `name`."""
    quoted = json.dumps(value).replace("'", "''")
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


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "postgresql_databases_leads": leads,
            "postgresql_databases_problems": problems,
            "postgresql_databases_objects": objects,
            "postgresql_databases_commands": commands,
            "postgresql_databases_logins": logins,
            "postgresql_databases_expected": expected,
            "postgresql_databases_repairs": repairs,
            "postgresql_databases_wrong": wrong,
        }
