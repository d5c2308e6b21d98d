"""Every file on the root disk that is not as a package brought it: its rights, and what decides its content.

What is in a list here, with which rights and content: tests/hosts/file_kinds.py.
"""

from __future__ import annotations

from infra.contract import Contract, ContractHost
from tests.hosts import components
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
    template,
)
from tests.hosts.image_files import (
    OF_ARRAYS,
    OF_POOLERS,
    OF_POSTGRESQL,
    OF_THE_IMAGE,
    OF_THE_POOLERS_PACKAGE,
    SNAKEOIL,
)
from tests.hosts.promises import mount_unit

EVERYWHERE: dict[str, Expected] = {
    # The roles base and certificates
    "/etc/apt/apt.conf.d/60flashtier": template("base/apt.conf.j2"),
    "/etc/apt/apt.conf.d/61flashtier-unattended-upgrades": template("base/unattended-upgrades.j2"),
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
    "/etc/systemd/system/flashtier-tmpfs.service": template("base/flashtier-tmpfs.service.j2"),
    # What the platform gives a host at its first boot
    "/etc/hostname": (*PLAIN, OWN),
    "/etc/machine-id": (*PLAIN, OWN),
    "/etc/.resolv.conf.systemd-resolved.bak": (*PROGRAM, OWN),
    **{
        f"/etc/ssh/ssh_host_ed25519_key{suffix}": (*mode, OWN)
        for suffix, mode in {"": PRIVATE, ".pub": PLAIN}.items()
    },
    # Accounts: test_access.py reads what they say. Backups and caches of their neighbours.
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
#: The gateway's program is on each control host, whichever of them runs it.
CONTROL: dict[str, Expected] = {"/usr/local/bin/versitygw": (*PROGRAM, Built("bin/versitygw"))}
#: Of the app, where it has keys and not the role of its host.
S3_KEYS = {f"/etc/photo-api/credentials/s3_{kind}_key" for kind in ("access", "secret")}


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
        **(OF_POOLERS | SNAKEOIL if "pgbouncer" in host.components else {}),
        **(OF_ARRAYS if any(volume.nvme and volume.nvme.count > 1 for volume in host.volumes) else {}),
    }


def may_be_missing(host: ContractHost, contract: Contract) -> set[str]:
    """What need not be there: a host that an older image made lacks what a newer one brings along."""
    pooler = set() if "pgbouncer" in host.components else OF_THE_POOLERS_PACKAGE
    return MAY_BE_MISSING | pooler | (MAY_BE_MISSING_ON_AWS if contract.platform == "aws" else set())


def expected(host: ContractHost, contract: Contract) -> dict[str, Expected]:
    """Every file of `host` that is not as a package brought it."""
    found = EVERYWHERE | (_of_aws(host) if contract.platform == "aws" else OF_THE_IMAGE | OF_POSTGRESQL)
    for component in host.components:
        found |= components.of(component).files
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
