"""Pure: how a host on AWS sees the volumes that Pulumi made or its instance type brings.

A path proves nothing but leads to the right device as far as a name can; the storage role looks at model and
serial before it formats, and at the file system's UUID before it mounts.
"""

from __future__ import annotations

from typing import Literal

from infra import catalogue
from infra.contract import ContractVolume, Nvme
from infra.topology import Host, HostVolume
from infra.topology.drives import array_uuid, partition_device

#: The root of Debian's images. Source: wiki.debian.org, Cloud/AmazonEC2Image.
ROOT_DEVICE = "/dev/xvda"

#: A drive orders requests itself. The kernel's own read-ahead of a plain drive: an array's would be larger.
SCHEDULER: Literal["none"] = "none"
READ_AHEAD_KIB = 128

_MIB = 1 << 20


def contract_volumes(host: Host, ebs_ids: dict[str, str]) -> tuple[ContractVolume, ...]:
    """The host's volumes for the contract; `ebs_ids` are the ids of those on EBS, by the volume's name."""
    return tuple(_volume(host, volume, ebs_ids.get(volume.name)) for volume in host.volumes)


def _volume(host: Host, volume: HostVolume, ebs_id: str | None) -> ContractVolume:
    device, nvme = _on_ebs(volume, ebs_id) if ebs_id else _on_drives(host, volume)
    return ContractVolume(
        name=volume.name,
        volume_class=volume.volume_class,
        size_bytes=volume.size_gib << 30,
        device=device,
        uuid=volume.uuid,
        mount_point=volume.mount_point,
        nvme=nvme,
    )


def _on_ebs(volume: HostVolume, ebs_id: str) -> tuple[str, Nvme]:
    """EBS tells its volume's id as the NVMe serial, without the dash.

    Source: EC2 user guide, "Map Amazon EBS volumes to NVMe device names".
    """
    serial = ebs_id.replace("-", "")
    return (
        f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{serial}",
        Nvme(
            model="Amazon Elastic Block Store",
            serials=(serial,),
            count=1,
            partition_bytes=None,
            scheduler=SCHEDULER,
            read_ahead_kib=READ_AHEAD_KIB,
            accept_blank=volume.accept_blank,
        ),
    )


def _on_drives(host: Host, volume: HostVolume) -> tuple[str, Nvme]:
    """Drives have serials that nobody knows before the host runs, so what is made on them has the names."""
    assert host.instance_type is not None  # noqa: S101 - every host of platform aws has one
    kind = catalogue.find(host.instance_type)
    partitioned = (kind.drive_gb or 0) * 10**9 * (1 - catalogue.unpartitioned_share())
    nvme = Nvme(
        model="Amazon EC2 NVMe Instance Storage",
        serials=(),
        count=kind.drives,
        partition_bytes=int(partitioned) // _MIB * _MIB,
        scheduler=SCHEDULER,
        read_ahead_kib=READ_AHEAD_KIB,
        accept_blank=volume.accept_blank,
    )
    if kind.drives == 1:
        return partition_device(volume.uuid, 0), nvme
    return f"/dev/disk/by-id/md-uuid-{array_uuid(volume.uuid)}", nvme
