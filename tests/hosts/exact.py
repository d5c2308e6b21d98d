"""What a host has, and nothing else: units, accounts, mounts, packages."""

from __future__ import annotations

import re
from collections.abc import Collection

from infra.contract import Contract, ContractHost
from tests.hosts import components
from tests.hosts.promises import has_arrays, mount_places, mount_unit, on_aws, own_timed, units


def _words(text: str) -> set[str]:
    return set(text.split())


#: Enabled on every host in addition to what promises.units names.
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
#: Debian's unit gives it to itself when it is enabled.
ALIASES_OF_ETCD = {"/etc/systemd/system/etcd2.service": "/usr/lib/systemd/system/etcd.service"}
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
#: Of Debian's mdadm: links start them with its monitor, which RAID 0 does not start; its installation may.
UNITS_WITH_ARRAYS = {"mdcheck_continue.timer", "mdcheck_start.timer", "mdmonitor-oneshot.timer"}
#: Of Debian's xfsprogs, in addition to the timer that the role masks: a link no longer starts that one.
UNITS_WITH_VOLUMES = {"system-xfs_scrub.slice"}
#: Started by a request over D-Bus or by a timer, and gone again soon.
COME_AND_GO = {
    "apt-daily-upgrade.service",
    "apt-daily.service",
    "dpkg-db-backup.service",
    "flashtier-member.service",
    "flashtier-move.service",
    "logrotate.service",
    "systemd-hostnamed.service",
    "systemd-localed.service",
    "systemd-timedated.service",
    "systemd-tmpfiles-clean.service",
    "unattended-upgrades.service",
}
#: The same on AWS, by their beginnings: timers of Debian's image start them.
COME_AND_GO_ON_AWS = ("fstrim.", "man-db.", "refresh-policy-routes@")
#: Not running from boot to halt, so that they are no program.
ENDS = {"flashtier-tmpfs.service", "nftables.service"}

# What a host on AWS may have, and need not, is in lists of its own: there Debian's image and the packages of
# the host's tier decide. What no list knows is for tests/hosts/image.py.


def enabled(contract: Contract, host: ContractHost, away: Collection[str] = ()) -> set[str]:
    """Units of `host` that start at boot because a person has enabled them."""
    ours = set(units(contract, host, away)) | {mount_unit(place) for place in mount_places(host)}
    return ours if on_aws(host) else ENABLED | ours


def may_be_enabled(host: ContractHost) -> set[str]:
    of_packages = (UNITS_WITH_ARRAYS if has_arrays(host) else set()) | (
        UNITS_WITH_VOLUMES if host.volumes else set()
    )
    return ENABLED | of_packages


def masked(host: ContractHost) -> set[str]:
    ours = MASKED_WITH_VOLUMES if host.volumes else set()
    return ours if on_aws(host) else MASKED | ours


def running(contract: Contract, host: ContractHost, away: Collection[str] = ()) -> set[str]:
    own = set(units(contract, host, away))
    ours = own if on_aws(host) else RUNNING | own
    return ours - ENDS


def may_run(host: ContractHost) -> set[str]:
    return RUNNING | (UNITS_WITH_ARRAYS if has_arrays(host) else set())


def comes_and_goes(contract: Contract, host: ContractHost, unit: str) -> bool:
    own = COME_AND_GO | own_timed(contract, host)
    return unit in own or (on_aws(host) and unit.startswith(COME_AND_GO_ON_AWS))


def aliases(host: ContractHost) -> dict[str, str]:
    """Other names of units, and masks, by path with what the link leads to."""
    masks = {f"/etc/systemd/system/{unit}": "/dev/null" for unit in masked(host)}
    named = ALIASES_OF_ETCD if "etcd" in host.components else {}
    return named | masks if on_aws(host) else ALIASES | named | masks


def may_be_named() -> list[tuple[str, str]]:
    """The same for units that on AWS come with Debian's image, or with the mask of a package."""
    masks = [(f"/etc/systemd/system/{unit}", "/dev/null") for unit in MASKED]
    return [*ALIASES.items(), *masks]


