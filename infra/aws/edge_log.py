"""The load balancer's log: a line a request, in a bucket of its own that nothing else writes to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from infra.aws.edge import Edge

#: How long a request can be looked up, in days. It has addresses of people in it: not for ever.
RETENTION_DAYS = 90

#: Who writes the logs, in every region. Source: Elastic Load Balancing, "Enable access logs for your ALB".
WRITER = "logdelivery.elasticloadbalancing.amazonaws.com"


def edge_log(edge: Edge, keep: bool) -> tuple[aws.s3.Bucket, list[pulumi.Resource]]:
    """The bucket, and what must exist before a load balancer may name it.

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
    aws.s3.BucketLifecycleConfiguration(
        name,
        bucket=bucket.id,
        rules=[
            {
                "id": "expire",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "expiration": {"days": RETENTION_DAYS},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
            }
        ],
        opts=edge.of(),
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
    return bucket, [policy]


def _policy(bucket: str, account: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "LoadBalancersOfThisAccount",
                    "Effect": "Allow",
                    "Principal": {"Service": WRITER},
                    "Action": "s3:PutObject",
                    "Resource": f"{bucket}/AWSLogs/{account}/*",
                },
                {
                    "Sid": "OnlyTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [bucket, f"{bucket}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        }
    )
