"""What the kit promises of every host in addition to the contract's facts, and the files that checks read.

The contract says what differs between environments; this is what is the same in all of them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from infra.contract import Contract, ContractHost
from tests.hosts import components

#: `sshd -T`: keys only, one identity, no forwarding.
SSHD = {
    "authenticationmethods": "publickey",
    "permitrootlogin": "no",
    "passwordauthentication": "no",
    "kbdinteractiveauthentication": "no",
    "pubkeyauthentication": "yes",
    "permitemptypasswords": "no",
    "hostkey": "/etc/ssh/ssh_host_ed25519_key",
    "disableforwarding": "yes",
    "permituserenvironment": "no",
    "maxauthtries": "3",
    "logingracetime": "30",
}

#: The journal shares the root disk with the system.
JOURNAL_BYTES = 200 << 20

#: Security updates only, and never of what serves data: a restart there is a decision.
UPDATES = {
    "APT::Periodic::Update-Package-Lists": ["1"],
    "APT::Periodic::Unattended-Upgrade": ["1"],
    "Unattended-Upgrade::Origins-Pattern": [
        "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"
    ],
    "Unattended-Upgrade::Package-Blacklist": [
        "postgresql",
        "patroni",
        "etcd",
        "haproxy",
        "pgbouncer",
        "pgbackrest",
    ],
    "Unattended-Upgrade::Automatic-Reboot": ["false"],
}

#: Mode, owner and group of what holds keys or credentials, on every host.
KEY_FILES = {
    "/etc/ssh/ssh_host_ed25519_key": ("0600", "root", "root"),
    "/etc/flashtier/tls/host.key": ("0640", "root", "ssl-cert"),
    "/etc/flashtier/tls/host.crt": ("0644", "root", "root"),
    "/etc/flashtier/tls/ca.crt": ("0644", "root", "root"),
    "/etc/sudoers.d/flashtier": ("0440", "root", "root"),
    "/etc/nftables.conf": ("0600", "root", "root"),
    "/etc/shadow": ("0640", "root", "shadow"),
}


#: Sockets of no declared service: the DHCP client waits for its lease's renewal.
LISTENING_EVERYWHERE = {("udp", 68)}
#: The same for IPv6, where a network may have it.
MAY_LISTEN_ON_AWS = {("udp", 546)}


#: Programs of the system itself that listen, by the name that the kernel shows (15 characters).
PROGRAMS = {("udp", 68): "systemd-network", ("udp", 546): "systemd-network"}


def programs(contract: Contract) -> dict[tuple[str, int], str]:
    """What listens at a port, by the name that the kernel shows."""
    ports = (port for component in contract.components for port in component.ports)
    return PROGRAMS | {(port.protocol, port.number): port.program for port in ports}


def served(contract: Contract, host: ContractHost, away: Collection[str] = ()) -> set[str]:
    """Names of the ports of `host` that one of its units serves. The firewall opens the others as well."""
    silent = OF_A_MEMBER if host.name in away else ()
    return {
        port.name
        for component in contract.running(host)
        for port in component.ports
        if component.name not in silent and (port.served_by is None or port.served_by in host.components)
    }


#: Drives by the model that they report (infra/contract.py, Nvme).
EBS, IN_THE_HOST = "Amazon Elastic Block Store", "Amazon EC2 NVMe Instance Storage"


def on_aws(host: ContractHost) -> bool:
    return host.instance_id is not None


def listening(host: ContractHost) -> set[tuple[str, int]]:
    """Sockets that may be open to others in addition to those of the contract's flows."""
    return LISTENING_EVERYWHERE | (MAY_LISTEN_ON_AWS if on_aws(host) else set())


def loopback(host: ContractHost) -> set[tuple[str, int]]:
    """Sockets that only programs on `host` itself reach."""
    return set()


