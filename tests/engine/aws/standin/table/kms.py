"""KMS keys and their aliases."""

from __future__ import annotations

from standin.account import Account
from standin.row import Found, Look, Row, Step, Values, names


def _found(answer: Values, identity: str, inputs: Values) -> Found:
    key = answer["KeyMetadata"]
    return None if key["KeyState"] == "PendingDeletion" else key


def _rotation(account: Account, identity: str, news: Values, olds: Values) -> None:
    operation = "enable_key_rotation" if news.get("enableKeyRotation") else "disable_key_rotation"
    account.call("kms", operation, KeyId=identity)


def _start(account: Account, identity: str, inputs: Values) -> None:
    if inputs.get("enableKeyRotation"):
        _rotation(account, identity, inputs, {})


def _seen(account: Account, identity: str, inputs: Values, found: Values) -> Values:
    if "enableKeyRotation" not in inputs:
        return {}
    return {
        "enableKeyRotation": account.call("kms", "get_key_rotation_status", KeyId=identity)[
            "KeyRotationEnabled"
        ]
    }


def _alias(answer: Values, identity: str, inputs: Values) -> Found:
    return next((one for one in answer["Aliases"] if one["AliasName"] == identity), None)


ROWS = {
    "aws:kms/key:Key": Row(
        service="kms",
        create="create_key",
        identity="KeyMetadata.KeyId",
        read=Look("describe_key", lambda i, n: {"KeyId": i}, _found),
        delete=(
            "schedule_key_deletion",
            lambda i, n: {"KeyId": i, "PendingWindowInDays": n.get("deletionWindowInDays") or 30},
        ),
        tagged=True,
        new=names("customerMasterKeySpec keyUsage customKeyStoreId multiRegion xksKeyId"),
        own=names("enableKeyRotation deletionWindowInDays"),
        changes={"enableKeyRotation": _rotation},
        after=_start,
        steps=(
            Step(
                "put_key_policy",
                ("policy",),
                # The one name there is. Source: AWS KMS API reference, PutKeyPolicy.
                lambda n, i: {"keyId": i, "policyName": "default", "policy": n.get("policy")},
                on_create=False,
            ),
            Step(
                "update_key_description",
                ("description",),
                lambda n, i: {"keyId": i, "description": n.get("description", "")},
                on_create=False,
            ),
        ),
        seen=_seen,
        outputs=lambda account, i, n, found: {"keyId": i, "arn": found.get("Arn")},
    ),
    "aws:kms/alias:Alias": Row(
        service="kms",
        create="create_alias",
        identity=lambda answer, n: n["name"],
        read=Look("list_aliases", lambda i, n: {}, _alias),
        delete=("delete_alias", lambda i, n: {"AliasName": i}),
        rename={"name": "aliasName"},
        new=names("name namePrefix"),
        auto="name",
        steps=(
            Step(
                "update_alias",
                ("targetKeyId",),
                lambda n, i: {"aliasName": i, "targetKeyId": n["targetKeyId"]},
                on_create=False,
            ),
        ),
        blind=names("targetKeyId"),
        outputs=lambda account, i, n, found: {"arn": found.get("AliasArn")},
    ),
}
