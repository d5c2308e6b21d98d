"""Pure: what the policies of the buckets deny, whatever a role allows."""

from __future__ import annotations

import json
from typing import Any

from infra.aws.policy_document import policy_document


def bucket_policy(arn: str, writer: str | None, distribution: str | None = None) -> str:
    """TLS only, the bucket's own encryption only, and `writer` alone writes; without one, nothing is
    overwritten."""
    objects = f"{arn}/*"
    statements: list[dict[str, Any]] = [
        tls_only(arn),
        # A request that names no encryption gets the bucket's.
        deny(
            "OurEncryptionOnly",
            "s3:PutObject",
            [objects],
            {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
            },
        ),
        no_customer_keys(objects),
    ]
    if writer:
        actions = ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
        only = {"ArnNotEquals": {"aws:PrincipalArn": writer}}
        statements.append(deny("OneWriterOnly", actions, [objects], only))
    else:
        # An upload must name `If-None-Match: *`, which S3 refuses where the key exists. CreateMultipartUpload
        # and UploadPart take no such header and are exempt; the upload's completion is not. Copies are
        # refused. Source: Amazon S3 user guide, "Enforce conditional writes on Amazon S3 buckets".
        statements.append(
            deny(
                "NoOverwriting",
                "s3:PutObject",
                [objects],
                {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
            )
        )
    if distribution:
        # Source: Amazon CloudFront developer guide, "Restrict access to an Amazon S3 origin". A fixed
        # source: S3 takes the policy for a public one otherwise, and refuses it.
        statements.append(
            {
                "Sid": "TheCdnReads",
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": objects,
                "Condition": {"StringEquals": {"aws:SourceArn": distribution}},
            }
        )
    return json.dumps(policy_document(*statements))


def tls_only(arn: str) -> dict[str, Any]:
    """Deny every request without TLS to the bucket `arn` and its objects."""
    return deny("TlsOnly", "s3:*", [arn, f"{arn}/*"], {"Bool": {"aws:SecureTransport": "false"}})


def no_customer_keys(objects: str) -> dict[str, Any]:
    """Deny SSE-C: an object under a key that the writer brings is lost to everybody else.

    Source: Amazon S3 user guide, "Using server-side encryption with customer-provided keys".
    """
    return deny(
        "NoCustomerKeys",
        "s3:PutObject",
        [objects],
        {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
    )


def deny(sid: str, action: str | list[str], resource: list[str], condition: dict[str, Any]) -> dict[str, Any]:
    """A statement that denies `action` to everybody when `condition` holds."""
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }
