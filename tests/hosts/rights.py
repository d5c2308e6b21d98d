"""Folders, links and programs of the root disk whose rights or targets are not the usual ones."""

from __future__ import annotations

from infra.contract import Contract, ContractHost
from tests.hosts import components

#: Folders of other rights than 0755 root:root.
FOLDERS: dict[str, tuple[str, str]] = {
    "/etc/credstore": ("0700", "root:root"),
    "/etc/credstore.encrypted": ("0700", "root:root"),
    "/etc/postgresql": ("0755", "postgres:postgres"),
    "/etc/ssl/private": ("0710", "root:ssl-cert"),
    "/root/.ssh": ("0700", "root:root"),
}
#: Folders below /usr/local that no package brought.
LOCAL_FOLDERS = {
    f"/usr/local/{name}"
    for name in (
        "bin", "etc", "games", "include", "lib", "lib/flashtier", "lib/python3.13",
        "lib/python3.13/dist-packages", "libexec", "sbin", "share", "share/ca-certificates", "share/man",
        "src",
    )
}  # fmt: skip

#: Links that say something: what is in force.
LINKS = {
    "/etc/default/locale": "../locale.conf",
    "/etc/localtime": "/usr/share/zoneinfo/Etc/UTC",
    "/etc/mtab": "../proc/self/mounts",
    "/etc/os-release": "../usr/lib/os-release",
    "/etc/resolv.conf": "/run/systemd/resolve/resolv.conf",
    "/etc/rmt": "/usr/sbin/rmt",
    "/etc/vconsole.conf": "default/keyboard",
    "/usr/local/man": "share/man",
    "/var/spool/mail": "../mail",
}

#: Those of them that a role makes or the system needs: Debian's own image, on AWS, decides the others.
LINKS_ON_AWS = {path: LINKS[path] for path in ("/etc/localtime", "/etc/mtab", "/etc/os-release")}

#: Folders with rights of their own on AWS, where there are such: there the packages of a tier decide, and
#: without the package ssl-cert the rights that openssl gives are right as well.
MAY_ON_AWS: dict[str, set[tuple[str, str]]] = {
    **{path: {own} for path, own in FOLDERS.items()},
    "/etc/ssl/private": {FOLDERS["/etc/ssl/private"], ("0700", "root:root")},
}

#: Programs that give away the rights of their owner or group, with mode, owner and group.
SUID = {
    **{
        f"/usr/bin/{name}": ("4755", "root:root")
        for name in ("chfn", "chsh", "gpasswd", "mount", "newgrp", "passwd", "su", "sudo", "umount")
    },
    "/usr/bin/chage": ("2755", "root:shadow"),
    "/usr/bin/expiry": ("2755", "root:shadow"),
    "/usr/bin/ssh-agent": ("2755", "root:_ssh"),
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper": ("4754", "root:messagebus"),
    "/usr/lib/openssh/ssh-keysign": ("4755", "root:root"),
    "/usr/sbin/unix_chkpwd": ("2755", "root:shadow"),
}


def links(contract: Contract) -> dict[str, str]:
    """Where links lead that say what is in force, by path."""
    return LINKS if contract.platform == "local" else LINKS_ON_AWS


def folders(host: ContractHost, contract: Contract) -> dict[str, tuple[str, str]]:
    """Folders of `host` whose rights are their own."""
    found = dict(FOLDERS) if contract.platform == "local" else {}
    for component in host.components:
        found |= components.of(component).folders
    user = contract.access.user
    found[f"/home/{user}"] = ("0700", f"{user}:users")
    found[f"/home/{user}/.ssh"] = ("0700", f"{user}:root")
    return found
