"""Filters of the role `postgresql_server`: what a host's cluster and server need. They only compute."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict

DOCUMENTATION = r"""
name: postgresql_server
short_description: What is wrong and what is left to do with a host's cluster and server
description:
  - C(postgresql_server_identifier), C(postgresql_server_left), C(postgresql_server_auto) and
    C(postgresql_server_problems) read what C(host_look) found on the host; the last gives a line for each
    reason to change nothing.
  - C(postgresql_server_state) reads what the server answered; C(postgresql_server_wrong) gives a line for
    each setting that is not as declared; C(postgresql_server_unsettled) says whether anything is left to do.
options:
  _input:
    description: The answer of C(host_look) or of the server, as the filter's name says.
    type: raw
    required: true
  host:
    description: The host's name, for messages.
    type: str
  declared:
    description: Declared settings, in the form in which the server answers.
    type: list
    elements: dict
"""

EXAMPLES = r"""
wrong: "{{ postgresql_server_state | postgresql_server_wrong(declared, postgresql_server_host) }}"
"""

RETURN = r"""
_value:
  description: Lines, a text or whether something is left to do, as the filter's name says.
  type: raw
"""

#: How a person finds out about a setting, the name of which comes after it.
ORIGIN = "See where it comes from: SELECT * FROM pg_settings WHERE name = "
IDENTIFIER = re.compile(r"system identifier:\s*(\d+)")
#: A line of a configuration file; the equals sign is optional and names have no case (PostgreSQL 17, 19.1.2).
ASSIGNMENT = re.compile(r"^[ \t]*([A-Za-z_][A-Za-z0-9_.]*)(?:[ \t]*=|[ \t]+\S)", re.MULTILINE)
#: What pg_basebackup -R, pg_rewind -R and restores write into postgresql.auto.conf, and a standby or a
#: recovery needs: what was in recovery.conf before PostgreSQL 12 (PostgreSQL 17, 19.5.5, 19.5.6, 19.6.3).
RECOVERY = {
    "archive_cleanup_command",
    "primary_conninfo",
    "primary_slot_name",
    "recovery_end_command",
    "recovery_min_apply_delay",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "restore_command",
}

#: The answer of `host_look`, which documents it.
Look = Mapping[str, Any]


class State(TypedDict):
    """The server's answer (files/state.sql)."""

    settings: dict[str, str]
    pending: list[str]
    faults: list[str]


class Setting(TypedDict):
    """A declared setting; its value as SHOW prints it."""

    name: str
    value: str | int


def identifier(look: Look, control: Mapping[str, Any]) -> str:
    """The cluster's system identifier, "" where there is none.

    `control` is pg_controldata's answer from where the role made the cluster, newer than the look's.
    """
    before = look["commands"].get("control", {}).get("stdout", "")
    found = IDENTIFIER.search(control.get("stdout", before))
    return found[1] if found else ""


def left(look: Look) -> list[str]:
    """Names of settings that ALTER SYSTEM left; those of a standby or a restore are not among them."""
    names = ASSIGNMENT.findall(look["contents"]["auto"] or "")
    return [name for name in names if name.lower() not in RECOVERY]


def auto(look: Look, config_file: str) -> str:
    """What postgresql.auto.conf has to hold: the recovery settings in it, as they are, and no other."""
    kept = [
        line
        for line in (look["contents"]["auto"] or "").splitlines()
        if (found := ASSIGNMENT.match(line)) and found[1].lower() in RECOVERY
    ]
    first = f"# Kept by flashtier: settings are in {config_file}, only those of a recovery stay here."
    return "\n".join([first, *kept]) + "\n"


def problems(look: Look, *, host: str, data: str, identity_file: str) -> list[str]:
    """Why the cluster on the volume is not the one that this host has run, a line each."""
    exists, remembered = look["paths"]["cluster"]["exists"], look["contents"]["identity"]
    present, known = identifier(look, {}), (remembered or "").strip()
    if exists and not present:
        return [
            f"{host}: pg_controldata cannot read {data}: {look['commands']['control']['stderr']}."
            " Nothing was changed. Check whether the volume is whole."
        ]
    if exists and known and known != present:
        return [
            f"{host}: {data} holds cluster {present}, but this host has run {known}. Nothing was"
            " changed. If it is meant to run this cluster from now on, remove"
            f" {identity_file} and run the play again."
        ]
    if not exists and remembered is not None:
        return [
            f"{host} has run a cluster ({identity_file}), but {data} is not one: its data volume is"
            " blank or not the one it was. Bring the volume back or restore a backup; only if the data may be"
            " lost for good, remove that file and run the play again."
        ]
    return []


def state(answer: str) -> State:
    """What the server answers of its settings; empty where no server answered."""
    found = json.loads(answer) if answer else {}
    return State(
        settings=found.get("settings", {}),
        pending=found.get("pending", []),
        faults=found.get("faults", []),
    )


def wrong(answered: State, declared: Iterable[Setting], host: str) -> list[str]:
    """Settings that are not as declared, a line each."""
    found = []
    for setting in declared:
        name, value = setting["name"], str(setting["value"])
        effective = answered["settings"].get(name, "unknown to the server")
        if effective != value:
            found.append(f"{host}: {name} is {effective}, declared is {value}. {ORIGIN}'{name}'.")
    return found


def unsettled(answered: State, wrong: list[str], look: Look, written: Mapping[str, Any], unit: str) -> bool:
    """Whether the server is down, or does not run with what is declared and written.

    `written` is the answer of `host_files`, empty before it ran.
    """
    return bool(
        written.get("changed") or unit in look["idle"] or wrong or answered["pending"] or answered["faults"]
    )


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "postgresql_server_identifier": identifier,
            "postgresql_server_left": left,
            "postgresql_server_auto": auto,
            "postgresql_server_problems": problems,
            "postgresql_server_state": state,
            "postgresql_server_wrong": wrong,
            "postgresql_server_unsettled": unsettled,
        }
