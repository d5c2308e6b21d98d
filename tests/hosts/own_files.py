"""Every file on the root disk that is not as a package brought it: its rights, and what decides its content.

A path is (mode, owner:group, content). The content is one of:

    Template(...)   rendered by a role from templates/, with this host's part of the contract
    Secret(...)     one of the stack's secrets
    Tree(...)       a file of this checkout (the image's own files)
    Built(...)      a program that the controller has built
    Like(...)       a file that a package brought on the same host
    Lines(...)      these lines, comments and blank ones aside
    ALIKE           made by a package's script: the same on all hosts of a stack
    OWN             of this host alone: another check looks at what it says
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.contract import Contract, ContractHost


@dataclass(frozen=True)
class Template:
    path: str
    #: What the task gives the template beside the role's own variables.
    variables: Any = None
    #: An expression instead of a template's file: what a task writes by `content`.
    expression: str = ""


@dataclass(frozen=True)
class Secret:
    name: str


@dataclass(frozen=True)
class Tree:
    path: str


@dataclass(frozen=True)
class Built:
    name: str


@dataclass(frozen=True)
class Like:
    path: str


@dataclass(frozen=True)
class Lines:
    lines: tuple[str, ...] = ()


ALIKE, OWN = "alike", "own"
Content = Template | Secret | Tree | Built | Like | Lines | str
Expected = tuple[str, str, Content]

PLAIN = ("0644", "root:root")
SHADOW = ("0640", "root:shadow")
PRIVATE = ("0600", "root:root")
PROGRAM = ("0755", "root:root")
_ARCHIVE_KEY = "/usr/share/keyrings/debian-archive-keyring.gpg"
_IMAGE = "tools/image/files"


def _template(path: str, mode: tuple[str, str] = PLAIN, **variables: Any) -> Expected:
    return (*mode, Template(path, variables))


EVERYWHERE: dict[str, Expected] = {
    # The roles base, certificates and node_exporter
    "/etc/apt/apt.conf.d/60flashtier": _template("base/apt.conf.j2"),
    "/etc/apt/apt.conf.d/61flashtier-unattended-upgrades": _template("base/unattended-upgrades.j2"),
    "/etc/default/prometheus-node-exporter": _template("node_exporter/default.j2"),
    "/etc/flashtier/node-exporter.yml": _template("node_exporter/web-config.yml.j2"),
    "/etc/flashtier/tls/ca.crt": (*PLAIN, OWN),
    "/etc/flashtier/tls/host.crt": (*PLAIN, OWN),
    "/etc/flashtier/tls/host.key": ("0640", "root:ssl-cert", OWN),
    "/etc/hosts": _template("base/hosts.j2"),
    "/etc/locale.conf": _template("base/locale.conf.j2"),
    "/etc/nftables.conf": _template("base/nftables.conf.j2", PRIVATE),
    "/etc/ssh/sshd_config.d/10-flashtier.conf": _template("base/sshd.conf.j2", PRIVATE),
    "/etc/sudoers.d/flashtier": _template("base/sudoers.j2", ("0440", "root:root")),
    "/etc/sysctl.d/90-flashtier.conf": _template("base/sysctl.conf.j2"),
    "/etc/systemd/journald.conf.d/10-flashtier.conf": _template("base/journald.conf.j2"),
    "/etc/systemd/system/prometheus-node-exporter.service.d/flashtier.conf": _template(
        "node_exporter/unit.conf.j2"
    ),
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
    # What the platform gives a host at its first boot
    "/etc/flashtier/authorized_keys": (*PRIVATE, OWN),
    "/etc/hostname": (*PLAIN, OWN),
    "/etc/machine-id": (*PLAIN, OWN),
    "/etc/.resolv.conf.systemd-resolved.bak": (*PROGRAM, OWN),
    **{
        f"/etc/ssh/ssh_host_ed25519_key{suffix}": (*mode, OWN)
        for suffix, mode in {"": PRIVATE, ".pub": PLAIN}.items()
    },
    # Made by packages' scripts
    "/etc/apt/apt.conf.d/02autoremove-postgresql": ("0444", "root:root", OWN),
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
    "/etc/postgresql-common/createcluster.conf": (*PLAIN, Lines(("create_main_cluster = false",))),
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
            "/etc/postgresql-common/createcluster.conf.ucf-dist",
            "/etc/postgresql-common/root.crt",
            "/etc/python3/debian_config",
            "/etc/shells",
        ),
        (*PLAIN, ALIKE),
    ),
    # Accounts: test_access.py reads what they say. Backups and caches of what is beside them.
    **{
        f"/etc/{name}{suffix}": (*PLAIN, OWN)
        for name in ("passwd", "group", "subuid", "subgid")
        for suffix in ("", "-")
    },
    **{f"/etc/{name}{suffix}": (*SHADOW, OWN) for name in ("shadow", "gshadow") for suffix in ("", "-")},
    "/etc/.pwd.lock": (*PRIVATE, OWN),
    "/etc/.updated": (*PLAIN, OWN),
    "/etc/ld.so.cache": (*PLAIN, OWN),
    "/etc/security/opasswd": (*PRIVATE, Lines()),
    "/etc/ssl/certs/ca-certificates.crt": (*PLAIN, OWN),
    "/etc/sudoers": ("0440", "root:root", "as packaged"),
    "/etc/sudoers.d/README": ("0440", "root:root", "as packaged"),
}

#: Made when a program is first used, or by an older package: no host must have them, and any may.
MAY_BE_MISSING = {
    "/etc/.resolv.conf.systemd-resolved.bak",
    *(path for path in EVERYWHERE if path.startswith("/etc/") and path.endswith("-")),
}

OF_SERVICES: dict[str, dict[str, Expected]] = {
    "https": {
        "/etc/haproxy/haproxy.cfg": _template("haproxy/haproxy.cfg.j2"),
        "/etc/systemd/system/haproxy.service.d/flashtier.conf": _template("haproxy/unit.conf.j2"),
    },
    "web": {
        "/etc/logrotate.d/nginx": _template("nginx/logrotate.j2"),
        "/etc/nginx/nginx.conf": _template("nginx/nginx.conf.j2"),
        "/etc/photo-api/environment": _template("app/environment.j2"),
        "/etc/systemd/system/logrotate.timer.d/flashtier.conf": _template("nginx/logrotate.timer.j2"),
        "/etc/systemd/system/photo-api.service": _template("app/photo-api.service.j2"),
        "/etc/systemd/system/nginx.service.d/flashtier.conf": _template("nginx/unit.conf.j2"),
        "/etc/systemd/system/photo-api.socket": _template("app/photo-api.socket.j2"),
        **{
            f"/etc/photo-api/credentials/{name}": ("0400", "root:root", Secret(secret))
            for name, secret in {
                "database_password": "app_database_password",
                "s3_access_key": "s3_app_access_key",
                "s3_secret_key": "s3_app_secret_key",
            }.items()
        },
    },
    "postgresql": {
        "/etc/flashtier/postgresql/postgresql.conf": _template(
            "postgresql/postgresql.conf.j2", ("0640", "root:postgres")
        ),
        "/etc/flashtier/postgresql/system_identifier": ("0640", "root:postgres", OWN),
    },
    "prometheus": {
        "/etc/default/prometheus": _template("prometheus/default.j2"),
        "/etc/systemd/system/prometheus.service.d/flashtier.conf": _template("prometheus/unit.conf.j2"),
        **{
            f"/etc/prometheus/{name}.yml": _template(f"prometheus/{name}.yml.j2", ("0640", "root:prometheus"))
            for name in ("prometheus", "rules", "web-config")
        },
    },
    "s3": {
        "/etc/flashtier/s3/environment": _template("s3/environment.j2", PRIVATE),
        "/etc/flashtier/s3/iam/users.json": _template("s3/users.json.j2", ("0640", "root:versitygw")),
        "/etc/flashtier/s3/policy.json": (
            *PRIVATE,
            Template("s3/policy.json", expression="{{ s3_policy | to_nice_json }}\n"),
        ),
        "/etc/flashtier/s3/s3cfg": _template("s3/s3cfg.j2", PRIVATE),
        "/etc/systemd/system/versitygw.service": _template("s3/versitygw.service.j2"),
    },
}

#: The gateway's program is on each control host, whichever of them runs it.
CONTROL: dict[str, Expected] = {"/usr/local/bin/versitygw": (*PROGRAM, Built("bin/versitygw"))}
DATABASE: dict[str, Expected] = {
    "/etc/systemd/system/flashtier-postgresql.service": _template(
        "postgresql/flashtier-postgresql.service.j2"
    ),
    **{
        f"/etc/flashtier/postgresql/{name}": _template(f"postgresql/{name}.j2", ("0640", "root:postgres"))
        for name in ("pg_hba.conf", "pg_ident.conf")
    },
}


#: Of the app, where it has keys and not the role of its host.
S3_KEYS = {f"/etc/photo-api/credentials/s3_{kind}_key" for kind in ("access", "secret")}


def mount_unit(place: str) -> str:
    """systemd's name for the unit that mounts something at `place` (systemd.unit(5))."""
    return place.strip("/").replace("-", "\\x2d").replace("/", "-") + ".mount"


