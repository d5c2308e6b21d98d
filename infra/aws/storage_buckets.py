"""The buckets of an environment: photos, which web hosts serve, and backups, which members write.

Both: encrypted with a key of the environment, versioned, closed to the public, and TLS only. Neither goes
away with what is in it: both are protected, and S3 deletes none that is not empty.
"""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws.edge.log import BACKUPS_PREFIX, Log
from infra.aws.keys import Keys
from infra.aws.naming import Component, Naming
from infra.aws.policy_document import policy_document

#: A photo that was deleted or written over can be had back for as long, in days.
PHOTO_VERSIONS_DAYS = 30
#: Parts of an upload that never ended cost money unseen, in days.
UNFINISHED_DAYS = 7


class Buckets(Component):
    """`photos` and `backups` are names; `*_arn` for policies."""

    def __init__(
        self,
        naming: Naming,
        keys: Keys,
        options: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(naming, "Buckets", options)
        # By name, because the role's own policy names the bucket.
        members = pulumi.Output.format(
            "arn:{0}:iam::{1}:role/{2}",
            naming.partition(self).partition,
            naming.account_id(self),
            naming.resource("database"),
        )
        durability = naming.environment.durability
        archive = durability.archive if durability else None
        photos = self._bucket("photos", keys.data_key_arn, PHOTO_VERSIONS_DAYS)
        backups = self._bucket(
            "backups",
            keys.backups_key_arn,
            archive.retention_days if archive else PHOTO_VERSIONS_DAYS,
            archive.object_lock_days if archive else None,
            members,
        )
        self.photos, self.photos_arn = photos.bucket, photos.arn
        self.backups, self.backups_arn = backups.bucket, backups.arn
        self.register_outputs({"photos": self.photos, "backups": self.backups})

    def log_backups(self, log: Log) -> None:
        """Who read a backup. Not of photos: each call would be a line, and is one of the load balancer's."""
        aws.s3.BucketLogging(
            self.naming.resource("backups"),
            bucket=self.backups,
            target_bucket=log.bucket.id,
            target_prefix=BACKUPS_PREFIX,
            # S3 looks whether it may write.
            opts=self.of(depends_on=log.writable),
        )

    def _bucket(
        self,
        what: str,
        key: pulumi.Input[str],
        versions_days: int,
        lock_days: int | None = None,
        writer: pulumi.Input[str] | None = None,
    ) -> aws.s3.Bucket:
        name = self.naming.resource(what)
        bucket = aws.s3.Bucket(
            name,
            force_destroy=False,
            tags=self.naming.tags(Name=self.naming.label(what), Tier="data"),
            opts=self.of(protect=True),
        )
        aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.of(),
        )
        aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self.of(),
        )
        encryption = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms", kms_master_key_id=key
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=encryption, bucket_key_enabled=True
                )
            ],
            opts=self.of(),
        )
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self.of(),
        )
        aws.s3.BucketPolicy(
            name,
            bucket=bucket.id,
            policy=pulumi.Output.all(bucket.arn, writer).apply(lambda known: bucket_policy(*known)),
            opts=self.of(),
        )
        self._lifecycle(name, bucket, versions_days, versioning)
        if lock_days is not None:
            retention = aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                mode="COMPLIANCE", days=lock_days
            )
            aws.s3.BucketObjectLockConfiguration(
                name,
                bucket=bucket.id,
                object_lock_enabled="Enabled",
                rule=aws.s3.BucketObjectLockConfigurationRuleArgs(default_retention=retention),
                opts=self.of(depends_on=[versioning]),
            )
        return bucket

    def _lifecycle(
        self, name: str, bucket: aws.s3.Bucket, versions_days: int, versioning: pulumi.Resource
    ) -> None:
        """What was deleted stays as a version for a time, and no longer."""
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="versions",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=versions_days
                    ),
                    abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=UNFINISHED_DAYS
                    ),
                )
            ],
            opts=self.of(depends_on=[versioning]),
        )


def bucket_policy(arn: str, writer: str | None) -> str:
    """TLS for everybody, the bucket's own encryption for all that comes in, and only `writer` writes."""
    objects = f"{arn}/*"
    statements: list[dict[str, Any]] = [
        _deny("TlsOnly", "s3:*", [arn, objects], {"Bool": {"aws:SecureTransport": "false"}}),
        # A request that names no encryption gets the bucket's.
        _deny(
            "OurEncryptionOnly",
            "s3:PutObject",
            [objects],
            {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
            },
        ),
    ]
    if writer:
        actions = ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
        only = {"ArnNotEquals": {"aws:PrincipalArn": writer}}
        statements.append(_deny("OneWriterOnly", actions, [objects], only))
    return json.dumps(policy_document(*statements))


def _deny(
    sid: str, action: str | list[str], resource: list[str], condition: dict[str, Any]
) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }
