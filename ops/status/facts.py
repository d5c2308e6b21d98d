"""What `flashtier status` knows of a stack, as `--json` prints it: docs/tasks/status.md explains each key.

None stands for what no one could say.
"""

from __future__ import annotations

from typing import Any, Literal

from infra.model import Model

Health = Literal["healthy", "degraded", "unknown"]


class Host(Model):
    """`why`: the reason where it does not answer."""

    name: str
    tier: str
    address: str
    answers: bool
    why: str


class Cluster(Model):
    """`leader` by the key in etcd; where etcd is silent, the one member that says it leads.

    `say_they_lead`: members that are primary by their own word. `paused`: Patroni's maintenance mode.
    `failsafe`: of these, who goes on without etcd (a standby's own flag outlives that by up to a ttl).
    Timers in seconds, as Patroni applies them.
    """

    leader: str | None
    source: Literal["etcd", "members"] | None
    say_they_lead: tuple[str, ...]
    paused: bool | None
    failsafe: tuple[str, ...]
    ttl: int | None
    loop_wait: int | None
    retry_timeout: int | None
    synchronous_mode: str | None
    synchronous_mode_strict: bool | None
    scheduled_switchover: dict[str, Any] | None


class Member(Model):
    """A member of the database. Lags in bytes, behind what the leader has flushed.

    `answers`: its own Patroni; where it does not, the rest is what the others read of it in etcd.
    `synchronous`: whether commits wait for it, as one of a quorum or by its name. `silent_seconds`: since it
    last reached etcd. `pending_restart`: the settings that wait for one.
    """

    name: str
    declared: bool
    answers: bool
    why: str
    role: str | None
    state: str | None
    timeline: int | None
    lag_bytes: int | None
    replay_lag_bytes: int | None
    synchronous: Literal["quorum", "sync"] | None
    pending_restart: dict[str, Any] | None
    silent_seconds: int | None
    postgresql: str | None
    patroni: str | None


class EtcdMember(Model):
    """`healthy`: a quorum answers it. `listed`: etcd itself counts it as a member."""

    name: str
    answers: bool
    why: str
    healthy: bool | None
    leads: bool
    learner: bool
    listed: bool | None
    version: str | None


class Etcd(Model):
    """`quorum` is None where no one could be asked. `keys_why`: why its keys could not be read, or empty."""

    quorum: bool | None
    keys_why: str
    members: tuple[EtcdMember, ...]
    alarms: tuple[str, ...]


class Hold(Model):
    """Web hosts hold statements for it. `seconds_left`: below 0 it should be gone. `leased`: etcd ends it."""

    owner: str
    reason: str
    seconds_left: float | None
    leased: bool


class Procedure(Model):
    """A playbook that holds the lock of procedures: no other begins. `leased`: etcd ends it."""

    name: str
    holder: str
    since: str
    leased: bool


class Maintenance(Model):
    """Declared by maintenance.yml. `ends`: UTC, ISO 8601; etcd removes it then, and Patroni acts again."""

    owner: str
    reason: str
    ends: str
    seconds_left: float | None
    leased: bool


class Takeover(Model):
    """Whether a leader that is stuck or gone would give way.

    `declared`: by the environment. `off`: who has switched it off and why. `silent`: hosts whose part in it
    publishes nothing. `hindered`: why it would not be done now. `sealed`: who is sealed off at this moment,
    by host. `last`: the last one, in words.
    """

    declared: bool
    off: str | None
    silent: tuple[str, ...]
    hindered: tuple[str, ...]
    sealed: tuple[str, ...]
    last: str | None


class Follower(Model):
    """What a web host publishes of itself; `since` in seconds of its state."""

    host: str
    state: str
    leader: str | None
    holds: tuple[str, ...]
    seconds: float | None


class ProbedPart(Model):
    """`seconds`: of the last probe, or for how long one that is late is under way. `volume`: where it is."""

    part: Literal["data", "wal", "connection"]
    state: str
    seconds: float | None
    volume: str | None


class Probe(Model):
    """What a member finds of its own devices and server; `seconds` of its verdict."""

    host: str
    verdict: str
    why: str
    seconds: float | None
    parts: tuple[ProbedPart, ...]


class Certificate(Model):
    """`days` until it ends, below 0 after that. `kind`: of a host, or the authority that signs them."""

    kind: Literal["host", "authority"]
    name: str
    ends: str
    days: int


class Status(Model):
    """None where etcd's keys could not be read: `holds`, `followers`, `probes`, `procedures`,
    `maintenance`, `takeover`.

    `reasons`: why it is not healthy, a line each. `notes`: what is worth to know. `asked`: UTC, ISO 8601.
    """

    stack: str
    asked: str
    seconds: float
    health: Health
    exit_code: int
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    cluster: Cluster
    members: tuple[Member, ...]
    etcd: Etcd
    holds: tuple[Hold, ...] | None
    followers: tuple[Follower, ...] | None
    probes: tuple[Probe, ...] | None
    procedures: tuple[Procedure, ...] | None
    maintenance: tuple[Maintenance, ...] | None
    takeover: Takeover | None
    certificates: tuple[Certificate, ...]
    hosts: tuple[Host, ...]
