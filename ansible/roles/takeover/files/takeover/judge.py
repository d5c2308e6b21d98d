"""Pure: whether a leader may be made to give way, and why not. Each reason is a line for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from takeover.config import Config
from takeover.keys import Seen


def hindrances(seen: Seen, config: Config, timeline: int | None) -> Iterator[str]:
    """Why nothing is done, whatever becomes of the leader; nothing where it may be.

    `timeline`: the leader's.
    """
    if not config.enabled:
        yield "the environment declares database.takeover.enabled: false"
    if off := seen.own.get("takeover/off"):
        yield f"it is switched off: {off.fields.get('reason', 'no reason given')}"
    settings = seen.settings
    if settings.get("synchronous_mode") != "quorum" or settings.get("synchronous_mode_strict") is not True:
        yield "commits do not wait for a quorum (synchronous_mode: quorum, synchronous_mode_strict: true)"
    if settings.get("pause"):
        yield "Patroni is paused"
    if "maintenance" in seen.own:
        yield "a maintenance is declared"
    if not seen.cluster:
        yield "etcd has no system identifier of the cluster"
    if seen.leader is None:
        yield "no member leads"
        return
    yield from _of_members(seen, config, seen.leader.text, timeline)


def _of_members(seen: Seen, config: Config, leader: str, timeline: int | None) -> Iterator[str]:
    if leader not in config.members:
        yield f"{leader} leads and is not declared"
        return
    running = {name.removeprefix("members/") for name in seen.service if name.startswith("members/")}
    if more := sorted(running - set(config.members)):
        yield f"{', '.join(more)}: of the cluster and not declared; it may acknowledge commits"
    if timeline is None:
        yield f"the timeline of {leader} is not known"
    elif behind := [one for one in config.members if one != leader and seen.timeline(one) != timeline]:
        # It may still have to be kept from an earlier leader.
        yield f"{', '.join(behind)}: not known to be on timeline {timeline} of {leader}"
    if seen.sync.get("leader") != leader:
        yield f"etcd's key sync names {seen.sync.get('leader')}, not {leader}"
    voters = synchronous(seen)
    if not voters:
        yield "no standby counts as synchronous"
    if more := sorted(set(voters) - set(config.members)):
        yield f"{', '.join(more)}: synchronous and not declared"
    without = sorted(set(config.members) - {leader} - set(seen.below("takeover/agents/")))
    if without:
        yield f"{', '.join(without)}: nothing there could seal {leader} off (flashtier-seal.service)"
    copied = seen.below("members/")
    if without := sorted(set(config.members) - set(copied)):
        yield f"{', '.join(without)}: has had no copy of the data yet"


def synchronous(seen: Seen) -> list[str]:
    """Standbys that a commit may have been acknowledged by, as Patroni keeps them for a vote."""
    return [name for name in str(seen.sync.get("sync_standby") or "").split(",") if name]


def stuck(seen: Seen) -> str:
    """Why the leader's own probe says that it is stuck, or empty.

    Where all are, another would not do better.
    """
    leader = seen.leader
    if leader is None:
        return ""
    probes = {name: entry.fields for name, entry in seen.below("probes/").items()}
    own = probes.get(leader.text, {})
    fine = [name for name in synchronous(seen) if probes.get(name, {}).get("verdict") == "fine"]
    return str(own.get("why") or "stuck") if own.get("verdict") == "stuck" and fine else ""


def led_for(seen: Seen, now: float) -> float:
    """Seconds for which the leader has led, by what units publish; one that was killed for 5 s more.

    `now`: time of day.
    """
    if seen.leader is None:
        return 0.0
    units = [entry.fields for entry in seen.below("takeover/units/").values()]
    since = [
        unit["since"]
        for unit in units
        if unit.get("created") == seen.leader.created
        and isinstance(unit.get("since"), int | float)
        # A clock that is ahead knows nothing.
        and unit["since"] <= now
    ]
    return now - min(since, default=now)


def overdue(left: int, ttl: int, loop_wait: int, seconds: int) -> bool:
    """Whether the lease was last renewed more than `loop_wait + seconds` ago.

    `left`: whole seconds, cut off.
    """
    return left < ttl - loop_wait - seconds


def confirmed(seen: Seen, number: str, hosts: Iterable[str]) -> tuple[dict[str, int], str]:
    """By host, the revision of its confirmation of the order; and a refusal, or empty."""
    found: dict[str, int] = {}
    for host, entry in seen.below("takeover/sealed/").items():
        said = entry.fields
        if said.get("number") != number or host not in hosts:
            continue
        if refusal := said.get("refused"):
            return found, str(refusal)
        found[host] = entry.modified
    return found, ""
