"""What a host has, and nothing beside it: units, accounts, mounts, packages."""

from __future__ import annotations

import re

from infra.contract import Contract, ContractHost
from tests.hosts.own_files import mount_unit
from tests.hosts.promises import mount_places, units


def _words(text: str) -> set[str]:
    return set(text.split())


#: Enabled on every host beside what promises.units names.
ENABLED = {
    "flashtier-ssh-keys.service",
    "systemd-network-generator.service",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.socket",
}
ENABLED_FOR_USERS = {"ssh-agent.socket"}
#: Other names that units have by their own [Install].
ALIASES = {
    f"/etc/systemd/system/{name}.service": f"{unit}.service"
    for name, unit in {
        "dbus-org.freedesktop.network1": "/lib/systemd/system/systemd-networkd",
        "dbus-org.freedesktop.resolve1": "/usr/lib/systemd/system/systemd-resolved",
        "sshd": "/usr/lib/systemd/system/ssh",
    }.items()
}
#: Of the manager, and so of every unit.
ENVIRONMENT = ["LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"]
#: Masked by the image and the roles; a mask below /usr/lib is a package's own.
MASKED = {"proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service"}
MASKED_WITH_VOLUMES = {"xfs_scrub_all.timer"}

#: Running on every host, of services, sockets, timers and paths.
RUNNING = {
    "console-getty.service",
    "dbus.service",
    "dbus.socket",
    "sshd-unix-local.socket",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-creds.socket",
    "systemd-hostnamed.socket",
    "systemd-initctl.socket",
    "systemd-journald-dev-log.socket",
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-logind.service",
    "systemd-networkd.socket",
    "systemd-sysext.socket",
    "systemd-tmpfiles-clean.timer",
}
#: Started by a request over D-Bus or by a timer, and gone again soon.
COME_AND_GO = {
    "apt-daily-upgrade.service",
    "apt-daily.service",
    "dpkg-db-backup.service",
    "logrotate.service",
    "systemd-hostnamed.service",
    "systemd-localed.service",
    "systemd-timedated.service",
    "systemd-tmpfiles-clean.service",
    "unattended-upgrades.service",
}
#: Not running from boot to halt, so that they are no program.
ENDS = {"nftables.service"}


def enabled(host: ContractHost) -> set[str]:
    """Units of `host` that start at boot because somebody has said so."""
    return ENABLED | set(units(host)) | {mount_unit(place) for place in mount_places(host)}


def masked(host: ContractHost) -> set[str]:
    return MASKED | (MASKED_WITH_VOLUMES if host.volumes else set())


def running(host: ContractHost) -> set[str]:
    return (RUNNING | set(units(host))) - ENDS


#: Debian's own accounts and groups: those of base-passwd and of the packages in the image.
USERS = _words("""
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc _apt nobody
    systemd-network systemd-timesync messagebus systemd-resolve prometheus haproxy etcd sshd postgres
""")
GROUPS = _words("""
    root daemon bin sys adm tty disk lp mail news uucp man proxy kmem dialout fax voice cdrom floppy tape
    sudo audio dip www-data backup operator list irc src shadow utmp video sasl plugdev staff games users
    nogroup systemd-journal systemd-network systemd-timesync messagebus systemd-resolve prometheus _ssh
    haproxy ssl-cert etcd postgres
""")
#: What roles add on the hosts that run a service.
ACCOUNTS_OF_SERVICES = {"web": {"photo-api"}, "s3": {"versitygw"}}
#: systemd lets its own accounts have ended long ago, as one more lock.
ENDED = ["systemd-network", "systemd-resolve", "systemd-timesync"]
#: The package postgresql-common puts its account there.
MEMBERSHIPS = {"ssl-cert": ["postgres"]}


def users(host: ContractHost, contract: Contract) -> set[str]:
    return USERS | _own_accounts(host) | {contract.access.user}


def groups(host: ContractHost) -> set[str]:
    return GROUPS | _own_accounts(host)


def _own_accounts(host: ContractHost) -> set[str]:
    # Every control host has the gateway's account, that data can move there.
    own = set().union(*(ACCOUNTS_OF_SERVICES.get(service, set()) for service in host.services))
    return own | ({"versitygw"} if host.tier == "control" else set())


#: Mounts of the kernel, of systemd and of a container's manager; none of them holds anybody's data.
SYSTEM_MOUNTS = re.compile(r"/(proc|sys|dev)(/.*)?|/run(/lock|/credentials/[^/]+|/user/\d+)?|/tmp|/dev/lxd|/")


def foreign_mounts(host: ContractHost, mounted: list[str]) -> list[str]:
    known = set(mount_places(host))
    return sorted(place for place in mounted if place not in known and not SYSTEM_MOUNTS.fullmatch(place))


#: Packages that the roles of every host need, and those of a service.
PACKAGES = _words("""
    ca-certificates iproute2 nftables openssh-server procps sudo tzdata unattended-upgrades openssl
    python3-cryptography prometheus-node-exporter
""")
PACKAGES_OF_TIERS = {
    "edge": {"haproxy"},
    "web": {"nginx", "logrotate", "python3", "python3-venv"},
    "database": {"postgresql-17", "postgresql-common", "python3-psycopg2", "xfsprogs", "e2fsprogs"},
    "control": {"prometheus", "s3cmd", "etcd-server", "etcd-client", "xfsprogs", "e2fsprogs"},
}
#: Asked for by the image or a role (tools/image/packages.txt).
ASKED = PACKAGES | {"dbus", "python3-apt", "systemd-resolved", "systemd-sysv", "systemd-timesyncd"}


def packages(host: ContractHost) -> set[str]:
    return PACKAGES | PACKAGES_OF_TIERS[host.tier]


def asked_for() -> set[str]:
    return ASKED.union(*PACKAGES_OF_TIERS.values())


#: Settings of the network that systemd makes other than a new network has them.
SYSCTLS_OF_SYSTEM = {"net.unix.max_dgram_qlen": "512"}
