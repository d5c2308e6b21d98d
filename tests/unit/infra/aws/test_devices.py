"""Devices as a host on AWS names them: EBS by serial, one drive by its partition, several by their RAID."""

from __future__ import annotations

import uuid

import pytest

from infra import catalogue
from infra.aws.devices import contract_volumes
from infra.topology.drives import partition_uuid
from tests.support.aws.hosts import DRIVES, LOG, host


def volumes(*declared, **changes):
    found = contract_volumes(host("database", 0, *declared, **changes), {"log": "vol-0123456789abcdef0"})
    return {volume.name: volume for volume in found}


def test_an_ebs_volume_is_known_by_its_id():
    log = volumes(LOG)["log"]
    assert log.device == "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0"
    assert (log.nvme.model, log.nvme.serials, log.nvme.count) == (
        "Amazon Elastic Block Store",
        ("vol0123456789abcdef0",),
        1,
    )
    assert log.nvme.partition_bytes is None
    assert log.size_bytes == 100 << 30


def test_one_drive_is_known_by_its_partition():
    flash = volumes(DRIVES, instance_type="i8g.2xlarge")["flash"]
    assert flash.device == f"/dev/disk/by-partuuid/{uuid.uuid5(uuid.UUID(flash.uuid), 'drive-0')}"
    assert (flash.nvme.model, flash.nvme.serials) == ("Amazon EC2 NVMe Instance Storage", ())
    assert flash.nvme.count == 1


def test_several_drives_are_known_by_their_raid():
    flash = volumes(DRIVES, instance_type="i8g.8xlarge")["flash"]
    digits = flash.uuid.replace("-", "")
    groups = flash.device.removeprefix("/dev/disk/by-id/md-uuid-").split(":")
    assert [len(group) for group in groups] == [8, 8, 8, 8]
    assert "".join(groups) == digits
    assert flash.nvme.count == 2


@pytest.mark.parametrize("kind", ["i8g.2xlarge", "i8g.8xlarge", "i4i.xlarge"])
def test_a_share_of_every_drive_stays_unpartitioned_and_the_volume_fits(kind):
    found = catalogue.find(kind)
    flash = volumes(DRIVES, instance_type=kind)["flash"]
    drive = found.drive_gb * 10**9
    assert flash.nvme.partition_bytes % (1 << 20) == 0
    assert 0 <= drive * (1 - catalogue.unpartitioned_share()) - flash.nvme.partition_bytes < 1 << 20


def test_partitions_of_one_volume_differ_and_of_two_volumes_too():
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    assert len({partition_uuid(one, 0), partition_uuid(one, 1), partition_uuid(other, 0)}) == 3
    assert partition_uuid(one, 0) == partition_uuid(one, 0)
