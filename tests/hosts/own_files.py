"""Every file on the root disk that is not as a package brought it: its rights, and what decides its content.

What is in a list here, with which rights and content: tests/hosts/file_kinds.py.
"""

from __future__ import annotations

from infra.contract import Contract, ContractHost
from tests.hosts.file_kinds import (
    OWN,
    PLAIN,
    PRIVATE,
    PROGRAM,
    SHADOW,
    Built,
    Expected,
    Like,
    Lines,
    Secret,
    Template,
    template,
)
from tests.hosts.image_files import OF_ARRAYS, OF_POSTGRESQL, OF_THE_IMAGE, SNAKEOIL

EVERYWHERE: dict[str, Expected] = {
    # The roles base, certificates and node_exporter
    "/etc/apt/apt.conf.d/60flashtier": template("base/apt.conf.j2"),
    "/etc/apt/apt.conf.d/61flashtier-unattended-upgrades": template("base/unattended-upgrades.j2"),
    "/etc/default/prometheus-node-exporter": template("node_exporter/default.j2"),
    "/etc/flashtier/node-exporter.yml": template("node_exporter/web-config.yml.j2"),
    "/etc/flashtier/tls/ca.crt": (*PLAIN, OWN),
    "/etc/flashtier/tls/host.crt": (*PLAIN, OWN),
    "/etc/flashtier/tls/host.key": ("0640", "root:ssl-cert", OWN),
    "/etc/hosts": template("base/hosts.j2"),
    "/etc/locale.conf": template("base/locale.conf.j2"),
    "/etc/nftables.conf": template("base/nftables.conf.j2", PRIVATE),
    "/etc/ssh/sshd_config.d/10-flashtier.conf": template("base/sshd.conf.j2", PRIVATE),
    "/etc/sudoers.d/flashtier": template("base/sudoers.j2", ("0440", "root:root")),
    "/etc/sysctl.d/90-flashtier.conf": template("base/sysctl.conf.j2"),
    "/etc/systemd/journald.conf.d/10-flashtier.conf": template("base/journald.conf.j2"),
    "/etc/systemd/system/prometheus-node-exporter.service.d/flashtier.conf": template(
        "node_exporter/unit.conf.j2"
    ),
    # What the platform gives a host at its first boot
    "/etc/hostname": (*PLAIN, OWN),
    "/etc/machine-id": (*PLAIN, OWN),
    "/etc/.resolv.conf.systemd-resolved.bak": (*PROGRAM, OWN),
    **{
        f"/etc/ssh/ssh_host_ed25519_key{suffix}": (*mode, OWN)
        for suffix, mode in {"": PRIVATE, ".pub": PLAIN}.items()
    },
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
#: On AWS also what only some images or tiers have.
MAY_BE_MISSING_ON_AWS = {
    "/etc/.pwd.lock",
    "/etc/.updated",
    "/etc/security/opasswd",
    "/etc/subgid",
    "/etc/subuid",
    "/etc/sudoers.d/README",
    *OF_ARRAYS,
    *OF_POSTGRESQL,
    *SNAKEOIL,
} - {"/etc/postgresql-common/createcluster.conf"}
OF_SERVICES: dict[str, dict[str, Expected]] = {
    "https": {
        "/etc/haproxy/haproxy.cfg": template("haproxy/haproxy.cfg.j2"),
        "/etc/systemd/system/haproxy.service.d/flashtier.conf": template("haproxy/unit.conf.j2"),
    },
    "web": {
        "/etc/logrotate.d/nginx": template("nginx/logrotate.j2"),
        "/etc/nginx/nginx.conf": template("nginx/nginx.conf.j2"),
        "/etc/photo-api/environment": template("app/environment.j2"),
        "/etc/systemd/system/logrotate.timer.d/flashtier.conf": template("nginx/logrotate.timer.j2"),
        "/etc/systemd/system/photo-api.service": template("app/photo-api.service.j2"),
        "/etc/systemd/system/nginx.service.d/flashtier.conf": template("nginx/unit.conf.j2"),
        "/etc/systemd/system/photo-api.socket": template("app/photo-api.socket.j2"),
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
        "/etc/flashtier/postgresql/postgresql.conf": template(
            "postgresql/postgresql.conf.j2", ("0640", "root:postgres")
        ),
        "/etc/flashtier/postgresql/system_identifier": ("0640", "root:postgres", OWN),
    },
    "prometheus": {
        "/etc/default/prometheus": template("prometheus/default.j2"),
        "/etc/systemd/system/prometheus.service.d/flashtier.conf": template("prometheus/unit.conf.j2"),
        **{
            f"/etc/prometheus/{name}.yml": template(f"prometheus/{name}.yml.j2", ("0640", "root:prometheus"))
            for name in ("prometheus", "rules", "web-config")
        },
    },
    "s3": {
        "/etc/flashtier/s3/environment": template("s3/environment.j2", PRIVATE),
        "/etc/flashtier/s3/iam/users.json": template("s3/users.json.j2", ("0640", "root:versitygw")),
        "/etc/flashtier/s3/policy.json": (
            *PRIVATE,
            Template("s3/policy.json", expression="{{ s3_policy | to_nice_json }}\n"),
        ),
        "/etc/flashtier/s3/s3cfg": template("s3/s3cfg.j2", PRIVATE),
        "/etc/systemd/system/versitygw.service": template("s3/versitygw.service.j2"),
    },
}

#: The gateway's program is on each control host, whichever of them runs it.
CONTROL: dict[str, Expected] = {"/usr/local/bin/versitygw": (*PROGRAM, Built("bin/versitygw"))}
DATABASE: dict[str, Expected] = {
    "/etc/systemd/system/flashtier-postgresql.service": template(
        "postgresql/flashtier-postgresql.service.j2"
    ),
    **{
        f"/etc/flashtier/postgresql/{name}": template(f"postgresql/{name}.j2", ("0640", "root:postgres"))
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
    for volumes, path, name in (
        (drives, "/etc/udev/rules.d/70-flashtier-storage.rules", "storage/udev.rules.j2"),
        (arrays, "/etc/mdadm/mdadm.conf", "storage/mdadm.conf.j2"),
    ):
        if volumes:
            dumped = [volume.model_dump(mode="json") for volume in volumes]
            found[path] = template(name, volumes=dumped)
    return found


def _of_aws(host: ContractHost) -> dict[str, Expected]:
    """What only hosts on AWS have, and what there only hosts of a tier have."""
    return {
        "/etc/systemd/timesyncd.conf.d/flashtier.conf": template("base/timesyncd.conf.j2"),
        **(OF_POSTGRESQL | SNAKEOIL if host.tier == "database" else {}),
        **(OF_ARRAYS if any(volume.nvme and volume.nvme.count > 1 for volume in host.volumes) else {}),
    }


def may_be_missing(contract: Contract) -> set[str]:
    return MAY_BE_MISSING | (MAY_BE_MISSING_ON_AWS if contract.platform == "aws" else set())


def expected(host: ContractHost, contract: Contract) -> dict[str, Expected]:
    """Every file of `host` that is not as a package brought it."""
    found = EVERYWHERE | (_of_aws(host) if contract.platform == "aws" else OF_THE_IMAGE | OF_POSTGRESQL)
    for service in host.services:
        found |= OF_SERVICES.get(service, {})
    if host.tier == "database":
        found |= DATABASE
    if host.tier == "control" and contract.platform == "local":
        found |= CONTROL
    if contract.object_store.credentials != "keys":
        found = {path: entry for path, entry in found.items() if path not in S3_KEYS}
    units = "/etc/systemd/system"
    for volume in host.volumes:
        found[f"{units}/flashtier-volume-{volume.name}.service"] = template(
            "storage/volume.service.j2", volume=volume.model_dump(mode="json")
        )
        found[f"{units}/{mount_unit(volume.mount_point)}"] = template(
            "storage/volume.mount.j2", volume=volume.model_dump(mode="json")
        )
        found["/usr/local/lib/flashtier/check-volume"] = template("storage/check-volume.j2", PROGRAM)
    found |= of_drives(host)
    for placed in host.placements:
        found[f"{units}/{mount_unit(placed.path)}"] = template(
            "placement/placement.mount.j2", placement=placed.model_dump(mode="json")
        )
    home, own = f"/home/{contract.access.user}", f"{contract.access.user}:users"
    for name in (".bash_logout", ".bashrc", ".profile"):
        found[f"{home}/{name}"] = ("0644", own, Like(f"/etc/skel/{name}"))
    user = contract.access.user
    found[f"{home}/.ssh/authorized_keys"] = ("0600", f"{user}:root", OWN)
    return found
