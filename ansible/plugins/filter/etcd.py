"""Filters of the role `etcd`: whether a cluster is made, joined or refused. They only compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: etcd
short_description: Whether hosts make a cluster of etcd, join one, or must not start
description:
  - C(etcd_urls) gives the address of a port of each member, by host.
  - C(etcd_blank) says whether a host has no data of etcd; C(etcd_known) whether a cluster was ever complete;
    C(etcd_bootstraps) whether the hosts of this play make a new one; C(etcd_problems) gives a line for each
    reason to change nothing.
  - C(etcd_undeclared) gives members at addresses that no one declares, C(etcd_learns) says whether a host's
    member has no vote yet, C(etcd_stale) whether it runs with other files than were written.
options:
  _input:
    description: The answers of C(host_look) by host, one of them, or that of C(etcd_look), as the name says.
    type: raw
    required: true
"""

EXAMPLES = r"""
etcd_new: "{{ etcd_looks | etcd_bootstraps(etcd_found, etcd_hosts) }}"
"""

RETURN = r"""
_value:
  description: Lines, addresses, or whether it is so, as the filter's name says.
  type: raw
"""

RESTORE = "ansible-playbook ansible/playbooks/restore_etcd.yml"

#: The answers of `host_look` and `etcd_look`, which document them.
Look = Mapping[str, Any]
Looks = Mapping[str, Look | None]
Host = Mapping[str, Any]


def urls(hosts: list[Host], port: int) -> dict[str, str]:
    """By host's name."""
    return {host["name"]: f"https://{host['address']}:{port}" for host in hosts}


def blank(look: Look) -> bool:
    """Whether no member ever ran on the host's volume: a log is what it writes first."""
    return not look["paths"]["log"]["exists"]


def remembered(looks: Looks) -> dict[str, str]:
    """Identifiers of the cluster that hosts and their volumes were marked with, by where that is written."""
    return {
        f"{name} ({where})": text.strip()
        for name, look in looks.items()
        if look
        for where, text in sorted(look["contents"].items())
        if text is not None
    }


def known(looks: Looks, found: Look) -> bool:
    """Whether a cluster was ever complete: it asks for accounts, or a host or a volume was marked with it.

    What is there before that holds nothing of anybody.
    """
    return bool(found["auth"] or remembered(looks))


def bootstraps(looks: Looks, found: Look, hosts: list[Host]) -> bool:
    """Whether the hosts of this play make a new cluster, or complete what an earlier run began to make."""
    return not known(looks, found) and all(looks.get(host["name"]) for host in hosts)


def problems(looks: Looks, found: Look, hosts: list[Host]) -> list[str]:
    """Why nothing may be changed, a line each."""
    names = [host["name"] for host in hosts]
    asked = {name: look for name, look in looks.items() if look}
    marks = remembered(looks)
    answered = {
        name: f"{int(member['cluster_id']):x}"
        for name, member in found["members"].items()
        if member["cluster_id"]
    }
    ids = {**{f"the member of {name}": one for name, one in answered.items()}, **marks}
    if len(set(ids.values())) > 1:
        said = ", ".join(f"{where}: {cluster}" for where, cluster in sorted(ids.items()))
        return [
            f"etcd: hosts are of different clusters ({said}). Nothing was changed. Find out which volume"
            " is not the one it was, and bring the declared one back."
        ]
    missing = [name for name in names if name not in asked]
    without = [name for name, look in asked.items() if blank(look)]
    if not without:
        return []
    if not known(looks, found):
        line = (
            f"{', '.join(without)}: there may be a cluster of etcd, which only {', '.join(missing)} can tell."
            " Nothing was changed. Run the play on all control hosts that are declared."
        )
        return [line] if missing else []
    if len(without) == len(names):
        return [
            f"{', '.join(without)}: no volume of etcd has data, but there was a cluster"
            f" ({', '.join(sorted(set(marks.values())))}). Nothing was changed: a new one would not know who"
            f" leads the database. Bring a volume back or restore a snapshot: {RESTORE}."
        ]
    return []


def undeclared(found: Look, peers: Mapping[str, str]) -> list[str]:
    """Names, or ids where they have none, of members at other addresses than the declared."""
    return [
        member["name"] or member["member_id"]
        for member in found["listed"]
        if not set(member["peer_urls"]) & set(peers.values())
    ]


def learns(found: Look, peers: Mapping[str, str], host: str) -> bool:
    """Whether the host's member is in the list and has no vote."""
    return any(peers[host] in member["peer_urls"] and member["learner"] for member in found["listed"])


def stale(look: Look, written: Mapping[str, Any], unit: str, files: list[str]) -> bool:
    """Whether the unit runs, and with other files than are written now.

    `written` is the answer of `host_files`; one that was skipped says nothing.
    """
    changed = {*written.get("changes", {}), *written.get("outdated", [])}
    return look["units"][unit]["active"] == "active" and bool(changed & set(files))


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "etcd_urls": urls,
            "etcd_blank": blank,
            "etcd_known": known,
            "etcd_bootstraps": bootstraps,
            "etcd_problems": problems,
            "etcd_undeclared": undeclared,
            "etcd_learns": learns,
            "etcd_stale": stale,
        }
