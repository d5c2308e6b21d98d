"""Pure: facts -> why the stack is not healthy, one line a reason, and the exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ops.status.facts import (
    Certificate,
    Cluster,
    Etcd,
    Follower,
    Hold,
    Host,
    Maintenance,
    Member,
    Probe,
    Procedure,
)

HEALTHY, DEGRADED, UNKNOWN = 0, 1, 2
#: Days before its end: the play renews a host's certificate when it has 30 days left (role certificates).
HOST_ENDS, AUTHORITY_ENDS = 14, 60
#: Seconds that a hold may be past its end: followers and etcd need a moment to end it.
GRACE = 2
#: Seconds that a follower may hold: a hold lasts 6, and one takes another's place when the lead moves.
LONGEST_HOLD = 20


def of_hosts(hosts: Sequence[Host]) -> Iterator[str]:
    """Hosts that do not answer."""
    for host in hosts:
        if not host.answers:
            yield f"{host.name} does not answer: {host.why}"


def of_cluster(cluster: Cluster, members: Sequence[Member]) -> Iterator[str]:
    """Exactly one leads, by its own word and by etcd's, and Patroni may act."""
    claims = cluster.say_they_lead
    if len(claims) > 1:
        fix = "stop the one that etcd does not name" if cluster.leader else "stop all but the right one"
        yield f"{' and '.join(claims)} say that they lead: {fix}"
    if cluster.leader is None and (cluster.source == "etcd" or not claims):
        known = cluster.source == "etcd" or any(member.answers for member in members)
        yield "no member leads: no write is taken" if known else "who leads is unknown: no member answers"
    leader = next((one for one in members if one.name == cluster.leader), None)
    if leader is not None and leader.answers and leader.name not in claims:
        yield f"{leader.name} has the leader's key, but says that it is {leader.role} ({leader.state})"
    for name in cluster.failsafe:
        yield f"{name} has lost etcd and goes on in failsafe mode: it stops leading when a member is silent"
    standbys = [one for one in members if one.name != cluster.leader]
    wanted = cluster.synchronous_mode not in (None, "off") and standbys
    if (
        wanted
        and leader is not None
        and leader.name in claims
        and not any(one.synchronous for one in standbys)
    ):
        waits = "writes wait" if cluster.synchronous_mode_strict else "a loss of the leader loses writes"
        yield f"no standby is synchronous: {waits}"


def of_work(
    cluster: Cluster, procedures: Sequence[Procedure] | None, maintenance: Sequence[Maintenance] | None
) -> Iterator[str]:
    """Patroni may act; the locks end by themselves."""
    for one in maintenance or ():
        paused = "" if cluster.paused else ", though Patroni is not paused"
        yield (
            f"maintenance of {one.owner} ({one.reason}){paused}: no member takes over for another until"
            f" {one.ends}; to end it: ansible-playbook ansible/playbooks/maintenance.yml -e end=now"
        )
    if cluster.paused and not maintenance:
        known = (
            "and no maintenance is declared" if maintenance is not None else "and etcd's keys were not read"
        )
        yield (
            f"Patroni is paused (`patronictl pause`), {known}: no member takes over for another; members end"
            " it by themselves as soon as etcd says that no maintenance is declared"
        )
    locks = [(one.name, one.leased) for one in procedures or ()]
    for name, leased in [*locks, *((one.owner, one.leased) for one in maintenance or ())]:
        if not leased:
            yield f"the key of {name} has no lease: etcd will not end it"


