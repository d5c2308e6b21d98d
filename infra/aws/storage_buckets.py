"""The buckets of an environment: photos, which web hosts serve, and backups, which members write.

Both are encrypted with a key of the environment, versioned, closed to the public, and accept TLS only.
Neither is deleted with its objects: S3 deletes no bucket that has any, and Pulumi protects the bucket, its
settings and its key. The key is deleted after the bucket and never before: a bucket that stays keeps a key
that works.
"""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws.bucket_policy import bucket_policy
from infra.aws.edge.cdn import Cdn
from infra.aws.edge.log import BACKUPS_PREFIX, Log
from infra.aws.keys import Keys
from infra.aws.naming import Component, Naming

#: How long a deleted photo can be restored, in days.
PHOTO_VERSIONS_DAYS = 30
#: Parts of an upload that never ended cost money and are listed nowhere, in days.
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
        self._cdn: Cdn | None = None
        # By name, because the role's own policy names the bucket.
        members = pulumi.Output.format(
            "arn:{0}:iam::{1}:role/{2}",
            naming.partition(self).partition,
            naming.account_id(self),
            naming.resource("database"),
        )
        durability = naming.environment.durability
        archive = durability.archive
        photos = self._bucket("photos", keys.data, PHOTO_VERSIONS_DAYS)
        backups = self._bucket(
            "backups",
            keys.backups,
            archive.retention_days if archive else PHOTO_VERSIONS_DAYS,
            archive.object_lock_days if archive else None,
            members,
        )
        self.photos, self.photos_arn = photos.bucket, photos.arn
        #: Where the photos are read, without a login; None where the web hosts send them.
        self.cdn_url = self._cdn.url if self._cdn else None
        self.backups, self.backups_arn = backups.bucket, backups.arn
        self.register_outputs({"photos": self.photos, "backups": self.backups})

    def log_backups(self, log: Log) -> None:
        """Log who read a backup. Not of photos: each call would be a line, and the load balancer logs one."""
        aws.s3.BucketLogging(
            self.naming.resource("backups"),
            bucket=self.backups,
            target_bucket=log.bucket.id,
            target_prefix=BACKUPS_PREFIX,
            # S3 checks that it may write.
            opts=self.of(depends_on=log.writable),
        )

    def _bucket(
        self,
        what: str,
        key: aws.kms.Key,
        versions_days: int,
        lock_days: int | None = None,
        writer: pulumi.Input[str] | None = None,
    ) -> aws.s3.Bucket:
        name = self.naming.resource(what)
        bucket = aws.s3.Bucket(
            name,
            force_destroy=False,
            tags=self.naming.tags(Name=self.naming.label(what), Tier="data"),
            # Pulumi deletes what depends first, and nothing after a failure: S3 refuses to delete a bucket
            # with objects, and their key stays.
            opts=self.of(protect=True, depends_on=[key]),
        )
        aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._setting(),
        )
        aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self._setting(),
        )
        encryption = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms", kms_master_key_id=key.arn
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=encryption, bucket_key_enabled=True
                )
            ],
            opts=self._setting(),
        )
        reader = None
        if what == "photos" and self.naming.settings.cdn == "cloudfront":
            self._cdn = Cdn(self.naming, bucket)
            reader = self._cdn.distribution_arn
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self._setting(),
        )
        aws.s3.BucketPolicy(
            name,
            bucket=bucket.id,
            policy=pulumi.Output.all(bucket.arn, writer, reader).apply(lambda known: bucket_policy(*known)),
            opts=self._setting(),
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
                opts=self._setting(depends_on=[versioning]),
            )
        return bucket

    def _setting(self, **options: Any) -> pulumi.ResourceOptions:  # noqa: ANN401 - the SDK checks them
        """The options of a bucket's setting. It ends with its bucket and is never deleted on its own: a
        bucket that could not be deleted would stay open to all that its policy denies."""
        return self.of(protect=True, retain_on_delete=True, **options)

    def _lifecycle(
        self, name: str, bucket: aws.s3.Bucket, versions_days: int, versioning: pulumi.Resource
    ) -> None:
        """A deleted object stays as a version for `versions_days`."""
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
            opts=self._setting(depends_on=[versioning]),
        )
