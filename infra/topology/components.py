"""Every component of the kit, once: where it runs, its units, its ports and who may reach them.

From this table alone follow the inventory's groups, the hosts' firewall, the security groups, what Prometheus
scrapes, the ports that roles are given, and the units, programs and key files that the verification expects.
To add a daemon: an entry here, its role, its templates and its tests.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from infra.environment import Platform, Tier
from infra.model import Model

#: Clients that are neither a tier nor a component.
OUTSIDE_CLIENTS = ("controller", "world")
PEERS = "peers"

TlsFile = Literal["ca.crt", "host.crt", "host.key"]


class Port(Model):
    """A socket that others may reach. `name` is unique in the table and names the port everywhere.

    `clients`: tiers, components, "peers" (the other hosts of the same component), "controller" (the machine
    with the kit), "world" (anyone).
    """

    name: str
    number: int = Field(gt=0, lt=32_768)
    protocol: Literal["tcp", "udp"] = "tcp"
    clients: tuple[str, ...] = Field(min_length=1)
    #: The process that listens, as the kernel shows its name (at most 15 characters).
    program: str = Field(max_length=15)
    #: False where the port does not speak TLS.
    tls: bool = True
    #: The component whose units listen here, where that is another one.
    served_by: str | None = None


class Metrics(Model):
    """What Prometheus scrapes of a component: `port` is a port's name, of this or of another component."""

    job: str
    port: str
    path: str = "/metrics"
    #: Whether only a client with a certificate of the authority is answered.
    client_certificate: bool = False


class KeyFile(Model):
    """A file that holds keys or credentials, or decides who is let in. `mode` is octal, four digits."""

    path: str
    mode: str
    owner: str = "root"
    group: str = "root"
    #: The platform that has it, where only one does.
    platform: Platform | None = None


class Component(Model):
    """A part that hosts run: a daemon, several, or none."""

    name: str
    #: The hosts that run it: those of these tiers, or all of them.
    tiers: tuple[Tier, ...] = ()
    #: "first": only the first host of its tier.
    hosts: Literal["all", "first"] = "all"
    #: The platform that has it, where only one does.
    platform: Platform | None = None
    #: Units that are active and start at boot.
    units: tuple[str, ...] = ()
    #: Units that timers of `units` start, and that end by themselves.
    timed: tuple[str, ...] = ()
    #: Units of packages to which the role adds a drop-in.
    drop_ins: tuple[str, ...] = ()
    #: Beginnings of the names of units that only hosts with this component may run or enable.
    daemons: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    metrics: Metrics | None = None
    #: Files of /etc/flashtier/tls that it reads.
    tls: tuple[TlsFile, ...] = ()
    keys: tuple[KeyFile, ...] = ()


_SERVES_TLS: tuple[TlsFile, ...] = ("host.crt", "host.key")
_ALL_TLS: tuple[TlsFile, ...] = ("ca.crt", "host.crt", "host.key")

