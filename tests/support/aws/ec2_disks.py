"""What a host on EC2 says of its drives, mounts and files where all is as declared."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from infra.contract import Contract, ContractHost, ContractVolume
from infra.paths import ROOT
from tests.hosts import database, exact, own_files, promises, rights
from tests.hosts.content import Contents
from tests.hosts.file_kinds import Like, Lines, Release, Secret, Template, Tree
from tests.hosts.image_files import OF_ARRAYS
from tests.support.aws.ec2_cluster import leader
from tests.support.aws.ec2_system import MACHINE

_MIB = 1 << 20
#: Of the image, in no list of tests/hosts: made by its builders, changed by them, or with rights of its own.
ADDED = ("/etc/fstab", "/etc/apt/sources.list.d/debian.sources", "/boot/initrd.img-6.12.43+deb13-cloud-arm64")
#: The same, and with the address of the host's network card in it.
OF_THE_HOST = ("/etc/netplan/50-cloud-init.yaml", "/run/systemd/network/10-netplan-ens5.network")
CHANGED = "/etc/cloud/cloud.cfg"
GIVES = "/usr/lib/polkit-1/polkit-agent-helper-1"


def number(volume: ContractVolume, host: ContractHost) -> str:
    return f"259:{host.volumes.index(volume)}"


def size(volume: ContractVolume) -> int:
    """As mdadm 4.4 leaves of partitions: 129 MiB less each, in whole chunks of 512 KiB."""
    nvme = volume.nvme
    assert nvme
    if nvme.partition_bytes is None:
        return volume.size_bytes
    if nvme.count == 1:
        return nvme.partition_bytes
    return (nvme.partition_bytes - 129 * _MIB) // (_MIB // 2) * (_MIB // 2) * nvme.count


def devices(host: ContractHost) -> Any:
    return {
        volume.device: {
            "block": True,
            "number": number(volume, host),
            "uuid": volume.uuid,
            "type": "xfs",
            "size_bytes": size(volume),
            "quickest_read_ms": 0.4,
        }
        for volume in host.volumes
    }


def drives(host: ContractHost) -> Any:
    found = {}
    for volume in host.volumes:
        nvme = volume.nvme
        assert nvme
        serials = nvme.serials or tuple(f"AWS{index:017}" for index in range(nvme.count))
        found[volume.device] = {
            "read_ahead_kib": nvme.read_ahead_kib,
            "drives": [
                {
                    "model": nvme.model,
                    "serial": serial,
                    "scheduler": nvme.scheduler,
                    "read_ahead_kib": nvme.read_ahead_kib,
                    "partition_bytes": nvme.partition_bytes,
                }
                for serial in serials
            ],
        }
    return found


def mounts(host: ContractHost) -> Any:
    usual = {
        "root": "/",
        "source": "/dev/x",
        "type": "ext4",
        "options": ["rw"],
        "file_system_options": ["rw"],
    }
    found = {
        place: {**usual, "number": f"0:{index}"}
        for index, place in enumerate(
            ("/", "/proc", "/sys", "/dev/mqueue", "/run", "/boot/efi", "/var/lib/image")
        )
    }
    volumes = {volume.name: volume for volume in host.volumes}
    for volume in host.volumes:
        found[volume.mount_point] = mounted(volume, host, "/")
    for placed in host.placements:
        volume = volumes[placed.volume]
        found[placed.path] = mounted(volume, host, placed.source.removeprefix(volume.mount_point))
    return found


def mounted(volume: ContractVolume, host: ContractHost, root: str) -> Any:
    return {
        "number": number(volume, host),
        "root": root,
        "source": volume.device,
        "type": "xfs",
        "options": ["rw", *volume.mount_options],
        "file_system_options": ["rw", "attr2"],
    }


def paths(contract: Contract, host: ContractHost, asked: list[str]) -> Any:
    found: dict[str, Any] = {}
    volumes = {volume.name: volume for volume in host.volumes}
    for path, (mode, owner, group) in promises.key_files(contract, host).items():
        found[path] = told(path, "259:99", mode, owner, group)
    for path, (mode, own) in promises.runtime(host).items():
        owner, group = own.split(":")
        found[path] = told(path, "0:23", mode, owner, group)
    for volume in host.volumes:
        placed = [one.source.rpartition("/")[2] for one in host.placements if one.volume == volume.name]
        root = f"{volume.mount_point}/"
        placed += [path.rpartition("/")[2] for path in database.markers(host) if path.startswith(root)]
        placed += [".flashtier-probe"] if "probe" in host.components else []
        found[volume.mount_point] = told(
            volume.mount_point, number(volume, host), "0755", entries=sorted(placed)
        )
    where = {}
    for placed_ in host.placements:
        where[placed_.purpose] = at = number(volumes[placed_.volume], host)
        for path in (placed_.path, placed_.source):
            found[path] = told(path, at, placed_.mode, placed_.owner, placed_.group)
    if "patroni" in host.components:
        postgres = ("0700", "postgres", "postgres")
        made = [
            "PG_VERSION",
            "base",
            "global",
            "patroni.dynamic.json",
            "pg_wal",
            "postgresql.conf",
            "postmaster.pid",
        ]
        if host.name != leader(contract):
            made += ["backup_label.old", "backup_manifest", "standby.signal"]
        found["/pg/data/17"] = told("/pg/data/17", where["data"], *postgres, entries=made)
        found["/pg/data/17/pg_wal"] = told("/pg/wal/17", where["wal"], *postgres)
        found["/pg/temp/17"] = told("/pg/temp/17", where["temp"], *postgres)
    return {path: found.get(path) for path in asked}


def told(
    real: str, at: str, mode: str, owner: str = "root", group: str = "root", entries: list[str] | None = None
) -> Any:
    return {"real": real, "number": at, "mode": mode, "owner": owner, "group": group, "entries": entries}


def beneath(host: ContractHost) -> Any:
    closed = {"stat": "0 root:root directory", "attributes": "----i---------e-------", "files": 0}
    return dict.fromkeys(promises.mount_places(host), closed)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def links(contract: Contract, host: ContractHost) -> Any:
    """The links that say which units start, and which are masked."""
    folder = "/etc/systemd/system"
    found = {
        f"{folder}/multi-user.target.wants/{unit}": "/usr/lib/x" for unit in exact.enabled(contract, host)
    }
    if promises.has_arrays(host):
        found |= {f"{folder}/mdmonitor.service.wants/{unit}": "/x" for unit in exact.UNITS_WITH_ARRAYS}
    found |= {f"{folder}/dbus-org.freedesktop.timesync1.service": "/usr/lib/systemd/system/x.service"}
    if host.volumes:  # the role masks the timer, whose link stays
        found[f"{folder}/timers.target.wants/xfs_scrub_all.timer"] = "/usr/lib/x"
        found[f"{folder}/system.slice.wants/system-xfs_scrub.slice"] = "/usr/lib/x"
    if host.tier == "database":
        found["/etc/ssl/certs/2e5ac55d.0"] = "ssl-cert-snakeoil.pem"
    found |= exact.aliases(host) | rights.LINKS_ON_AWS
    usual = {"kind": "link", "mode": "0777", "owner": "root:root", "package": ""}
    return {path: {**usual, "target": target} for path, target in found.items()}


def image_files(host: ContractHost) -> Any:
    usual = {"kind": "file", "mode": "0644", "owner": "root:root", "package": "", "state": "of no package"}
    found = {path: {**usual, "sha256": digest(path)} for path in ADDED}
    for path in OF_THE_HOST:
        found[path] = {**usual, "mode": "0600", "sha256": digest(host.name)}
    found[CHANGED] = {**usual, "package": "cloud-init", "state": "changed", "sha256": digest("changed")}
    found[GIVES] = {**usual, "mode": "4755", "package": "polkitd", "state": "as packaged"}
    return found


def files(contract: Contract, host: ContractHost, contents: Contents, secrets: dict[str, str]) -> Any:
    """The whole disk; its files' contents are rendered as tests/hosts renders them."""
    found = image_files(host) | links(contract, host)
    for path, (mode, owner, content) in own_files.expected(host, contract).items():
        text = "something of the host's own"
        if isinstance(content, Template):
            contents.machines[host.name] = MACHINE
            text = contents.rendered(content, host.name)
        elif isinstance(content, Secret):
            text = secrets[content.name]
        elif isinstance(content, Tree):
            text = (ROOT / content.path).read_text()
        elif isinstance(content, Lines):
            text = "\n".join(content.lines)
        state = "as packaged" if content == "as packaged" else "of no package"
        found[path] = {"kind": "file", "mode": mode, "owner": owner, "package": "", "state": state,
                       "sha256": digest(text), "text": text}  # fmt: skip
    for path in OF_ARRAYS:
        if path in found:
            found[path]["sha256"] = digest("as its package made it")
    for path, source in likes(contract, host).items():
        found[path]["sha256"] = digest(source)
    for path, (mode, owner) in (rights.folders(host, contract) | folders(host)).items():
        found[path] = {"kind": "folder", "mode": mode, "owner": owner, "package": "x"}
    if host.tier == "database":  # of readline-common, which psql needs
        found["/etc/inputrc"] = {"kind": "file", "mode": "0644", "owner": "root:root", "package": "",
                                 "state": "of no package", "sha256": digest(INPUTRC)}  # fmt: skip
    return {"missing": [], "found": found}


def folders(host: ContractHost) -> dict[str, tuple[str, str]]:
    """What packages of the host's tier give rights of their own."""
    if host.tier != "database":
        return {"/etc/ssl/private": ("0700", "root:root")}
    return {path: rights.FOLDERS[path] for path in ("/etc/postgresql", "/etc/ssl/private")}


INPUTRC = "/usr/share/readline/inputrc"


def likes(contract: Contract, host: ContractHost) -> dict[str, str]:
    """Copies of what a package brought, by path, with the path of the source."""
    return {
        path: content.path
        for path, (_, _, content) in own_files.expected(host, contract).items()
        if isinstance(content, Like)
    }


def sums(contract: Contract, host: ContractHost) -> Any:
    return {source: digest(source) for source in (*likes(contract, host).values(), INPUTRC)}


def release(host: ContractHost) -> Any:
    if "nginx" not in host.components:
        return None
    return {"path": "/opt/photo-api/releases/1", "checked": 100, "faults": []}


def patroni(host: ContractHost) -> Any:
    if "patroni" not in host.components:
        return None
    path = Release("patroni", "bin/patroni").on(MACHINE)
    return {"path": str(Path(path).parent.parent), "checked": 100, "faults": []}
