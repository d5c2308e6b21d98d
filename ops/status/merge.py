"""Pure: what a stack declares and what its hosts answer -> its status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.contract import Contract
from ops.status import absence, certificates, etcd, judge, patroni, takeover
from ops.status.answers import Answers, Keys
from ops.status.facts import Health, Host, Member, Probe, Procedure, Status

HEALTH: dict[int, Health] = {
    judge.HEALTHY: "healthy",
    judge.DEGRADED: "degraded",
    judge.UNKNOWN: "unknown",
}


def status(contract: Contract, by_host: dict[str, Any], now: datetime, seconds: float) -> Status:
    """`by_host`: of `ops.status.ask.answers`; `seconds`: how long they took."""
    answers = Answers(by_host)
    keys = Keys(answers, contract.stack, contract.database.members)
    hosts = _hosts(contract, answers)
    cluster = patroni.cluster(answers, keys)
    members = patroni.members(answers, contract.database.members, cluster.leader)
    store = etcd.etcd(answers, keys, _running(contract, "etcd"))
    holds, followers = etcd.holds(keys), etcd.followers(keys)
    probes = etcd.probes(keys)
    procedures, maintenance = etcd.procedures(keys), etcd.maintenance(keys)
    parts = {"agents": _running(contract, "seal"), "units": _running(contract, "release")}
    takeovers = takeover.takeover(keys, contract.database.takeover, parts)
    ends, unreadable = certificates.certificates(answers, now)
    silent = [host.name for host in hosts if not host.answers]
    gone = absence.removed(keys)
    reasons = (
        *judge.of_cluster(cluster, members),
        *judge.of_work(cluster, procedures, maintenance),
        *absence.of_removed(members, gone),
        *judge.of_members(cluster, members, [*silent, *gone]),
        *absence.of_fallen(answers, cluster.leader, members),
        *disagreement(answers),
        *judge.of_etcd(store, silent),
        *judge.of_hosts(hosts),
        *judge.of_web(holds, followers, _running(contract, "follower"), cluster.leader),
        *judge.of_probes(probes),
        *judge.of_certificates(ends),
        *unreadable,
    )
    code = judge.exit_code(reasons, members, store)
    return Status(
        stack=contract.stack,
        asked=now.astimezone(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 2),
        health=HEALTH[code],
        exit_code=code,
        reasons=reasons,
        notes=(
            *notes(members),
            *unproved(probes, _running(contract, "probe")),
            *takeover.notes(takeovers),
            *work(procedures),
        ),
        cluster=cluster,
        members=members,
        etcd=store,
        holds=holds,
        followers=followers,
        probes=probes,
        procedures=procedures,
        maintenance=maintenance,
        takeover=takeovers,
        certificates=ends,
        hosts=hosts,
    )


def disagreement(answers: Answers) -> tuple[str, ...]:
    """A line where members read different leaders in etcd; for a moment they may, while the lead moves."""
    named: dict[str, list[str]] = {}
    for name, view in answers.all("cluster"):
        named.setdefault(patroni.leader_of(view) or "no member", []).append(name)
    if len(named) < 2:
        return ()
    said = "; ".join(f"{', '.join(names)}: {leader}" for leader, names in sorted(named.items()))
    return (f"members do not agree who leads: {said}",)


def notes(members: Sequence[Member]) -> tuple[str, ...]:
    """A setting that waits for a restart harms nothing yet."""
    return tuple(
        f"{one.name} waits for a restart: {pending(one)}"
        for one in members
        if one.pending_restart is not None
    )


def work(procedures: Sequence[Procedure] | None) -> tuple[str, ...]:
    """A playbook at work explains what else is shown."""
    return tuple(
        f"{one.name} is at work since {one.since}: {one.holder}; no other procedure begins meanwhile"
        for one in procedures or ()
    )


def unproved(probes: Sequence[Probe] | None, expected: Sequence[str]) -> Iterator[str]:
    """A member of which nothing is proved. `expected`: hosts with a probe."""
    known = {one.host: one for one in probes or ()}
    for host in expected if probes is not None else ():
        if host not in known:
            yield f"{host}: its probe publishes nothing; `journalctl -u flashtier-probe` on it"
        elif known[host].verdict not in ("fine", "stuck"):
            yield f"{host}: its probe says {known[host].verdict}: {known[host].why}"


def pending(member: Member) -> str:
    """Setting and its old and new value, as Patroni gives them."""
    changes = (
        f"{name} {change.get('old_value')} -> {change.get('new_value')}" if isinstance(change, dict) else name
        for name, change in sorted((member.pending_restart or {}).items())
    )
    return ", ".join(changes) or "Patroni does not say why"


def _hosts(contract: Contract, answers: Answers) -> tuple[Host, ...]:
    return tuple(
        Host(
            name=host.name,
            tier=host.tier,
            address=host.address,
            answers=not answers.why_not(host.name),
            why=answers.why_not(host.name),
        )
        for host in contract.hosts
    )


def _running(contract: Contract, component: str) -> list[str]:
    return [host.name for host in contract.hosts if component in host.components]
