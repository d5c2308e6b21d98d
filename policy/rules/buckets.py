"""public-bucket: no bucket can be read or written by everyone, and none can become so later.

Who a bucket's policy allows is judged by open-principal.
"""

from __future__ import annotations

from collections.abc import Iterator

from .encryption import BUCKETS
from .resource import Resource, Stack, Unknown, Violation

BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ACLS = ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2")
SWITCHES = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read", "website")


def public(resource: Resource) -> Iterator[Violation]:
    """An access block that lets something through, or a public ACL."""
    if resource.type == BLOCK:
        off = [name for name in SWITCHES if not isinstance(resource.get(name), Unknown | bool)]
        off += [name for name in SWITCHES if resource.get(name) is False]
        if off:
            yield Violation(resource, f"{', '.join(off)} not set", "set all four of them to True")
    if resource.type in (*BUCKETS, *ACLS) and resource.get("acl") in PUBLIC_ACLS:
        yield Violation(resource, f"the ACL is {resource.get('acl')}", "remove it; a bucket needs no ACL")


def blocked(stack: Stack) -> Iterator[Violation]:
    """Every bucket has its public access block."""
    blocks = stack.of(BLOCK)
    for bucket in stack.of(*BUCKETS):
        if not any(stack.means(one, "bucket", bucket, "bucket") for one in blocks):
            yield Violation(
                bucket, "nothing blocks public access to the bucket", "add a BucketPublicAccessBlock for it"
            )