COMPONENTS: tuple[Component, ...] = (
    Component(
        name="ssh",
        units=("ssh.service",),
        ports=(Port(name="ssh", number=22, clients=("controller",), program="sshd", tls=False),),
    ),
    Component(
        name="node_exporter",
        units=("prometheus-node-exporter.service",),
        drop_ins=("prometheus-node-exporter.service",),
        ports=(Port(name="node_exporter", number=9100, clients=("control",), program="prometheus-node"),),
        metrics=Metrics(job="node", port="node_exporter"),
        tls=_SERVES_TLS,
    ),
    Component(
        name="haproxy",
        tiers=("edge",),
        units=("haproxy.service",),
        drop_ins=("haproxy.service",),
        daemons=("haproxy",),
        ports=(
            Port(name="https", number=443, clients=("world",), program="haproxy"),
            # Answers with a redirect to https and nothing else.
            Port(name="http", number=80, clients=("world",), program="haproxy", tls=False),
        ),
        tls=_ALL_TLS,
    ),
    Component(
        name="nginx",
        tiers=("web",),
        units=("nginx.service", "logrotate.timer"),
        drop_ins=("logrotate.timer", "nginx.service"),
        daemons=("nginx",),
        # The control tier scrapes the app's /metrics here; the edge refuses that path.
        ports=(Port(name="web", number=8443, clients=("edge", "control"), program="nginx"),),
        tls=_SERVES_TLS,
    ),
    Component(
        name="photo_api",
        tiers=("web",),
        units=("photo-api.socket", "photo-api.service"),
        daemons=("photo-api",),
        metrics=Metrics(job="app", port="web"),
        tls=("ca.crt",),
        keys=(
            KeyFile(path="/etc/photo-api/credentials", mode="0700"),
            # On AWS the role of the host gives access to S3.
            KeyFile(path="/etc/photo-api/credentials/s3_access_key", mode="0400", platform="local"),
            KeyFile(path="/etc/photo-api/credentials/s3_secret_key", mode="0400", platform="local"),
        ),
    ),
    # Between the app and the member that leads. Its socket is no port: only accounts of its group reach it.
    Component(
        name="pgbouncer",
        tiers=("web",),
        units=("pgbouncer.service",),
        drop_ins=("pgbouncer.service",),
        daemons=("pgbouncer",),
        tls=("ca.crt",),
        keys=(KeyFile(path="/etc/pgbouncer/userlist.txt", mode="0640", group="pgbouncer"),),
    ),
    # Points pgBouncer at the member that leads, and holds statements while there is none.
    Component(
        name="follower",
        tiers=("web",),
        units=("flashtier-follower.service",),
        daemons=("flashtier-follower",),
        tls=_ALL_TLS,
        keys=(
            KeyFile(path="/etc/flashtier/follower", mode="0700"),
            KeyFile(path="/etc/flashtier/follower/etcd_password", mode="0400"),
            KeyFile(path="/etc/flashtier/follower/database_password", mode="0400"),
        ),
    ),
    # Packages, directories, settings and client authentication.
    Component(
        name="postgresql",
        tiers=("database",),
        daemons=("postgresql",),
        ports=(
            Port(
                name="postgresql",
                number=5432,
                clients=("web", PEERS),
                program="postgres",
                served_by="patroni",
            ),
        ),
        tls=_ALL_TLS,
        keys=tuple(
            KeyFile(path=f"/etc/flashtier/postgresql/{name}", mode="0640", group="postgres")
            for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
        ),
    ),
    # Runs the server of each member, and decides who leads.
    Component(
        name="patroni",
        tiers=("database",),
        units=("patroni.service", "flashtier-postmaster.service"),
        daemons=("patroni", "flashtier-postgresql", "flashtier-postmaster"),
        ports=(Port(name="patroni", number=8008, clients=(PEERS, "control"), program="patroni"),),
        metrics=Metrics(job="patroni", port="patroni", client_certificate=True),
        tls=_ALL_TLS,
        keys=(KeyFile(path="/etc/patroni/patroni.yml", mode="0640", group="postgres"),),
    ),
    # Whether the member's volumes take a write and its server a connection, in time.
    Component(
        name="probe",
        tiers=("database",),
        units=("flashtier-probe.service",),
        daemons=("flashtier-probe",),
        tls=_ALL_TLS,
    ),
    # Who leads the database. One member, or an odd number of them.
    Component(
        name="etcd",
        tiers=("control",),
        units=("etcd.service", "flashtier-etcd-snapshot.timer"),
        timed=("flashtier-etcd-snapshot.service",),
        drop_ins=("etcd.service",),
        daemons=("etcd", "flashtier-etcd"),
        ports=(
            # Prometheus scrapes it here, too.
            Port(name="etcd_client", number=2379, clients=("database", "web", "control"), program="etcd"),
            # Members are on control hosts only; of one alone it is reached by itself.
            Port(name="etcd_peer", number=2380, clients=("control",), program="etcd"),
        ),
        metrics=Metrics(job="etcd", port="etcd_client", client_certificate=True),
        tls=_ALL_TLS,
        keys=(KeyFile(path="/etc/flashtier/etcd/snapshot_password", mode="0600"),),
    ),
    # Seals a leader that is stuck or gone off from those that may acknowledge its commits, and from etcd.
    Component(
        name="seal",
        tiers=("database", "control"),
        units=("flashtier-seal.service",),
        daemons=("flashtier-seal",),
        tls=_ALL_TLS,
        keys=(
            KeyFile(path="/etc/flashtier/seal", mode="0700"),
            KeyFile(path="/etc/flashtier/seal/etcd_password", mode="0400"),
        ),
    ),
    # Takes the lead from a leader that is sealed off.
    Component(
        name="release",
        tiers=("control",),
        units=("flashtier-release.service",),
        daemons=("flashtier-release",),
        tls=_ALL_TLS,
        keys=(
            KeyFile(path="/etc/flashtier/release", mode="0700"),
            KeyFile(path="/etc/flashtier/release/etcd_password", mode="0400"),
        ),
    ),
    Component(
        name="prometheus",
        tiers=("control",),
        hosts="first",
        units=("prometheus.service",),
        drop_ins=("prometheus.service",),
        daemons=("prometheus.",),
        ports=(Port(name="prometheus", number=9090, clients=("controller",), program="prometheus"),),
        metrics=Metrics(job="prometheus", port="prometheus"),
        tls=_ALL_TLS,
    ),
    # On AWS the object store is S3 itself.
    Component(
        name="s3",
        tiers=("control",),
        hosts="first",
        platform="local",
        units=("versitygw.service",),
        daemons=("versitygw",),
        ports=(Port(name="s3", number=7070, clients=("web",), program="versitygw"),),
        tls=_SERVES_TLS,
        keys=(
            KeyFile(path="/etc/flashtier/s3/environment", mode="0600"),
            KeyFile(path="/etc/flashtier/s3/iam/users.json", mode="0640", group="versitygw"),
            KeyFile(path="/etc/flashtier/s3/s3cfg", mode="0600"),
            KeyFile(path="/etc/flashtier/s3/policy.json", mode="0600"),
        ),
    ),
)


def running(components: tuple[Component, ...], platform: Platform, tier: Tier, index: int) -> tuple[str, ...]:
    """Names of the components that host number `index` (from 0) of a tier runs."""
    return tuple(
        component.name
        for component in components
        if component.platform in (None, platform)
        and (not component.tiers or tier in component.tiers)
        and (component.hosts == "all" or index == 0)
    )


def port(name: str, components: tuple[Component, ...] = COMPONENTS) -> Port:
    """The port of that name. Raises `KeyError` for one that no component has."""
    for component in components:
        for found in component.ports:
            if found.name == name:
                return found
    raise KeyError(f"no component has a port named {name!r}")
