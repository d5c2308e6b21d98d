"""Pure: answers -> the cluster and its members, by Patroni's own words where members answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ops.status.answers import Answers, Keys, object_of
from ops.status.facts import Cluster, Member

#: Roles by which a member says of itself that it takes writes.
PRIMARY = ("primary", "standby_leader")
#: What Patroni takes where a setting is missing, and the least that it accepts, in seconds.
#: Source: patroni 4.1, config.py, Config.__DEFAULT_CONFIG and _validate_and_adjust_timeouts.
TIMERS = {"ttl": (30, 20), "loop_wait": (10, 1), "retry_timeout": (10, 3)}


def cluster(answers: Answers, keys: Keys) -> Cluster:
    """Who leads, and by which settings."""
    owns = dict(answers.all("patroni"))
    claims = tuple(name for name, own in owns.items() if own.get("role") in PRIMARY)
    settings = settings_of(answers, keys)
    view = view_of(answers)
    times = timers(settings) if settings is not None else {}
    leader, source = leads(answers, keys, claims)
    return Cluster(
        leader=leader,
        source=source,
        say_they_lead=claims,
        paused=paused(owns, settings, view),
        failsafe=tuple(name for name in claims if owns[name].get("failsafe_mode_is_active")),
        ttl=times.get("ttl"),
        loop_wait=times.get("loop_wait"),
        retry_timeout=times.get("retry_timeout"),
        synchronous_mode=None if settings is None else mode(settings.get("synchronous_mode", False)),
        synchronous_mode_strict=None if settings is None else settings.get("synchronous_mode_strict", False),
        scheduled_switchover=(view or {}).get("scheduled_switchover") or scheduled(keys),
    )


def settings_of(answers: Answers, keys: Keys) -> dict[str, Any] | None:
    """Of a member whose Patroni answers; else etcd's; else what a stopped Patroni has left in its file."""
    found = dict(answers.all("config"))
    running = next((found[name] for name, _ in answers.all("patroni") if name in found), None)
    return running or keys.settings() or next(iter(found.values()), None)


def leads(
    answers: Answers, keys: Keys, claims: Sequence[str]
) -> tuple[str | None, Literal["etcd", "members"] | None]:
    """The leader and who says so. Etcd's key decides; without it, a claim that no other member makes."""
    if keys.found is not None:
        return keys.text("leader"), "etcd"
    named = {leader for _, view in answers.all("cluster") if (leader := leader_of(view))}
    if len(named) == 1:
        return named.pop(), "members"
    return (claims[0], "members") if len(claims) == 1 else (None, None)


def leader_of(view: dict[str, Any]) -> str | None:
    """Whom an answer of /cluster names."""
    leading = (one["name"] for one in view["members"] if one["role"] in ("leader", "standby_leader"))
    return next(leading, None)


def view_of(answers: Answers) -> dict[str, Any] | None:
    """The answer of /cluster of the member that reached etcd last."""
    views = dict(answers.all("cluster"))
    owns = dict(answers.all("patroni"))
    newest = sorted(views, key=lambda name: owns.get(name, {}).get("dcs_last_seen", 0), reverse=True)
    return views[newest[0]] if newest else None


def paused(owns: dict[str, Any], settings: dict[str, Any] | None, view: dict[str, Any] | None) -> bool | None:
    """Whether anyone says that Patroni is in maintenance mode; None where no one says anything."""
    if not owns and settings is None and view is None:
        return None
    said = [*owns.values(), settings or {}, view or {}]
    return any(bool(one.get("pause")) for one in said)


def mode(value: object) -> str:
    """Patroni takes `true`, `on` and `quorum`."""
    if value is True:
        return "on"
    return "off" if value in (False, None) else str(value).lower()


