"""S3 buckets, and what is set on one: each a resource of its own, put as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from standin.account import Account
from standin.row import Look, Row, Values, names


def _body(inputs: Values) -> Values:
    renamed = {"objectLockEnabled": "objectLockEnabledForBucket"}
    return {renamed.get(name, name): value for name, value in inputs.items()}


def _bucket_found(account: Account, identity: str, inputs: Values) -> Values | None:
    return {} if account.look("s3", "head_bucket", Bucket=identity) is not None else None


def _delete_bucket(account: Account, identity: str, inputs: Values) -> None:
    if inputs.get("forceDestroy"):
        held = account.call("s3", "list_object_versions", Bucket=identity)
        for one in [*held.get("Versions", []), *held.get("DeleteMarkers", [])]:
            account.call("s3", "delete_object", Bucket=identity, Key=one["Key"], VersionId=one["VersionId"])
    account.call("s3", "delete_bucket", Bucket=identity)


def _bucket_outputs(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    return {
        "arn": f"arn:aws:s3:::{identity}",
        "bucketDomainName": f"{identity}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{identity}.s3.{account.region}.amazonaws.com",
    }


def _on_bucket(
    put: str,
    member: str,
    get: str,
    block: Callable[[Values], Any],
    delete: str = "",
    seen: Callable[[Values], Values] | None = None,
) -> Row:
    """`block` makes `member` of what is declared; `seen` makes what is declared of the answer of `get`."""

    def body(inputs: Values) -> Values:
        left = {k: v for k, v in inputs.items() if k not in ("bucket", "expectedBucketOwner")}
        return {"bucket": inputs["bucket"], member: block(left)}

    def no_delete(account: Account, identity: str, inputs: Values) -> None:
        """AWS has no such deletion; the setting goes with the bucket."""

    return Row(
        service="s3",
        create=put,
        identity=lambda answer, n: n["bucket"],
        read=Look(get, lambda i, n: {"Bucket": i}, lambda answer, i, n: answer),
        delete=(delete, lambda i, n: {"Bucket": i}) if delete else no_delete,
        body=body,
        new=names("bucket expectedBucketOwner"),
        puts=True,
        seen=(lambda account, i, n, found: seen(found)) if seen else None,
        blind=names("bucket"),
    )


def _encryption(left: Values) -> Values:
    made = []
    for rule in left["rules"]:
        by = rule.get("applyServerSideEncryptionByDefault") or {}
        rest = {k: v for k, v in rule.items() if k != "applyServerSideEncryptionByDefault"}
        made.append(
            {
                "ApplyServerSideEncryptionByDefault": {
                    "SSEAlgorithm": by.get("sseAlgorithm"),
                    "KMSMasterKeyID": by.get("kmsMasterKeyId"),
                },
                **rest,
            }
        )
    return {"rules": made}


def _lifecycle(left: Values) -> Values:
    made = []
    for rule in left["rules"]:
        rest = {k: v for k, v in rule.items() if k != "id"}
        kept = rest.get("filter") or {}
        # Without a filter a rule is about all objects, which the API says by an empty prefix.
        rest["filter"] = kept or {"prefix": ""}
        made.append({"ID": rule["id"], **rest})
    return {"rules": made}


def _policy_check(account: Account, inputs: Values) -> None:
    from standin.laws.iam import document
    from standin.row import Bad, Refused

    try:
        document(inputs.get("policy"))
    except Refused as error:
        raise Bad("policy", str(error)) from None


def _policy() -> Row:
    def same(account: Account, identity: str, inputs: Values, found: Values) -> Values:
        declared, shown = inputs["policy"], found["Policy"]
        return {"policy": declared if json.loads(declared) == json.loads(shown) else shown}

    row = _on_bucket(
        "put_bucket_policy",
        "policy",
        "get_bucket_policy",
        lambda left: left["policy"],
        "delete_bucket_policy",
    )
    return Row(**{**row.__dict__, "seen": same, "check": _policy_check})


def _logging() -> Row:
    def off(account: Account, identity: str, inputs: Values) -> None:
        account.call("s3", "put_bucket_logging", Bucket=identity, BucketLoggingStatus={})

    row = _on_bucket(
        "put_bucket_logging",
        "bucketLoggingStatus",
        "get_bucket_logging",
        lambda left: {"loggingEnabled": left},
        seen=lambda found: {name[0].lower() + name[1:]: value for name, value in found.items()},
    )
    read = Look("get_bucket_logging", lambda i, n: {"Bucket": i}, "LoggingEnabled")
    return Row(**{**row.__dict__, "read": read, "delete": off})


ROWS = {
    "aws:s3/bucket:Bucket": Row(
        service="s3",
        create="create_bucket",
        identity=lambda answer, n: n["bucket"],
        read=_bucket_found,
        delete=_delete_bucket,
        tagged=True,
        body=_body,
        new=names("bucket bucketPrefix objectLockEnabled"),
        own=names("forceDestroy"),
        auto="bucket",
        outputs=_bucket_outputs,
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _on_bucket(
        "put_bucket_versioning",
        "versioningConfiguration",
        "get_bucket_versioning",
        lambda left: left["versioningConfiguration"],
        seen=lambda found: {"versioningConfiguration": {"status": found.get("Status", "Suspended")}},
    ),
    "aws:s3/bucketLogging:BucketLogging": _logging(),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _on_bucket(
        "put_bucket_encryption",
        "serverSideEncryptionConfiguration",
        "get_bucket_encryption",
        _encryption,
        "delete_bucket_encryption",
        lambda found: {"rules": found["ServerSideEncryptionConfiguration"]["Rules"]},
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _on_bucket(
        "put_public_access_block",
        "publicAccessBlockConfiguration",
        "get_public_access_block",
        lambda left: left,
        "delete_public_access_block",
        lambda found: {k[0].lower() + k[1:]: v for k, v in found["PublicAccessBlockConfiguration"].items()},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _policy(),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _on_bucket(
        "put_bucket_lifecycle_configuration",
        "lifecycleConfiguration",
        "get_bucket_lifecycle_configuration",
        _lifecycle,
        "delete_bucket_lifecycle",
        lambda found: {"rules": found["Rules"]},
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": _on_bucket(
        "put_object_lock_configuration",
        "objectLockConfiguration",
        "get_object_lock_configuration",
        lambda left: {"objectLockEnabled": "Enabled", **left},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _on_bucket(
        "put_bucket_ownership_controls",
        "ownershipControls",
        "get_bucket_ownership_controls",
        lambda left: {"rules": [left["rule"]]},
        "delete_bucket_ownership_controls",
        lambda found: {"rule": found["OwnershipControls"]["Rules"][0]},
    ),
}
