"""The EBS volumes of a host: each outlives the instance it is attached to."""

from __future__ import annotations

import string

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component
from infra.environment.volumes import EBS_CLASSES
from infra.topology import Host, HostVolume

#: Names under which EC2 attaches volumes. A Nitro host has NVMe devices, and nothing there uses the names.
#: Source: EC2 user guide, "Device names for volumes on Amazon EC2 instances": /dev/sd[f-p] for EBS.
DEVICES = tuple(f"/dev/sd{letter}" for letter in string.ascii_lowercase[5:16])


def on_ebs(host: Host) -> tuple[HostVolume, ...]:
    """The host's volumes that are EBS volumes."""
    return tuple(volume for volume in host.volumes if volume.volume_class in EBS_CLASSES)


def make_volumes(
    component: Component, host: Host, kms_key_arn: pulumi.Input[str]
) -> dict[str, aws.ebs.Volume]:
    """Declare the host's EBS volumes, in its zone; by the volume's name."""
    return {volume.name: _volume(component, host, volume, kms_key_arn) for volume in on_ebs(host)}


def _volume(
    component: Component, host: Host, volume: HostVolume, kms_key_arn: pulumi.Input[str]
) -> aws.ebs.Volume:
    naming = component.naming
    assert host.zone is not None  # noqa: S101 - every host of platform aws has one
    return aws.ebs.Volume(
        naming.resource(host.name, volume.name),
        availability_zone=host.zone,
        type=volume.volume_class,
        size=volume.size_gib,
        iops=volume.iops,
        throughput=volume.throughput_mib_s,
        encrypted=True,
        kms_key_id=kms_key_arn,
        tags=naming.tags(
            Name=naming.label(host.name, volume.name), Tier=host.tier, Host=host.name, Volume=volume.name
        ),
        opts=component.of(protect=volume.protected),
    )


def attach_volumes(
    component: Component, host: Host, volumes: dict[str, aws.ebs.Volume], instance: aws.ec2.Instance
) -> None:
    """Attach them. Deleting starts here: attachment, then instance, then volume.

    EC2 ends a busy attachment only with its instance, so where that goes, its end is not waited for.
    """
    for device, (name, volume) in zip(DEVICES, volumes.items(), strict=False):
        aws.ec2.VolumeAttachment(
            component.naming.resource(host.name, name),
            device_name=device,
            instance_id=instance.id,
            volume_id=volume.id,
            opts=component.of(
                depends_on=[instance, volume], deleted_with=instance, delete_before_replace=True
            ),
        )
