"""Filters of the role `patroni`: how a member leaves and comes back, and whether it can still follow.

They only compute.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: patroni_joining
short_description: Whether a member may leave or come back, how, and whether it can still follow
description:
  - C(patroni_leaving_refused) and C(patroni_returning_refused) give a line for each reason to change
    nothing.
  - C(patroni_unmarked) gives what etcd holds without the mark of a member that was removed,
    C(patroni_return) how a member comes back.
  - C(patroni_fallen) gives a line for each standby that asks for WAL which the leader no longer has.
options:
  _input:
    description: What Patroni, etcd or C(host_look) answered, as the filter's name says.
    type: raw
    required: true
"""

EXAMPLES = r"""
fallen: "{{ patroni_looks | patroni_fallen }}"
"""

RETURN = r"""
_value:
  description: Lines or a mapping, as the filter's name says.
  type: raw
"""

PLAYBOOKS = "ansible-playbook ansible/playbooks/"
#: Bytes of a file of WAL, as initdb makes them by itself (PostgreSQL 17, initdb, --wal-segsize).
SEGMENT = 16 << 20
#: Files of WAL whose numbers share their first eight digits: 4 GiB of it.
OF_ONE_NUMBER = (1 << 32) // SEGMENT

#: A member, as Patroni's /cluster has it.
Seen = Mapping[str, Any]


def counting(seen: Iterable[Seen], counts_as: str) -> list[str]:
    """Names of the standbys that stream and that commits wait for."""
    return sorted(one["name"] for one in seen if one["role"] == counts_as and one["state"] == "streaming")


def leaving_refused(
    member: str, seen: list[Seen], *, leader: str, counts_as: str, least: int, confirmed: str
) -> list[str]:
    """Why the member may not be removed, a line each. `least`: standbys without which no commit returns."""
    if member == leader:
        return [f"{member} leads: a member is removed while another leads. First: {PLAYBOOKS}switchover.yml"]
    others = [name for name in counting(seen, counts_as) if name != member]
    if len(others) < least:
        return [
            f"{member}: without it {', '.join(others) or 'no standby'} counts beside {leader}, and writes"
            f" need {least}. Bring the others back first; flashtier status says what is wrong"
        ]
    if len(others) > least or confirmed == member:
        return []
    return [
        f"confirm = {confirmed or '(none)'}: must be {member}. {outlook(member, others, leader, least)} To do"
        f" it all the same: -e confirm={member}"
    ]


def outlook(member: str, others: list[str], leader: str, least: int) -> str:
    """What holds while the member is away."""
    if len(others) > least:
        return f"Without {member}, {leader} leads and {', '.join(others)} count."
    if not others:
        return f"Without {member}, {leader} is alone: its loss is that of the database."
    return (
        f"Without {member}, {leader} leads and {', '.join(others)} alone counts: the loss of either stops"
        " writes until one is back."
    )


def unmarked(dcs: Mapping[str, Any], member: str) -> dict[str, Any]:
    """What etcd holds, as if the member had not been removed."""
    copies = {name: dict(record or {}) for name, record in (dcs.get("copies") or {}).items()}
    copies.get(member, {}).pop("removed", None)
    return {**dcs, "copies": copies}


def returning_refused(
    member: str, plan: Mapping[str, Any], record: Mapping[str, Any], *, follows: bool
) -> list[str]:
    """Why the member may not come back, a line each. `plan`: without the mark. A copy of what was not removed
    is made again on purpose only."""
    if plan["problems"]:
        return list(plan["problems"])
    if follows or member in (*plan["run"], *plan["copies"]) or away(record):
        return []
    return [plan["down"].get(member, f"{member}: its host is not in this run")]


def away(record: Mapping[str, Any]) -> bool:
    """Whether the member was removed, and did not come back yet."""
    return bool(record.get("removed") or record.get("returning"))


def way_back(
    member: str, plan: Mapping[str, Any], position: Mapping[str, Any], looks: Mapping[str, Any]
) -> dict[str, str]:
    """`way`: `own` with the data that the member has, or `copy`; `why`, a line."""
    if member not in plan["run"]:
        return {"way": "copy", "why": f"{member} has no whole copy of the cluster on its volumes"}
    if not position.get("readable"):
        return {"way": "copy", "why": f"what {member} holds cannot be read: {position.get('why')}"}
    oldest = next((state["oldest"] for state in _states(looks).values() if not state["follows"]), None)
    if oldest is None:
        return {"way": "own", "why": f"{member} is at {position['record']}"}
    if segment(position["record"]) < oldest:
        return {"way": "copy", "why": f"{member} {_late(position['record'], oldest)}"}
    return {
        "way": "own",
        "why": f"{member} is at {position['record']}, and the leader has all WAL since then",
    }


def fallen(looks: Mapping[str, Any]) -> dict[str, str]:
    """By member, of standbys that do not stream and ask for WAL that the one that leads has no more."""
    states = _states(looks)
    oldest = next((state["oldest"] for state in states.values() if not state["follows"]), None)
    return {
        name: f"{name} {_late(state['reached'], oldest)}: it cannot follow any more. Its copy is made again:"
        f" {PLAYBOOKS}replace_member.yml -e member={name}"
        for name, state in states.items()
        if oldest is not None
        and state["follows"]
        and not state["streams"]
        and state["reached"]
        and segment(state["reached"]) < oldest
    }


def _late(reached: str, oldest: str) -> str:
    return f"is at {reached}, and the oldest file of WAL that the leader has is {oldest}"


def segment(lsn: str) -> str:
    """The number of the file of WAL that holds a position: its name, without the timeline before it."""
    high, low = lsn.split("/")
    number = ((int(high, 16) << 32) + int(low, 16)) // SEGMENT
    return f"{number // OF_ONE_NUMBER:08X}{number % OF_ONE_NUMBER:08X}"


def _states(looks: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By member, what its server said of its place in WAL; of one that does not answer, nothing."""
    found = {}
    for name, look in looks.items():
        said = (look or {}).get("commands", {}).get("state", {}).get("stdout", "")
        place = json.loads(said).get("place") if said.strip() else None
        if place:
            found[name] = place
    return found


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {
            "patroni_away": away,
            "patroni_counting": counting,
            "patroni_fallen": fallen,
            "patroni_leaving_outlook": outlook,
            "patroni_leaving_refused": leaving_refused,
            "patroni_return": way_back,
            "patroni_returning_refused": returning_refused,
            "patroni_unmarked": unmarked,
        }
