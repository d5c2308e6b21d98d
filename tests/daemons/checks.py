"""Which daemon checks which rendered file of a host on AWS. A file that no line covers fails the tests.

`command` is an argv ({path}: the file; {unit}: the file, or for a drop-in its unit) or a function of inside/.
`spoil` is text that the daemon must refuse at the end of the file: it proves that each check can fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    #: A regular expression that the whole path matches.
    files: str
    #: The program that checks, for messages.
    daemon: str
    command: str | tuple[str, ...]
    spoil: str
    #: Whether the command has output on success, too; the output of others is a fault.
    talks: bool = False
    #: Debian packages of the daemon, where the image of the hosts on this machine lacks it.
    packages: tuple[str, ...] = ()


_UNITS = "/etc/systemd/system"
#: Warnings fail it: without the option it exits with 0 whatever it ignored.
_VERIFY = ("systemd-analyze", "--man=no", "--recursive-errors=no", "verify", "{unit}")
_APT = ("apt-config", "--config-file={path}", "dump")

CHECKS = (
    # Every host
    Check(
        "/var/lib/cloud/instances/any/user-data.txt",
        "cloud-init",
        ("cloud-init", "schema", "--config-file", "{path}"),
        "nonsense: 1\n",
        talks=True,
        packages=("cloud-init",),
    ),
    Check("/etc/hosts", "the C library", "resolves", "10.64.0.999 nonsense\n"),
    Check("/etc/locale.conf", "the C library", "locale", "LANG=nonsense.UTF-8\n"),
    Check("/etc/nftables.conf", "nft", ("nft", "--check", "--file", "{path}"), "nonsense\n"),
    Check("/etc/sysctl.d/90-flashtier.conf", "sysctl", "sysctl", "net.ipv4.tcp_syncookies = nonsense\n"),
    Check("/etc/ssh/sshd_config.d/10-flashtier.conf", "sshd", ("sshd", "-t"), "Nonsense yes\n"),
    Check("/etc/sudoers.d/flashtier", "visudo", ("visudo", "-c"), "operator ALL=(\n", talks=True),
    Check("/etc/systemd/journald.conf.d/10-flashtier.conf", "systemd-journald", "journald", "Nonsense=1\n"),
    Check("/etc/systemd/timesyncd.conf.d/flashtier.conf", "systemd-timesyncd", "timesyncd", "Nonsense=1\n"),
    Check("/etc/apt/apt.conf.d/60flashtier", "apt", _APT, "Nonsense yes\n", talks=True),
    Check("/etc/apt/apt.conf.d/61flashtier-unattended-upgrades", "apt", _APT, "Nonsense yes\n", talks=True),
    Check("/etc/default/prometheus-node-exporter", "node_exporter", "node_exporter", 'ARGS="--nonsense"\n'),
    Check("/etc/flashtier/node-exporter.yml", "node_exporter", "node_exporter", "nonsense: 1\n"),
    # Units, and drop-ins for those of packages
    Check(rf"{_UNITS}/[^/]+\.service", "systemd-analyze", _VERIFY, "[Service]\nNonsense=1\n"),
    Check(rf"{_UNITS}/[^/]+\.service\.d/.*", "systemd-analyze", _VERIFY, "[Service]\nNonsense=1\n"),
    Check(rf"{_UNITS}/[^/]+\.socket", "systemd-analyze", _VERIFY, "[Socket]\nNonsense=1\n"),
    Check(rf"{_UNITS}/[^/]+\.mount", "systemd-analyze", _VERIFY, "[Mount]\nNonsense=1\n"),
    Check(rf"{_UNITS}/[^/]+\.timer", "systemd-analyze", _VERIFY, "[Timer]\nOnCalendar=nonsense\n"),
    Check(rf"{_UNITS}/[^/]+\.timer\.d/.*", "systemd-analyze", _VERIFY, "[Timer]\nOnCalendar=nonsense\n"),
    # Volumes
    Check(
        "/usr/local/lib/flashtier/(check-(volume|member)|move-data)",
        "sh",
        ("sh", "-n", "{path}"),
        "if nonsense\n",
    ),
    Check(
        "/etc/udev/rules.d/70-flashtier-storage.rules",
        "udevadm",
        ("udevadm", "verify", "--no-summary", "{path}"),
        'NONSENSE=="1"\n',
        packages=("udev",),
    ),
    # It reads the file before it searches for arrays, finds none, and exits with 0 whatever it reads.
    Check(
        "/etc/mdadm/mdadm.conf", "mdadm", ("mdadm", "--detail", "--scan"), "NONSENSE\n", packages=("mdadm",)
    ),
    # Web hosts
    Check("/etc/nginx/nginx.conf", "nginx", ("nginx", "-t", "-q"), "nonsense on;\n"),
    Check("/etc/logrotate.d/nginx", "logrotate", "logrotate", "nonsense\n"),
    Check("/etc/photo-api/environment", "photo-api", "photo_api", "PHOTO_API_POOL_SIZE=nonsense\n"),
    Check("/etc/pgbouncer/pgbouncer[.]ini", "pgbouncer", "pgbouncer", "[pgbouncer]\nnonsense = 1\n"),
    Check("/etc/pgbouncer/fixed[.]ini", "pgbouncer", "pgbouncer", "nonsense = 1\n"),
    Check("/etc/pgbouncer/hba[.]conf", "pgbouncer", "pgbouncer", "local nonsense\n"),
    Check("/etc/pgbouncer/ident[.]conf", "pgbouncer", "pgbouncer", "nonsense\n"),
    Check("/etc/pgbouncer/userlist[.]txt", "pgbouncer", "pgbouncer", '"nonsense\n'),
    Check("/etc/flashtier/follower[.]json", "flashtier-follower", "follower", "nonsense\n"),
    # Database hosts
    Check("/etc/flashtier/postgresql/postgresql.conf", "postgres", "postgresql", "nonsense = 1\n"),
    Check("/etc/flashtier/postgresql/pg_hba.conf", "postgres", "postgresql", "local all all nonsense\n"),
    Check("/etc/flashtier/postgresql/pg_ident.conf", "postgres", "postgresql", "nonsense\n"),
    Check("/etc/patroni/patroni.yml", "patroni", "patroni", "restapi: nonsense\n"),
    Check("/etc/flashtier/probe[.]json", "flashtier-probe", "probe", "nonsense\n"),
    Check("/etc/flashtier/takeover[.]json", "flashtier-seal", "takeover", "nonsense\n"),
    # Control hosts
    Check("/etc/default/etcd", "etcd", "etcd", "ETCD_HEARTBEAT_INTERVAL=nonsense\n"),
    Check(
        "/etc/prometheus/prometheus.yml",
        "promtool",
        ("promtool", "check", "config", "{path}"),
        "nonsense: 1\n",
        talks=True,
    ),
    Check(
        "/etc/prometheus/rules.yml",
        "promtool",
        ("promtool", "check", "rules", "{path}"),
        "  - name: spoiled\n    rules: [{alert: Spoiled, expr: nonsense(}]\n",
        talks=True,
    ),
    Check(
        "/etc/prometheus/web-config.yml",
        "promtool",
        ("promtool", "check", "web-config", "{path}"),
        "nonsense: 1\n",
        talks=True,
    ),
    Check("/etc/default/prometheus", "prometheus", "prometheus", 'ARGS="--nonsense"\n'),
)


def check_of(path: str) -> Check:
    """The one check that covers a file. Raises `LookupError`, which names the file."""
    found = [check for check in CHECKS if re.fullmatch(check.files, path)]
    if len(found) != 1:
        raise LookupError(
            f"{path}: {len(found)} lines of tests/daemons/checks.py cover it; it needs exactly one"
        )
    return found[0]
