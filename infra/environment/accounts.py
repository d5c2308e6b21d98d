"""Accounts that Debian or a package of the kit makes: none of them may be the operator's.

The operator may become root and logs in from outside. cloud-init would give those rights to an account that
is there already, such as the database's.
"""

from __future__ import annotations

#: Users of Debian 13's base-passwd (/usr/share/base-passwd/passwd.master), and root.
_DEBIAN_USERS = """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody
"""
#: Accounts of packages that hosts have or will have, and of the images.
_PACKAGES = """
    messagebus sshd polkitd uuidd tcpdump ntp ntpsec chrony postfix debian admin ubuntu ec2-user
    postgres pgbouncer pgbackrest patroni etcd haproxy nginx prometheus alertmanager grafana
"""
#: Accounts that roles of the kit make.
_KIT = "photo-api versitygw flashtier"

RESERVED = frozenset(f"{_DEBIAN_USERS} {_PACKAGES} {_KIT}".split())
#: Names of system accounts begin so by Debian's policy (9.2.1) and in systemd.
RESERVED_PREFIXES = ("_", "systemd-", "photo-", "prometheus-", "postgres")


def is_reserved(name: str) -> bool:
    """Whether `name` is, or may become, an account of the system or of a daemon."""
    return name in RESERVED or name.startswith(RESERVED_PREFIXES)
