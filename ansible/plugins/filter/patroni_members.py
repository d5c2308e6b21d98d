"""Filters of the role `patroni`: which hosts may run a member, and what has to be made. They only compute.

That a cluster exists is kept on the media (a control file, and a marker in the root of each volume that
carries data or WAL) and in etcd (the key `initialize`, and a record of each member that has had a copy). A
cluster is made only where no medium and no etcd knows one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

DOCUMENTATION = r"""
name: patroni_members
short_description: Which hosts run a member, make a cluster, get a copy or stay down
description:
  - C(patroni_markers) gives the text of the marker of each volume that carries data or WAL,
    C(patroni_marker_paths) where volumes have theirs;
    C(patroni_plan) decides, from what C(host_look) found on each host and from what etcd holds.
options:
  _input:
    description: The answers of C(host_look) by host, or a host's volumes.
    type: raw
    required: true
  stack:
    description: The stack's name.
    type: str
"""

EXAMPLES = r"""
plan: "{{ looks | patroni_plan(dcs, members=contract.database.members, first='db1', markers=markers) }}"
"""

RETURN = r"""
_value:
  description: A mapping, as the filter's name says.
  type: dict
"""

IDENTIFIER = re.compile(r"system identifier:\s*(\d+)")
REPLACE = "ansible-playbook ansible/playbooks/replace_member.yml -e member="
ADD = "ansible-playbook ansible/playbooks/add_member.yml -e member="

#: The answer of `host_look`, which documents it.
Look = Mapping[str, Any]


class Plan(TypedDict):
    """Names of hosts. `create` and `adopt` are one at most: the member that the cluster begins with."""

    problems: list[str]
    create: str
    adopt: str
    copies: list[str]
    run: list[str]
    #: Of each host that stays down, the reason.
    down: dict[str, str]


def marker_path(volume: Mapping[str, Any]) -> str:
    """Where a volume has its marker, outside of what a move or a restore replaces."""
    return f"{volume['mount_point']}/.flashtier-member"


def marker_text(volume: Mapping[str, Any], host: str, stack: str) -> str:
    """The marker of a host's volume, without the system identifier."""
    return f"stack={stack}\nhost={host}\nuuid={volume['uuid']}\n"


def markers(
    hosts: list[Mapping[str, Any]], stack: str, placed: Mapping[str, list[Mapping[str, Any]]]
) -> dict[str, dict[str, str]]:
    """By host and path, the markers of volumes that carry data or WAL, without the system identifier.

    `placed`: by host, the placements in effect; of a host that it lacks, those declared count.
    """
    return {
        host["name"]: _markers(host, stack, placed.get(host["name"]) or host["placements"]) for host in hosts
    }


def _markers(host: Mapping[str, Any], stack: str, placements: list[Mapping[str, Any]]) -> dict[str, str]:
    carrying = {placed["volume"] for placed in placements if placed["purpose"] in ("data", "wal")}
    return {
        marker_path(volume): marker_text(volume, host["name"], stack)
        for volume in host["volumes"]
        if volume["name"] in carrying
    }


def marked(text: str, identifier: str, begins: bool = False) -> str:
    """The whole marker of a volume whose cluster has this system identifier.

    `begins`: etcd does not know the cluster yet, which is to begin with this member.
    """
    return f"{text}system_identifier={identifier}\n" + ("begins=yes\n" if begins else "")


def all_marked(volumes: list[Mapping[str, Any]], host: str, stack: str, identifier: str) -> dict[str, str]:
    """By path, the whole marker that each volume of a host would have."""
    return {marker_path(volume): marked(marker_text(volume, host, stack), identifier) for volume in volumes}


def identifier(look: Look, control: Mapping[str, Any] | None = None) -> str:
    """The system identifier of the cluster on the host's volume, "" where there is none.

    `control` is pg_controldata's answer from where the role made the cluster, newer than the look's.
    """
    before = look["commands"].get("control", {}).get("stdout", "")
    found = IDENTIFIER.search((control or {}).get("stdout", before))
    return found[1] if found else ""


class Host:
    """What one host has: its cluster's identifier, and how its markers stand to it."""

    def __init__(self, name: str, look: Look, wanted: Mapping[str, str]) -> None:
        self.name = name
        self.has_cluster = bool(look["paths"]["cluster"]["exists"])
        self.identifier = identifier(look)
        self.converts = bool(look["paths"]["old_unit"]["exists"])
        # A run that ended between two volumes left a marker on one of them.
        found = {path: text for path in wanted if (text := look["contents"][path]) is not None}
        whole, first = (
            {path: marked(text, self.identifier, begins) for path, text in wanted.items()}
            for begins in (False, True)
        )
        self.has_marker = bool(found)
        self.is_foreign = any(text not in (whole[path], first[path]) for path, text in found.items())
        self.is_member = self.has_cluster and found == whole
        self.begins = self.has_cluster and any(text == first[path] for path, text in found.items())
        self.broken = self.has_cluster and not self.identifier
        self.says = str(look["commands"].get("control", {}).get("stderr", ""))