def timers(settings: dict[str, Any]) -> dict[str, int]:
    """Seconds as Patroni applies them: it keeps loop_wait + 2 * retry_timeout within ttl."""
    found = {name: max(least, int(settings.get(name, default))) for name, (default, least) in TIMERS.items()}
    ttl, least_wait = found["ttl"], TIMERS["loop_wait"][1]
    if least_wait + 2 * found["retry_timeout"] > ttl:
        return {"ttl": ttl, "loop_wait": least_wait, "retry_timeout": (ttl - least_wait) // 2}
    found["loop_wait"] = min(found["loop_wait"], ttl - 2 * found["retry_timeout"])
    return found


def scheduled(keys: Keys) -> dict[str, Any] | None:
    """A switchover that waits for its time, as etcd holds it."""
    found = object_of(keys.text("failover"))
    return found if found.get("scheduled_at") else None


def members(answers: Answers, declared: Sequence[str], leader: str | None) -> tuple[Member, ...]:
    """The declared members, then those that only the cluster knows."""
    view = {one["name"]: one for one in (view_of(answers) or {"members": ()})["members"]}
    owns = dict(answers.all("patroni"))
    leading = owns.get(leader or "")
    if leading is not None and leading.get("role") not in PRIMARY:
        leading = None
    names = [*declared, *sorted(set(view) - set(declared))]
    return tuple(
        _member(name, name in declared, answers, owns.get(name), view.get(name, {}), leading, leader)
        for name in names
    )


def _member(
    name: str,
    declared: bool,
    answers: Answers,
    own: dict[str, Any] | None,
    seen: dict[str, Any],
    leading: dict[str, Any] | None,
    leader: str | None,
) -> Member:
    """`own`: its own word; `seen`: what the cluster has of it; `leading`: the leader's own word."""
    known = own or {}
    version = known.get("server_version")
    now, last = answers.now(name), known.get("dcs_last_seen")
    flushed = (leading or {}).get("xlog", {}).get("location")
    waits = known if own is not None else seen
    return Member(
        name=name,
        declared=declared,
        answers=own is not None,
        why="" if own is not None else _why(answers, name, declared),
        role=_role(name, own, seen, leader),
        state=known.get("replication_state") or known.get("state") or seen.get("state"),
        timeline=known.get("timeline") or seen.get("timeline"),
        lag_bytes=_lag(own, seen, flushed, "lag", "received_location"),
        replay_lag_bytes=_lag(own, seen, flushed, "replay_lag", "replayed_location"),
        synchronous=_synchronous(name, own, seen, leading),
        pending_restart=waits.get("pending_restart_reason", {}) if waits.get("pending_restart") else None,
        silent_seconds=max(0, int(now - last)) if now is not None and last else None,
        postgresql=f"{version // 10000}.{version % 10000}" if version else None,
        patroni=known.get("patroni", {}).get("version"),
    )


def _why(answers: Answers, name: str, declared: bool) -> str:
    if not declared:
        return "the cluster knows it as a member, but the stack does not declare it"
    if host := answers.why_not(name):
        return host
    return f"Patroni: {answers.why_no_part(name, 'patroni') or 'no answer'}"


def _role(name: str, own: dict[str, Any] | None, seen: dict[str, Any], leader: str | None) -> str | None:
    """Its own word first: what etcd holds may be a turn of Patroni's loop old."""
    if own is None:
        return str(seen["role"]) if seen else None
    if own.get("role") == "standby_leader":
        return "standby_leader"
    if own.get("role") == "primary":
        return "leader" if name == leader else "primary"
    return "replica"


def _synchronous(
    name: str, own: dict[str, Any] | None, seen: dict[str, Any], leading: dict[str, Any] | None
) -> Literal["quorum", "sync"] | None:
    """What the leader's server waits for, which it also knows without etcd; else what Patroni has planned."""
    if leading is not None:
        sending = {one["application_name"]: one for one in leading.get("replication", ())}
        found = sending.get(name, {})
        state = found.get("sync_state") if found.get("state") == "streaming" else None
        return "quorum" if state == "quorum" else "sync" if state == "sync" else None
    if own is not None:
        return "quorum" if own.get("quorum_standby") else "sync" if own.get("sync_standby") else None
    role = seen.get("role")
    return "quorum" if role == "quorum_standby" else "sync" if role == "sync_standby" else None


def _lag(
    own: dict[str, Any] | None, seen: dict[str, Any], flushed: int | None, name: str, location: str
) -> int | None:
    """By the cluster's view; without one, from what leader and member say of themselves at that moment."""
    given = seen.get(name)
    if isinstance(given, int):
        return given
    at = (own or {}).get("xlog", {}).get(location)
    return max(0, flushed - at) if flushed is not None and at is not None else None