def environment(host: ContractHost) -> list[str]:
    """Of the manager. On AWS it may still be that of the image's own boot."""
    return [] if on_aws(host) else ENVIRONMENT


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
#: systemd lets its own accounts have ended long ago, as one more lock.
ENDED = ["systemd-network", "systemd-resolve", "systemd-timesync"]
#: The package postgresql-common puts its account there.
MEMBERSHIPS = {"ssl-cert": ("postgres",)}


def users(contract: Contract, host: ContractHost) -> set[str]:
    ours = _own_accounts(contract, host) | {contract.access.user, "root"}
    return ours if on_aws(host) else USERS | ours


def groups(contract: Contract, host: ContractHost) -> set[str]:
    return _own_accounts(contract, host) if on_aws(host) else GROUPS | _own_accounts(contract, host)


def _own_accounts(contract: Contract, host: ContractHost) -> set[str]:
    # Every control host has the gateway's account, that data can move there. On AWS there is no gateway.
    own = set().union(*(components.of(component).accounts for component in host.components))
    return own | ({"versitygw"} if host.tier == "control" and not on_aws(host) else set())


def ended(host: ContractHost) -> list[str]:
    return [] if on_aws(host) else ENDED


def memberships(host: ContractHost) -> list[tuple[str, tuple[str, ...]]]:
    return [] if on_aws(host) else list(MEMBERSHIPS.items())


#: Mounts of the kernel, of systemd and of a container's manager; none of them holds anybody's data.
SYSTEM_MOUNTS = re.compile(r"/(proc|sys|dev)(/.*)?|/run(/lock|/credentials/[^/]+|/user/\d+)?|/tmp|/dev/lxd|/")


def foreign_mounts(host: ContractHost, mounted: list[str]) -> list[str]:
    known = {*mount_places(host), *([FIRMWARE] if on_aws(host) else [])}
    return sorted(place for place in mounted if place not in known and not SYSTEM_MOUNTS.fullmatch(place))


#: The part of the disk that firmware boots from, which a container has not.
FIRMWARE = "/boot/efi"

#: Packages that the roles of every host need, and those of a service.
PACKAGES = _words("""
    ca-certificates iproute2 nftables openssh-server procps sudo tzdata unattended-upgrades openssl
    python3-cryptography prometheus-node-exporter
""")
PACKAGES_OF_TIERS = {
    "edge": {"haproxy"},
    "web": {"nginx", "logrotate", "pgbouncer", "python3", "python3-psycopg2", "python3-venv"},
    "database": _words("""
        postgresql-17 postgresql-common python3 python3-psycopg2 python3-venv rsync xfsprogs e2fsprogs
    """),
    "control": {"prometheus", "s3cmd", "etcd-server", "etcd-client", "xfsprogs", "e2fsprogs"},
}
#: Asked for by the image or a role (tools/image/packages.txt).
ASKED = PACKAGES | {"dbus", "python3-apt", "systemd-resolved", "systemd-sysv", "systemd-timesyncd"}


def packages(host: ContractHost) -> set[str]:
    own = {package for name in host.components for package in components.of(name).packages}
    found = PACKAGES | PACKAGES_OF_TIERS[host.tier] | own
    if on_aws(host):
        found = (found | {"systemd-timesyncd"}) - {"s3cmd"}  # there S3 is no gateway of ours
    return found | _of_drives(host)


def _of_drives(host: ContractHost) -> set[str]:
    parted = any(volume.nvme and volume.nvme.partition_bytes for volume in host.volumes)
    return ({"fdisk"} if parted else set()) | ({"mdadm"} if has_arrays(host) else set())


def asked_for(host: ContractHost) -> set[str]:
    return ASKED.union(*PACKAGES_OF_TIERS.values()) | _of_drives(host)


#: Settings of the network that systemd makes other than a new network has them.
SYSCTLS_OF_SYSTEM = {"net.unix.max_dgram_qlen": "512"}