def of_drives(host: ContractHost) -> dict[str, Expected]:
    """Files for the NVMe drives of `host`; none where its platform has others."""
    drives = [volume for volume in host.volumes if volume.nvme]
    arrays = [volume for volume in drives if volume.nvme and volume.nvme.count > 1]
    found = {}
    for volumes, path, template in (
        (drives, "/etc/udev/rules.d/70-flashtier-storage.rules", "storage/udev.rules.j2"),
        (arrays, "/etc/mdadm/mdadm.conf", "storage/mdadm.conf.j2"),
    ):
        if volumes:
            dumped = [volume.model_dump(mode="json") for volume in volumes]
            found[path] = _template(template, volumes=dumped)
    return found


def expected(host: ContractHost, contract: Contract) -> dict[str, Expected]:
    """Every file of `host` that is not as a package brought it."""
    found = dict(EVERYWHERE)
    for service in host.services:
        found |= OF_SERVICES.get(service, {})
    if host.tier == "database":
        found |= DATABASE
    if host.tier == "control":
        found |= CONTROL
    if contract.platform == "aws":
        found["/etc/systemd/timesyncd.conf.d/flashtier.conf"] = _template("base/timesyncd.conf.j2")
    if contract.object_store.credentials != "keys":
        found = {path: entry for path, entry in found.items() if path not in S3_KEYS}
    units = "/etc/systemd/system"
    for volume in host.volumes:
        found[f"{units}/flashtier-volume-{volume.name}.service"] = _template(
            "storage/volume.service.j2", volume=volume.model_dump(mode="json")
        )
        found[f"{units}/{mount_unit(volume.mount_point)}"] = _template(
            "storage/volume.mount.j2", volume=volume.model_dump(mode="json")
        )
        found["/usr/local/lib/flashtier/check-volume"] = _template("storage/check-volume.j2", PROGRAM)
    found |= of_drives(host)
    for placed in host.placements:
        found[f"{units}/{mount_unit(placed.path)}"] = _template(
            "placement/placement.mount.j2", placement=placed.model_dump(mode="json")
        )
    home, own = f"/home/{contract.access.user}", f"{contract.access.user}:users"
    for name in (".bash_logout", ".bashrc", ".profile"):
        found[f"{home}/{name}"] = ("0644", own, Like(f"/etc/skel/{name}"))
    user = contract.access.user
    found[f"{home}/.ssh/authorized_keys"] = ("0600", f"{user}:root", OWN)
    return found
