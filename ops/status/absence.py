"""Pure: answers -> members that were removed on purpose, and standbys that cannot follow any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ops.status.answers import Answers, Keys, object_of
from ops.status.facts import Member

PLAYBOOKS = "ansible-playbook ansible/playbooks/"
#: Bytes of a file of WAL, as initdb makes them unless told otherwise.
SEGMENT = 16 << 20


def removed(keys: Keys) -> frozenset[str]:
    """Members with the mark of remove_member.yml in etcd's record of their copies."""
    found = keys.below("members") or {}
    return frozenset(name for name, pair in found.items() if object_of(pair["value"]).get("removed"))


def of_removed(members: Sequence[Member], gone: frozenset[str]) -> Iterator[str]:
    """One that is away on purpose is a reason all the same: one more loss may stop writes."""
    for member in members:
        if member.name not in gone:
            continue
        back = f"bring it back with: {PLAYBOOKS}add_member.yml -e member={member.name}"
        if member.answers:
            yield (
                f"{member.name}: is marked as removed, and its Patroni runs: run remove_member.yml again, or"
                f" {back}"
            )
        else:
            yield f"{member.name}: removed on purpose, {back}"


def of_fallen(answers: Answers, leader: str | None, members: Sequence[Member]) -> Iterator[str]:
    """Standbys that ask for WAL which the leader has removed."""
    oldest = str((answers.part(leader or "", "wal") or {}).get("oldest") or "")
    for member in members:
        own = answers.part(member.name, "patroni") or {}
        places = [own.get("xlog", {}).get(name) or 0 for name in ("received_location", "replayed_location")]
        if member.name == leader or member.state == "streaming" or not oldest or not any(places):
            continue
        if max(places) // SEGMENT < number(oldest):
            yield (
                f"{member.name} cannot follow any more: the leader's WAL begins after it. Make its copy"
                f" again: {PLAYBOOKS}replace_member.yml -e member={member.name}"
            )


def number(name: str) -> int:
    """Which file of WAL this is, by its name without the timeline."""
    return (int(name[:8], 16) << 32) // SEGMENT + int(name[8:], 16)