def plan(
    looks: Mapping[str, Look | None],
    dcs: Mapping[str, Any],
    *,
    members: list[str],
    first: str,
    markers: Mapping[str, Mapping[str, str]],
    convert: bool,
) -> Plan:
    """What each host of the play does. With a problem nothing is changed."""
    made = Plan(problems=[], create="", adopt="", copies=[], run=[], down={})
    hosts = [Host(name, look, markers[name]) for name in members if (look := looks.get(name))]
    known, copies = str(dcs.get("initialize") or ""), dcs.get("copies") or {}
    for host in hosts:
        if problem := _problem(host, known):
            made["problems"].append(problem)
    if made["problems"]:
        return made
    if not known:
        return _first(made, hosts, copies, first=first, convert=convert, complete=len(hosts) == len(members))
    for host in hosts:
        _place(made, host, known, copies)
    return made


def _problem(host: Host, known: str) -> str:
    if host.broken:
        return (
            f"{host.name}: pg_controldata cannot read its cluster: {host.says}. Nothing was changed. "
            "Check whether the volume is whole."
        )
    if host.has_cluster and host.is_foreign:
        return (
            f"{host.name}: the marker on a volume is not that of this host, this volume and cluster "
            f"{host.identifier}. Nothing was changed. Find out whose volume it is; if it may be lost: "
            f"{REPLACE}{host.name}"
        )
    if known and host.has_cluster and host.identifier != known:
        return (
            f"{host.name}: holds cluster {host.identifier}, and etcd knows {known}. Nothing was changed. "
            f"If what {host.name} holds may be lost: {REPLACE}{host.name}"
        )
    return ""


def _first(
    made: Plan, hosts: list[Host], copies: Mapping[str, Any], *, first: str, convert: bool, complete: bool
) -> Plan:
    """Where etcd knows no cluster: one that a member has is adopted, or one is made where none ever was."""
    marked_hosts = [host.name for host in hosts if host.has_marker and not host.begins]
    if marked_hosts or copies:
        names = sorted({*marked_hosts, *copies})
        made["problems"].append(
            f"etcd knows no cluster, but {', '.join(names)} had a copy of one. Nothing was changed. Restore "
            "etcd from a snapshot: ansible-playbook ansible/playbooks/restore_etcd.yml"
        )
        return made
    if not complete:
        made["problems"].append(
            "etcd knows no cluster, and not every member is in this run: without all of them it is not known "
            "that there is none. Nothing was changed. Run the playbook without --limit."
        )
        return made
    holding = [host for host in hosts if host.has_cluster]
    if len(holding) > 1:
        which = ", ".join(f"{host.name} ({host.identifier})" for host in holding)
        made["problems"].append(
            f"etcd knows no cluster, and {which} each hold one. Nothing was changed. Keep the volume of the "
            "one that is right, and replace the others."
        )
        return made
    if holding:
        (one,) = holding
        if one.converts and not convert:
            made["problems"].append(
                f"{one.name} runs a server without a cluster manager, and its conversion was not asked for. "
                "Nothing was changed. Run ansible/site.yml as a whole: its first play says how"
            )
            return made
        made["adopt"] = one.name
    else:
        made["create"] = made["adopt"] = first
    made["copies"] = [host.name for host in hosts if host.name != made["adopt"]]
    made["run"] = [made["adopt"]]
    return made


def _place(made: Plan, host: Host, known: str, copies: Mapping[str, Any]) -> None:
    if (copies.get(host.name) or {}).get("removed"):
        made["down"][host.name] = (
            f"{host.name}: was removed on purpose. It stays down with what is on its volumes until: "
            f"{ADD}{host.name}"
        )
    elif (copies.get(host.name) or {}).get("lost"):
        made["down"][host.name] = (
            f"{host.name}: was named as lost when etcd was restored, and the others went on without it. "
            f"It stays down: a copy comes back only on purpose, by {REPLACE}{host.name}"
        )
    elif host.is_member:
        made["run"].append(host.name)
    elif host.begins or (host.has_cluster and host.name not in copies):
        # Its copy was whole when a run ended before the marker.
        made["run"].append(host.name)
    elif host.has_marker or host.has_cluster or host.name in copies:
        what = (
            "has a cluster without a marker" if host.has_cluster else "has no cluster on its volume any more"
        )
        made["down"][host.name] = (
            f"{host.name}: was a member of cluster {known} and {what}. It stays down: a copy comes back only "
            f"on purpose, by {REPLACE}{host.name}"
        )
    else:
        made["copies"].append(host.name)


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "patroni_marker_paths": lambda volumes: [marker_path(volume) for volume in volumes],
            "patroni_marker_text": marker_text,
            "patroni_markers": markers,
            "patroni_marked": marked,
            "patroni_all_marked": all_marked,
            "patroni_identifier": identifier,
            "patroni_plan": plan,
        }
