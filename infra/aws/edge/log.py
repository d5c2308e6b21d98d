"""The bucket of logs: of the load balancer, a line for each request, and of S3, who read which backup."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws.bucket_policy import no_customer_keys, tls_only
from infra.aws.edge.component import EdgeComponent
from infra.aws.policy_document import policy_document

#: How long a request can be found, in days. It has addresses of people in it: not for ever.
RETENTION_DAYS = 90
#: How long a deleted log can be restored, in days: longer than it takes to notice who deleted it.
DELETED_DAYS = 14

#: Who writes the logs, in every region. Source: Elastic Load Balancing, "Enable access logs for your ALB".
WRITER = "logdelivery.elasticloadbalancing.amazonaws.com"

#: Where S3 writes who read which backup, and as whom. Source: Amazon S3 user guide, "Enabling
#: Amazon S3 server access logging", which also says why the bucket has keys of S3 and no Object Lock.
BACKUPS_PREFIX = "s3/backups/"
S3_WRITER = "logging.s3.amazonaws.com"


@dataclass(frozen=True)
class Log:
    """The bucket, and what must exist before another resource may name it as its log."""

    bucket: aws.s3.Bucket
    writable: list[pulumi.Resource]


def edge_log(edge: EdgeComponent, keep: bool) -> Log:
    """The bucket of logs.

    `keep`: it is not deleted with what is in it. Keys of S3, not of KMS: a load balancer writes to no other
    bucket.
    """
    name = edge.naming.resource("edge-log")
    bucket = aws.s3.Bucket(
        name,
        # `make down` of an environment that may be deleted deletes its logs.
        force_destroy=not keep,
        tags=edge.tags("edge-log"),
        opts=edge.of(),
    )
    closed = aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=edge.of(),
    )
    aws.s3.BucketOwnershipControls(
        name, bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=edge.of()
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=bucket.id,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
        opts=edge.of(),
    )
    versioning = aws.s3.BucketVersioning(
        name,
        bucket=bucket.id,
        versioning_configuration={"status": "Enabled"},
        opts=edge.of(),
    )
    aws.s3.BucketLifecycleConfiguration(
        name,
        bucket=bucket.id,
        rules=[
            {
                "id": "expire",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"days": RETENTION_DAYS},
                "noncurrent_version_expiration": {"noncurrent_days": DELETED_DAYS},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
            }
        ],
        opts=edge.of(depends_on=[versioning]),
    )
    policy = aws.s3.BucketPolicy(
        name,
        bucket=bucket.id,
        policy=pulumi.Output.all(bucket.arn, edge.naming.account_id(edge)).apply(
            lambda known: _policy(*known)
        ),
        # Two changes of a bucket's access at once refuse each other.
        opts=edge.of(depends_on=[closed]),
    )
    return Log(bucket, [policy])


def _policy(bucket: str, account: str) -> str:
    return json.dumps(
        policy_document(
            {
                "Sid": "LoadBalancersOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": WRITER},
                "Action": "s3:PutObject",
                "Resource": f"{bucket}/AWSLogs/{account}/*",
            },
            {
                "Sid": "S3OfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": S3_WRITER},
                "Action": "s3:PutObject",
                "Resource": f"{bucket}/{BACKUPS_PREFIX}*",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            },
            no_customer_keys(f"{bucket}/*"),
            tls_only(bucket),
        )
    )
