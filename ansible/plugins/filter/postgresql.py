"""Filters of the role `postgresql`: what the host and its server say comes to. They only compute."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict

DOCUMENTATION = r"""
name: postgresql
short_description: What is wrong and what is left to do with a host's PostgreSQL
description:
  - C(postgresql_install_needed), C(postgresql_identifier), C(postgresql_left) and C(postgresql_problems) read
    what C(host_look) saw of the host; the last gives a line for each reason to change nothing.
  - C(postgresql_state) and C(postgresql_objects) read what the server answered; C(postgresql_wrong) and
    C(postgresql_objects_wrong) give a line for each difference to what is declared.
  - C(postgresql_rights_too_many), C(postgresql_unread) and C(postgresql_unsettled) give what is left to do.
options:
  _input:
    description: The answer of C(host_look), of the server or of C(host_files), as the filter's name says.
    type: raw
    required: true
  host:
    description: The host's name, for messages.
    type: str
  declared:
    description: What is declared, in the form in which the server answers.
    type: raw
"""

EXAMPLES = r"""
postgresql_wrong: "{{ postgresql_state | postgresql_wrong(postgresql_settings, postgresql_host) }}"
"""

RETURN = r"""
_value:
  description: Lines, or what is left to do, as the filter's name says.
  type: raw
"""

#: How a person finds out about a setting, the name of which comes after it.
WHENCE = "Look where it comes from: SELECT * FROM pg_settings WHERE name = "
PURPOSES = ["data", "log", "temp", "wal"]
CREATE_CLUSTER = re.compile(r"^\s*create_main_cluster\s*=\s*(\S+)", re.MULTILINE)
IDENTIFIER = re.compile(r"system identifier:\s*(\d+)")
ASSIGNMENT = re.compile(r"^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*=", re.MULTILINE)
#: How community.postgresql.postgresql_privs names what has rights of the app.
RIGHTS = {
    "database": {"type": "database", "objs": "photos"},
    "schema": {"type": "schema", "objs": "public"},
    "tables": {"type": "default_privs", "objs": "TABLES"},
    "sequences": {"type": "default_privs", "objs": "SEQUENCES"},
}

#: The answer of `host_look`, which documents it.
Look = Mapping[str, Any]


class State(TypedDict):
    """The first line of the server's answer (files/state.sql)."""

    settings: dict[str, str]
    pending: list[str]
    faults: list[str]
    objects: dict[str, Any]


class Placement(TypedDict):
    """What is read of an element of `postgresql_placements`."""

    purpose: str
    volume: str
    path: str


class Setting(TypedDict):
    """A declared setting; its value as SHOW prints it."""

    name: str
    value: str | int


def install_needed(look: Look) -> bool:
    """Whether a package is missing, or Debian's tools would make or run a cluster of their own."""
    file, unit = look["paths"]["createcluster"], look["units"]["postgresql.service"]
    said = CREATE_CLUSTER.findall(look["contents"]["createcluster"] or "")
    return (
        len(look["missing"]) > 0
        or said[-1:] != ["false"]
        or (file.get("mode"), file.get("uid"), file.get("gid")) != ("0644", 0, 0)
        or unit.get("active") == "active"
        or unit.get("enabled") == "enabled"
    )


def identifier(look: Look, control: Mapping[str, Any]) -> str:
    """The cluster's system identifier, "" where there is none.

    `control` is pg_controldata's answer from where the role made the cluster, newer than the look's.
    """
    seen = look["commands"].get("control", {}).get("stdout", "")
    found = IDENTIFIER.search(control.get("stdout", seen))
    return found[1] if found else ""


def left(look: Look) -> list[str]:
    """Names of settings that ALTER SYSTEM left."""
    return ASSIGNMENT.findall(look["contents"]["auto"] or "")


def problems(
    look: Look,
    *,
    host: str,
    placements: list[Placement],
    clients: list[str],
    primary: bool,
    data_directory: str,
    identity_file: str,
    check_mode: bool,
) -> list[str]:
    """Why nothing may be changed, a line each."""
    found = []
    purposes = sorted(placement["purpose"] for placement in placements)
    if purposes != PURPOSES:
        found.append(
            f"{host}: placements {', '.join(purposes)}; PostgreSQL needs exactly {', '.join(PURPOSES)}."
            " Run pulumi up with the same checkout."
        )
    if not clients:
        found.append(
            f"{host}: the contract lets no host reach postgresql; declare web hosts and run pulumi up."
        )
    # Check mode has made no mount point on a fresh host.
    if not check_mode or look["paths"]["data"]["exists"]:
        table = json.loads(look["commands"]["mounts"]["stdout"])["filesystems"]
        mounted = {mount["target"] for mount in table}
        found += [
            f"{host}: {placement['path']} is no mount point, so PostgreSQL would write to the root disk"
            f" instead of volume {placement['volume']}. The role placement mounts it: run the playbook"
            " without leaving out its tag."
            for placement in placements
            if placement["path"] not in mounted
        ]
    if primary:
        found += cluster_problems(look, host, data_directory, identity_file)
    return found


