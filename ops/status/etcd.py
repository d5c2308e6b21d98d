"""Pure: answers -> etcd's members, and what its keys say to web hosts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from ops.status.answers import Answers, Keys, object_of
from ops.status.facts import Etcd, EtcdMember, Follower, Hold, Maintenance, Probe, ProbedPart, Procedure

#: Of a probe, in the order in which they are shown.
PARTS: tuple[Literal["data", "wal", "connection"], ...] = ("data", "wal", "connection")


def etcd(answers: Answers, keys: Keys, declared: Sequence[str]) -> Etcd:
    """`declared`: control hosts with a member. A healthy one, or a key that was read, proves a quorum."""
    listed = _listed(answers)
    members = tuple(_member(name, answers, listed) for name in declared)
    asked = [member for member in members if not answers.why_not(member.name)]
    healthy = any(member.healthy for member in members) or keys.found is not None
    alarms = {
        f"{_name(listed, alarm.get('memberID')) or 'a member'}: {alarm.get('alarm')}"
        for _, found in answers.all("etcd")
        for alarm in found["alarms"].get("alarms", ())
    }
    return Etcd(
        quorum=True if healthy else False if asked else None,
        keys_why=keys.why,
        members=members,
        alarms=tuple(sorted(alarms)),
    )


def _listed(answers: Answers) -> dict[str, dict[str, Any]] | None:
    """Etcd's own list of members by id, of the member that has applied most; None where no one could say."""
    found = [part for _, part in answers.all("etcd")]
    if not found:
        return None
    newest = max(found, key=lambda part: int(part["status"].get("raftAppliedIndex", 0)))
    return {one["ID"]: one for one in newest["members"].get("members", ())}


def _name(listed: dict[str, dict[str, Any]] | None, number: object) -> str | None:
    own = (listed or {}).get(str(number))
    return str(own.get("name")) if own is not None else None


def _member(name: str, answers: Answers, listed: dict[str, dict[str, Any]] | None) -> EtcdMember:
    found, health = answers.part(name, "etcd"), answers.part(name, "health")
    status: dict[str, Any] = (found or {}).get("status", {})
    own = next((one for one in (listed or {}).values() if one.get("name") == name), None)
    healthy = str(health.get("health")) == "true" if health is not None else None
    why = answers.why_no_part(name, "etcd") or answers.why_no_part(name, "health")
    if not why and health is not None and not healthy:
        why = str(health.get("reason") or "it says that it is not healthy")
    number = status.get("header", {}).get("member_id")
    return EtcdMember(
        name=name,
        answers=found is not None,
        why=why,
        healthy=healthy if found is not None else False if not answers.why_not(name) else None,
        leads=number is not None and status.get("leader") == number,
        learner=bool((own or {}).get("isLearner") or status.get("isLearner")),
        listed=None if listed is None else own is not None,
        version=status.get("version"),
    )


def holds(keys: Keys) -> tuple[Hold, ...] | None:
    """Keys below /flashtier/<stack>/holds/; their values name the time of day at which they end."""
    found = keys.below("holds")
    if found is None:
        return None
    return tuple(_hold(owner, pair, keys.now) for owner, pair in found.items())


def _hold(owner: str, pair: dict[str, Any], now: float | None) -> Hold:
    value = object_of(pair["value"])
    until = value.get("until")
    left = round(float(until) - now, 1) if isinstance(until, int | float) and now is not None else None
    reason = str(value.get("reason", "it gives no reason"))[:80]
    return Hold(owner=owner, reason=reason, seconds_left=left, leased=bool(pair["leased"]))


def procedures(keys: Keys) -> tuple[Procedure, ...] | None:
    """The key /flashtier/<stack>/procedure: at most one."""
    found = keys.own("procedure")
    if found is None:
        return None
    return tuple(
        Procedure(
            name=str(value.get("procedure", "unreadable")),
            holder=str(value.get("holder", "unknown")),
            since=str(value.get("since", "unknown")),
            leased=bool(pair["leased"]),
        )
        for pair in found
        for value in (object_of(pair["value"]),)
    )


def maintenance(keys: Keys) -> tuple[Maintenance, ...] | None:
    """The key /flashtier/<stack>/maintenance: at most one."""
    found = keys.own("maintenance")
    if found is None:
        return None
    return tuple(_maintenance(object_of(pair["value"]), bool(pair["leased"]), keys.now) for pair in found)


def _maintenance(value: dict[str, Any], leased: bool, now: float | None) -> Maintenance:
    until = value.get("until")
    end = float(until) if isinstance(until, int | float) else None
    return Maintenance(
        owner=str(value.get("owner", "unknown")),
        reason=str(value.get("reason", "it gives no reason"))[:80],
        ends="unknown" if end is None else datetime.fromtimestamp(end, UTC).isoformat(timespec="seconds"),
        seconds_left=None if end is None or now is None else round(end - now, 1),
        leased=leased,
    )


def followers(keys: Keys) -> tuple[Follower, ...] | None:
    """Keys below /flashtier/<stack>/followers/, one a web host that follows the leader."""
    found = keys.below("followers")
    if found is None:
        return None
    return tuple(_follower(host, object_of(pair["value"]), keys.now) for host, pair in found.items())


def _follower(host: str, value: dict[str, Any], now: float | None) -> Follower:
    return Follower(
        host=host,
        state=str(value.get("state", "unreadable")),
        leader=value.get("leader"),
        holds=tuple(str(owner) for owner in value.get("holds") or ()),
        seconds=_age(value.get("since"), now),
    )


def probes(keys: Keys) -> tuple[Probe, ...] | None:
    """Keys below /flashtier/<stack>/probes/, one a member whose probe runs."""
    found = keys.below("probes")
    if found is None:
        return None
    return tuple(_probe(host, object_of(pair["value"]), keys.now) for host, pair in found.items())


def _probe(host: str, value: dict[str, Any], now: float | None) -> Probe:
    return Probe(
        host=host,
        verdict=str(value.get("verdict", "unreadable")),
        why=str(value.get("why", "it gives no reason"))[:200],
        seconds=_age(value.get("since"), now),
        parts=tuple(
            ProbedPart(
                part=part,
                state=str(found.get("state", "unreadable")),
                seconds=float(seconds) if isinstance(seconds := found.get("seconds"), int | float) else None,
                volume=str(found["volume"]) if found.get("volume") else None,
            )
            for part in PARTS
            if isinstance(found := value.get(part), dict)
        ),
    )


def _age(since: object, now: float | None) -> float | None:
    """Seconds since a time of day, not below 0: two hosts' clocks differ."""
    if not isinstance(since, int | float) or now is None:
        return None
    return round(max(0.0, now - float(since)), 1)
