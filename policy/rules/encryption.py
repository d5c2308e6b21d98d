"""unencrypted: what holds data at rest is encrypted, the root disks and log buckets included."""

from __future__ import annotations

from collections.abc import Iterator

from .resource import Resource, Stack, Unknown, Violation

VOLUME = "aws:ebs/volume:Volume"
INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
BUCKET_ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)


def _on(value: object) -> bool:
    """Launch templates have "true" as a text. The update judges again what is unknown."""
    return value in (True, "true") or isinstance(value, Unknown)


def disks(resource: Resource) -> Iterator[Violation]:
    """A volume, a root disk, and every other disk that an instance or a launch template maps."""
    if resource.type == VOLUME and not _on(resource.get("encrypted")):
        yield Violation(resource, "the volume is not encrypted", "set encrypted=True")
    if resource.type == INSTANCE:
        if not (resource.part("rootBlockDevice") or _template(resource)):
            yield Violation(
                resource, "the root disk is as the image has it", "set root_block_device with encrypted=True"
            )
        for name, disk in (
            ("rootBlockDevice", resource.part("rootBlockDevice")),
            *(("ebsBlockDevices", one) for one in resource.parts("ebsBlockDevices")),
        ):
            if disk and not _on(disk.get("encrypted")):
                yield Violation(resource, f"a disk of {name} is not encrypted", "set encrypted=True on it")
    if resource.type == TEMPLATE:
        mapped = [one["ebs"] for one in resource.parts("blockDeviceMappings") if one.get("ebs")]
        if not mapped:
            yield Violation(
                resource,
                "the root disk is as the image has it",
                "map it in block_device_mappings with encrypted='true'",
            )
        for disk in mapped:
            if not _on(disk.get("encrypted")):
                yield Violation(resource, "a mapped disk is not encrypted", "set encrypted='true' on it")


def _template(instance: Resource) -> bool:
    """Whether an instance gets what it does not declare from a launch template, which is judged, too."""
    return "launchTemplate" in instance.props


def buckets(stack: Stack) -> Iterator[Violation]:
    """Every bucket declares its encryption: the key is a choice, not AWS's default."""
    chosen = stack.of(*BUCKET_ENCRYPTION)
    for bucket in stack.of(*BUCKETS):
        if not any(stack.means(one, "bucket", bucket, "bucket") for one in chosen):
            yield Violation(
                bucket,
                "no encryption is chosen for the bucket",
                "add a BucketServerSideEncryptionConfiguration for it",
            )