def of_members(cluster: Cluster, members: Sequence[Member], silent: Sequence[str]) -> Iterator[str]:
    """All others stream on the leader's timeline. `silent`: hosts that a line is about already."""
    leader = next((one for one in members if one.name == cluster.leader), None)
    for member in members:
        if not member.answers:
            if member.name not in silent:
                yield f"{member.name}: {member.why}"
            continue
        if member.name == cluster.leader or member.name in cluster.say_they_lead:
            if member.state != "running":
                yield f"{member.name} leads, but its server is {member.state}"
        elif member.state != "streaming":
            yield f"{member.name} is not streaming: {member.state or 'its state is unknown'}"
        elif leader is not None and leader.timeline and member.timeline != leader.timeline:
            yield f"{member.name} is on timeline {member.timeline}, the leader on {leader.timeline}"
        if member.silent_seconds is not None and member.silent_seconds > (cluster.ttl or 30):
            yield f"{member.name} has not reached etcd for {member.silent_seconds} s"


def of_etcd(etcd: Etcd, silent: Sequence[str]) -> Iterator[str]:
    """A quorum, of members that all serve."""
    if etcd.quorum is None:
        yield "etcd: no host that could be asked answers"
    elif not etcd.quorum:
        yield "etcd has no quorum: no member of the database can take over"
    for member in etcd.members:
        if member.listed is False:
            yield f"{member.name} is declared, but is no member of etcd"
        if member.learner:
            yield f"{member.name} is a learner of etcd: it has no vote yet"
        if member.healthy is not True and member.name not in silent:
            yield f"{member.name}: etcd is not healthy: {member.why or 'it does not say'}"
    if etcd.quorum is not False and etcd.keys_why:
        yield f"etcd's keys cannot be read: {etcd.keys_why}"
    for alarm in etcd.alarms:
        yield f"etcd raises an alarm: {alarm}"


def of_web(
    holds: Sequence[Hold] | None,
    followers: Sequence[Follower] | None,
    expected: Sequence[str],
    leader: str | None,
) -> Iterator[str]:
    """Holds end; web hosts follow the leader. `expected`: hosts with a follower."""
    for hold in holds or ():
        if hold.seconds_left is None:
            yield f"the hold of {hold.owner} does not say when it ends; followers ignore it"
        elif hold.seconds_left < -GRACE:
            yield f"the hold of {hold.owner} ({hold.reason}) should have ended {-hold.seconds_left:.0f} s ago"
        if not hold.leased:
            yield f"the hold of {hold.owner} has no lease: etcd will not end it"
    known = {one.host: one for one in followers or ()}
    for host in expected if followers is not None else ():
        if host not in known:
            yield f"{host}: its follower publishes nothing; `journalctl -u flashtier-follower` on it"
    for one in known.values():
        if one.state == "held" and (one.seconds or 0) > LONGEST_HOLD:
            yield f"{one.host} holds statements for {one.seconds:.0f} s now"
        elif one.state not in ("held", "serving"):
            yield f"{one.host}: its follower says {one.state!r}"
        if one.leader != leader and one.state == "serving":
            yield f"{one.host} follows {one.leader or 'no member'}, while {leader or 'no member'} leads"


def of_probes(probes: Sequence[Probe] | None) -> Iterator[str]:
    """Devices and servers that do not do their work."""
    for one in probes or ():
        if one.verdict == "stuck":
            since = "" if one.seconds is None else f" for {one.seconds:.0f} s"
            yield f"{one.host} is stuck{since}: {one.why}"


def of_certificates(certificates: Sequence[Certificate]) -> Iterator[str]:
    """Those that end soon: nothing on a host talks to another without one."""
    for one in certificates:
        authority = one.kind == "authority"
        if one.days >= (AUTHORITY_ENDS if authority else HOST_ENDS):
            continue
        ends = f"ends in {one.days} days" if one.days >= 0 else f"ended on {one.ends[:10]}"
        fix = "docs/security.md says how to renew it" if authority else "the playbook renews it"
        yield f"the certificate of {one.name} {ends}: {fix}"


def exit_code(reasons: Sequence[str], members: Sequence[Member], etcd: Etcd) -> int:
    """2 where neither a member nor etcd said anything: then nothing is known, and nothing is proved."""
    asked = any(one.answers for one in members) or etcd.quorum or any(one.answers for one in etcd.members)
    if not asked:
        return UNKNOWN
    return DEGRADED if reasons else HEALTHY
