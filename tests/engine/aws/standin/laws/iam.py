"""Laws of policies, and of what S3 wants before it takes a setting."""

from __future__ import annotations

import json
from typing import Any

from infra.plugin.marshalling import UNKNOWN
from standin.laws.look import Values
from standin.row import Refused

#: Characters without white space. Source: IAM, "IAM and AWS STS quotas".
_MANAGED, _INLINE = 6_144, 10_240


def document(text: str | None, most: int = 0) -> None:
    """Raises `Refused` for what is not a policy."""
    if text in (None, UNKNOWN):
        return
    try:
        read = json.loads(text)
    except ValueError:
        raise Refused("MalformedPolicyDocument", "this policy contains invalid JSON") from None
    if not isinstance(read, dict) or "Statement" not in read:
        raise Refused("MalformedPolicyDocument", "this policy has no Statement")
    for statement in read["Statement"] if isinstance(read["Statement"], list) else [read["Statement"]]:
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise Refused(
                "MalformedPolicyDocument", f"Effect is {statement.get('Effect')!r}, not Allow or Deny"
            )
        if not {"Action", "NotAction"} & set(statement):
            raise Refused("MalformedPolicyDocument", "a statement has no Action")
    size = len("".join(text.split()))
    if most and size > most:
        raise Refused("LimitExceeded", f"the policy has {size} characters, and {most} are allowed")


def _role(account: Any, request: Values) -> None:
    document(request["AssumeRolePolicyDocument"])


def _managed(account: Any, request: Values) -> None:
    document(request["PolicyDocument"], _MANAGED)


def _inline(account: Any, request: Values) -> None:
    document(request["PolicyDocument"], _INLINE)


def _bucket_policy(account: Any, request: Values) -> None:
    document(request["Policy"])
    bucket = request["Bucket"]
    for statement in json.loads(request["Policy"])["Statement"]:
        named = statement.get("Resource", [])
        for resource in [named] if isinstance(named, str) else named:
            if not resource.startswith(f"arn:aws:s3:::{bucket}"):
                raise Refused(
                    "MalformedPolicy", f"policy has invalid resource {resource}, the bucket is {bucket}"
                )


def _object_lock(account: Any, request: Values) -> None:
    versioning = account.call("s3", "get_bucket_versioning", Bucket=request["Bucket"])
    if versioning.get("Status") != "Enabled":
        raise Refused("InvalidBucketState", "versioning must be enabled on the bucket to apply object lock")


LAWS = {
    "create_role": _role,
    "update_assume_role_policy": lambda account, request: document(request["PolicyDocument"]),
    "create_policy": _managed,
    "create_policy_version": _managed,
    "put_role_policy": _inline,
}
S3 = {"put_bucket_policy": _bucket_policy, "put_object_lock_configuration": _object_lock}
