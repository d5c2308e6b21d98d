"""Filters of the role `patroni`: what a member's server is set to, and what is left to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, TypedDict

DOCUMENTATION = r"""
name: patroni
short_description: What is wrong and what is left to do with a member's server
description:
  - C(patroni_left) and C(patroni_auto) read what C(host_look) found of ALTER SYSTEM on the host.
  - C(patroni_state) reads what the server answered; C(patroni_wrong) gives a line for
    each setting that is not as declared; C(patroni_unread) says whether it has to read its files again,
    and C(patroni_waits) which settings a restart will change.
  - C(patroni_program) reads the program that a unit's file names, and C(patroni_older) gives the release
    that a member's process is of where that is not the installed one.
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
wrong: "{{ patroni_state | patroni_wrong(declared, patroni_host) }}"
"""

RETURN = r"""
_value:
  description: Lines, a text or whether something is left to do, as the filter's name says.
  type: raw
"""

#: How a person finds out about a setting, the name of which comes after it.
ORIGIN = "See where it comes from: SELECT * FROM pg_settings WHERE name = "
#: A line of a configuration file; the equals sign is optional and names have no case (PostgreSQL 17, 19.1.2).
ASSIGNMENT = re.compile(r"^[ \t]*([A-Za-z_][A-Za-z0-9_.]*)(?:[ \t]*=|[ \t]+\S)", re.MULTILINE)
#: The line of a unit's file that names its program.
STARTED = re.compile(r"^ExecStart=(\S+)", re.MULTILINE)
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
    restart: list[str]
    pending: list[str]
    faults: list[str]


class Setting(TypedDict):
    """A declared setting; its value as SHOW prints it."""

    name: str
    value: str | int


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


def state(answer: str) -> State:
    """What the server answers of its settings; empty where no server answered."""
    found = json.loads(answer) if answer else {}
    return State(
        settings=found.get("settings", {}),
        restart=found.get("restart", []),
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


def waits(answered: State, declared: Iterable[Setting]) -> list[str]:
    """Settings that a restart will change: those that wait for it, and those that this run makes wait."""
    differs = {one["name"] for one in declared if answered["settings"].get(one["name"]) != str(one["value"])}
    return sorted({*answered["pending"], *(differs & set(answered["restart"]))})


def unread(answered: State, wrong: list[str], written: Mapping[str, Any]) -> bool:
    """Whether the server has not read what is written: a file, or a setting that a reload changes.

    `written` is the answer of `host_files`, empty before it ran. A setting that waits for a restart is read.
    """
    waiting = tuple(f": {name} is" for name in answered["pending"])
    missed = [line for line in wrong if not any(name in line for name in waiting)]
    return bool(written.get("outdated") or written.get("changed") or missed or answered["faults"])


def program(unit_file: str | None) -> str:
    """The program that the unit's file starts, "" where it names none."""
    found = STARTED.search(unit_file or "")
    return found[1] if found else ""


def older(command: list[str], installed: str) -> str:
    """The release that a process was started from, "" where it is the installed one's or there is none.

    `command` are the process' words: the interpreter, the release's program, its file of settings.
    """
    if not installed or installed in command:
        return ""
    started = (PurePosixPath(word) for word in command if word.endswith("/bin/patroni"))
    return next((path.parents[1].name for path in started), "")


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "patroni_left": left,
            "patroni_auto": auto,
            "patroni_state": state,
            "patroni_wrong": wrong,
            "patroni_unread": unread,
            "patroni_waits": waits,
            "patroni_program": program,
            "patroni_older": older,
        }