def outward(contract: Contract, host: ContractHost, clock: bool) -> dict[tuple[str, int], set[str]]:
    """What a host may open beyond the contract's flows. `clock`: whether it keeps its own time."""
    to = {
        "resolver": resolvers(contract, host),
        "clock": {CLOCK},
        "metadata": {METADATA},
        "outside": {f"not {contract.cidr}"},
    }
    found: dict[tuple[str, int], set[str]] = {("udp", 67): {"any"}}
    for entry in contract.egress:
        if entry.sets_clock and not clock:
            continue
        for protocol in entry.protocols:
            for port in entry.ports:
                found.setdefault((protocol, port), set()).update(to[entry.to])
    return found


#: Amazon's, at the same address in every network: who asks for the role of a host, and who for the time.
METADATA, CLOCK = "169.254.169.254", "169.254.169.123"


def resolvers(contract: Contract, host: ContractHost) -> set[str]:
    """Who answers the host's questions for names: its router, or AWS above the first address of the range."""
    if contract.platform == "aws":
        return {str(ipaddress.ip_network(contract.cidr)[2])}
    return {host.gateway}


@dataclass(frozen=True)
class Ways:
    """Which ways packets take. `link`: an interface's name, "" where any will do. `resolvers`: choices."""

    link: str
    mtus: frozenset[int]
    routes: set[str]
    routes_besides: set[str]
    queues: frozenset[str]
    resolvers: list[set[str]]


#: What AWS offers, and what every network takes (EC2 user guide, "Network MTU for your EC2 instance").
MTUS_OF_AWS = frozenset({1500, 9001})
#: An interface's queues, one a core, and those that order what waits: none slows anything down.
QUEUES_OF_AWS = frozenset({"noqueue", "mq", "fq", "fq_codel", "pfifo_fast"})
#: Where systemd-resolved answers for the host itself.
STUB = "127.0.0.53"


def ways(contract: Contract, host: ContractHost, network: str) -> Ways:
    """The ways of `host`, which lies in `network`."""
    routes = {f"default {host.gateway}", network}
    asked = resolvers(contract, host)
    if contract.platform == "local":
        routes.add(host.gateway)
        return Ways("eth0", frozenset({1500}), routes, set(), frozenset({"noqueue"}), [asked])
    # systemd-networkd routes to the resolver and the clock that DHCP names (RoutesToDNS=, RoutesToNTP=).
    besides = {host.gateway, *(f"{server} {host.gateway}" for server in (*asked, CLOCK))}
    return Ways("", MTUS_OF_AWS, routes, besides, QUEUES_OF_AWS, [asked, {STUB}])


#: Units that run and start at boot on every host, in addition to those of its components.
UNITS_EVERYWHERE = [
    "nftables.service",
    "flashtier-tmpfs.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
]
#: On AWS the network is the image's to configure, and hosts keep their own time.
UNITS_OF_LOCAL = ["systemd-networkd.service", "systemd-resolved.service"]
UNITS_OF_AWS = ["systemd-timesyncd.service"]


def daemons(contract: Contract) -> tuple[str, ...]:
    """Beginnings of the names of units that only hosts with a certain component may run or enable."""
    return tuple(name for component in contract.components for name in component.daemons)


#: What timers may start: updates and housekeeping of the system itself.
TIMED = {
    "apt-daily.service",
    "apt-daily-upgrade.service",
    "dpkg-db-backup.service",
    "e2scrub_all.service",
    "logrotate.service",
    "systemd-tmpfiles-clean.service",
}
#: mdadm's: they check for copies that differ, of which RAID 0 has none, and for drives that failed.
TIMED_WITH_ARRAYS = {"mdcheck_continue.service", "mdcheck_start.service", "mdmonitor-oneshot.service"}
#: Debian's own files for a cron that is not installed.
CRON_OF_PACKAGES = {
    "/etc/cron.d/e2scrub_all",
    "/etc/cron.daily/apt-compat",
    "/etc/cron.daily/dpkg",
    "/etc/cron.daily/logrotate",
}


