"""Files that no role writes: the image's, and those that packages' scripts make."""

from __future__ import annotations

import re

from tests.hosts.file_kinds import ALIKE, OWN, PLAIN, PRIVATE, PROGRAM, Expected, Like, Lines, Tree

_ARCHIVE_KEY = "/usr/share/keyrings/debian-archive-keyring.gpg"
_IMAGE = "tools/image/files"

#: What the kit's own image brings, on platform local. On AWS the image is Debian's: tests/hosts/image.py.
#: On every host of an image that has the package.
OF_THE_POOLERS_PACKAGE = {"/etc/pgbouncer/pgbouncer.ini", "/etc/pgbouncer/userlist.txt"}

OF_THE_IMAGE: dict[str, Expected] = {
    # The image's own files
    **{
        f"/{path}": (*PLAIN, Tree(f"{_IMAGE}/{path}"))
        for path in (
            "etc/apt/apt.conf.d/00flashtier",
            "etc/dpkg/dpkg.cfg.d/flashtier",
            "etc/systemd/network/80-flashtier.network",
            "etc/systemd/resolved.conf.d/flashtier.conf",
            "etc/systemd/system-preset/00-flashtier.preset",
            "etc/systemd/system/flashtier-ssh-keys.service",
        )
    },
    "/usr/local/lib/flashtier/first-boot": (*PROGRAM, Tree(f"{_IMAGE}/usr/local/lib/flashtier/first-boot")),
    "/etc/flashtier/authorized_keys": (*PRIVATE, OWN),
    # Made by packages' scripts
    "/etc/apt/apt.conf.d/20auto-upgrades": (*PLAIN, Like("/usr/share/unattended-upgrades/20auto-upgrades")),
    "/etc/apt/apt.conf.d/50unattended-upgrades": (
        *PLAIN,
        Like("/usr/share/unattended-upgrades/50unattended-upgrades"),
    ),
    "/etc/apt/sources.list": (
        *PLAIN,
        Lines(
            tuple(
                f"deb [signed-by={_ARCHIVE_KEY}] http://deb.debian.org/{suite} main"
                for suite in ("debian trixie", "debian trixie-updates", "debian-security trixie-security")
            )
        ),
    ),
    "/etc/inputrc": (*PLAIN, Like("/usr/share/readline/inputrc")),
    "/etc/motd": (*PLAIN, Like("/usr/share/base-files/motd")),
    "/etc/profile": (*PLAIN, Like("/usr/share/base-files/profile")),
    "/etc/ssh/sshd_config": (*PLAIN, Like("/usr/share/openssh/sshd_config")),
    "/root/.bashrc": (*PLAIN, Like("/usr/share/base-files/dot.bashrc")),
    "/root/.profile": (*PLAIN, Like("/usr/share/base-files/dot.profile")),
    # Where pgBouncer runs, its role writes them. The account is the one that the package's unit names.
    **dict.fromkeys(OF_THE_POOLERS_PACKAGE, ("0640", "postgres:postgres", "as packaged")),
    "/etc/environment": (*PLAIN, Lines()),
    "/etc/fstab": (*PLAIN, Lines()),
    "/etc/hosts.allow": (*PLAIN, Lines()),
    "/etc/hosts.deny": (*PLAIN, Lines()),
    "/etc/locale.gen": (*PLAIN, Lines()),
    **dict.fromkeys(
        (
            "/etc/ca-certificates.conf",
            "/etc/networks",
            "/etc/nsswitch.conf",
            "/etc/pam.d/common-account",
            "/etc/pam.d/common-auth",
            "/etc/pam.d/common-password",
            "/etc/pam.d/common-session",
            "/etc/pam.d/common-session-noninteractive",
            "/etc/python3/debian_config",
            "/etc/shells",
        ),
        (*PLAIN, ALIKE),
    ),
}

#: Made by scripts of PostgreSQL's packages. The kit's image has them, so that they are on all of its hosts.
OF_POSTGRESQL: dict[str, Expected] = {
    "/etc/apt/apt.conf.d/02autoremove-postgresql": ("0444", "root:root", OWN),
    "/etc/postgresql-common/createcluster.conf": (*PLAIN, Lines(("create_main_cluster = false",))),
    **dict.fromkeys(
        ("/etc/postgresql-common/createcluster.conf.ucf-dist", "/etc/postgresql-common/root.crt"),
        (*PLAIN, ALIKE),
    ),
}

#: The same where it is pgBouncer's package that needs the common one of PostgreSQL: no role writes into it.
OF_POOLERS = OF_POSTGRESQL | {
    "/etc/postgresql-common/createcluster.conf": (
        *PLAIN,
        Like("/usr/share/postgresql-common/createcluster.conf"),
    )
}

#: Key and certificate that the package ssl-cert makes, which that of PostgreSQL needs. No service uses
#: them, and the kit's image is built without. A link by the certificate's hash leads to it.
SNAKEOIL: dict[str, Expected] = {
    "/etc/ssl/certs/ssl-cert-snakeoil.pem": (*PLAIN, OWN),
    "/etc/ssl/private/ssl-cert-snakeoil.key": ("0640", "root:ssl-cert", OWN),
}

#: Made by mdadm's package. It rebuilds the file that the kernel boots with.
OF_ARRAYS: dict[str, Expected] = {"/etc/default/mdadm": (*PLAIN, ALIKE)}

#: Made again with each kernel, by its package's scripts.
OF_KERNELS = re.compile(r"/boot/(initrd[.]img-.*|grub/.*)|/usr/lib/modules/[^/]+/modules[.][a-z.]+")