def cluster_problems(look: Look, host: str, data_directory: str, identity_file: str) -> list[str]:
    """Why the cluster on the volume is not the one that this host has run."""
    exists, remembered = look["paths"]["cluster"]["exists"], look["contents"]["identity"]
    present, known = identifier(look, {}), (remembered or "").strip()
    if exists and not present:
        return [
            f"{host}: pg_controldata cannot read {data_directory}: {look['commands']['control']['stderr']}."
            " Nothing was changed. Look whether the volume is whole."
        ]
    if exists and known and known != present:
        return [
            f"{host}: {data_directory} holds cluster {present}, but this host has run {known}. Nothing was"
            " changed. If it is meant to run this cluster from now on, remove"
            f" {identity_file} and run the play again."
        ]
    if not exists and remembered is not None:
        return [
            f"{host} has run a cluster ({identity_file}), but {data_directory} is not one: its data volume is"
            " blank or not the one it was. Bring the volume back or restore a backup; only if the data may be"
            " lost for good, remove that file and run the play again."
        ]
    return []


def answered(answer: str, line: int) -> dict[str, Any]:
    """A line of the server's answer; nothing where it did not get that far."""
    lines = answer.splitlines()
    found: dict[str, Any] = json.loads(lines[line]) if len(lines) > line else {}
    return found


def state(answer: str) -> State:
    """What the server says of its settings and of the cluster; empty where no server answered."""
    found = answered(answer, 0) or {}
    return State(
        settings=found.get("settings", {}),
        pending=found.get("pending", []),
        faults=found.get("faults", []),
        objects=found.get("objects", {}),
    )


def objects(answer: str) -> dict[str, Any]:
    """What the server says of objects: those of the cluster and, where the database exists, its own."""
    return state(answer)["objects"] | answered(answer, 1)


def wrong(seen: State, declared: Iterable[Setting], host: str) -> list[str]:
    """Settings that are not as declared, a line each."""
    found = []
    for setting in declared:
        name, value = setting["name"], str(setting["value"])
        effective = seen["settings"].get(name, "unknown to the server")
        if effective != value:
            found.append(f"{host}: {name} is {effective}, declared is {value}. {WHENCE}'{name}'.")
    return found


def objects_wrong(seen: Mapping[str, Any], declared: Mapping[str, Any], host: str) -> list[str]:
    """Objects that are not as declared, a line each."""
    return [
        f"{host}: {name} is {json.dumps(seen.get(name))}, declared is {json.dumps(wanted)}."
        for name, wanted in declared.items()
        if seen.get(name) != wanted
    ]


def rights_too_many(seen: Mapping[str, Any], declared: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rights of the app that are more than is declared, as arguments of postgresql_privs."""
    found = []
    for name, right in RIGHTS.items():
        allowed = rights_of_app(declared[name])
        more = [one for one in dict.fromkeys(rights_of_app(seen.get(name))) if one not in allowed]
        if more:
            found.append(right | {"privs": ",".join(more)})
    return found


def rights_of_app(thing: Mapping[str, Any] | list[str] | None) -> list[str]:
    """Default rights are the app's alone; other things say whose they are."""
    found = thing.get("app") if isinstance(thing, Mapping) else thing
    return found or []


def unread(written: Mapping[str, Any], files: Iterable[Mapping[str, Any]]) -> list[str]:
    """Files that the server has yet to read; `written` is the answer of `host_files`, empty before it ran."""
    of_server = [file["path"] for file in files if "unit" in file]
    waiting = dict.fromkeys([*written.get("outdated", []), *written.get("changes", {})])
    return [path for path in waiting if path in of_server]


def unsettled(seen: State, wrong: list[str], look: Look, written: Mapping[str, Any], unit: str) -> bool:
    """Whether the server is down, or does not run with what is declared and written."""
    return bool(written.get("changed") or unit in look["idle"] or wrong or seen["pending"] or seen["faults"])


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "postgresql_install_needed": install_needed,
            "postgresql_identifier": identifier,
            "postgresql_left": left,
            "postgresql_problems": problems,
            "postgresql_state": state,
            "postgresql_objects": objects,
            "postgresql_wrong": wrong,
            "postgresql_objects_wrong": objects_wrong,
            "postgresql_rights_too_many": rights_too_many,
            "postgresql_unread": unread,
            "postgresql_unsettled": unsettled,
        }