#: Components whose ports and sockets a member serves, and its unit.
OF_A_MEMBER, MEMBERS_UNIT = ("patroni", "postgresql"), "patroni.service"


def units(contract: Contract, host: ContractHost, away: Collection[str] = ()) -> list[str]:
    """Units of `host` that are active and start at boot. `away`: members that were removed."""
    everywhere = UNITS_EVERYWHERE + (UNITS_OF_AWS if on_aws(host) else UNITS_OF_LOCAL)
    found = everywhere + [unit for component in contract.running(host) for unit in component.units]
    return [unit for unit in found if unit != MEMBERS_UNIT or host.name not in away]


def has_arrays(host: ContractHost) -> bool:
    """Whether a volume of `host` lies over several drives."""
    return any(volume.nvme and volume.nvme.count > 1 for volume in host.volumes)


def own_timed(contract: Contract, host: ContractHost) -> set[str]:
    """What timers of the components of `host` start; it ends by itself."""
    return {unit for component in contract.running(host) for unit in component.timed}


def timed(contract: Contract, host: ContractHost) -> set[str]:
    """What timers of `host` may start."""
    return TIMED | own_timed(contract, host) | (TIMED_WITH_ARRAYS if has_arrays(host) else set())


def drop_ins(contract: Contract, host: ContractHost) -> set[str]:
    """Drop-ins of units that the roles write."""
    changed = [unit for component in contract.running(host) for unit in component.drop_ins]
    return {f"/etc/systemd/system/{unit}.d/flashtier.conf" for unit in changed}


def mount_unit(place: str) -> str:
    """systemd's name for the unit that mounts something at `place` (systemd.unit(5))."""
    return place.strip("/").replace("-", "\\x2d").replace("/", "-") + ".mount"


def own_units(contract: Contract, host: ContractHost) -> set[str]:
    """Units in /etc/systemd/system that the image or a role wrote."""
    checks = {f"flashtier-volume-{volume.name}.service" for volume in host.volumes}
    return {
        "flashtier-ssh-keys.service",
        *checks,
        *map(mount_unit, mount_places(host)),
        *units(contract, host),
        *own_timed(contract, host),
        *(["flashtier-member.service", "flashtier-move.service"] if "patroni" in host.components else []),
    }


def mount_places(host: ContractHost) -> list[str]:
    """Where something of the contract is mounted on `host`."""
    return [
        *(volume.mount_point for volume in host.volumes),
        *(placed.path for placed in host.placements),
    ]


def key_files(contract: Contract, host: ContractHost) -> dict[str, tuple[str, str, str]]:
    """`KEY_FILES` and those of the components that `host` runs."""
    return KEY_FILES | {
        key.path: (key.mode, key.owner, key.group)
        for component in contract.running(host)
        for key in component.keys
        if key.platform in (None, contract.platform)
    }


DATABASE_PATHS = [
    "/pg/data/17",
    "/pg/data/17/pg_wal",
    "/pg/temp/17",
    "/pg/log",
    "/etc/postgresql/17/main",
    "/var/lib/postgresql/17/main",
]


def paths(contract: Contract, host: ContractHost) -> list[str]:
    """Files and folders to check on `host`, beyond those of the contract."""
    database = DATABASE_PATHS if host.tier == "database" else []
    return [*key_files(contract, host), *runtime(host), *database]


def runtime(host: ContractHost, away: Collection[str] = ()) -> dict[str, tuple[str, str]]:
    """What units of `host` make, with mode and owner:group; of a removed member the folders stay."""
    found = {path: own for name in host.components for path, own in components.of(name).runtime.items()}
    return {path: own for path, own in found.items() if host.name not in away or "/.s." not in path}


def is_the_authoritys(pem: str, contract: Contract) -> bool:
    """Whether the file holds the authority's certificate and no other: programs trust all of them."""
    return pem.split() == contract.ca_certificate.split()
