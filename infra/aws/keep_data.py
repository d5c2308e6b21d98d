"""Pure: the documents of the policy `keep-data` and of the break-glass role.

Source of actions and of what each can be tied to: AWS Service Authorization Reference (EC2, S3, KMS, IAM).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.aws.policy_document import policy_document

#: What erases drives or removes a volume of a database host, and what lifts the guard against it.
FATAL_EC2 = (
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyInstanceMaintenanceOptions",
    "ec2:CreateReplaceRootVolumeTask",
    "ec2:DetachVolume",
    "ec2:DeleteVolume",
)
#: What makes all that a key encrypts unreadable, or lets others decide about the key.
FATAL_KMS = ("kms:DisableKey", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy")
#: What repairs a key.
REPAIR_KMS = ("kms:EnableKey", "kms:CancelKeyDeletion", "kms:DescribeKey")
#: What removes objects later (lifecycle), gives them away or opens them (policy, public access, replication),
#: stops keeping old versions, or changes how they are encrypted and locked.
FATAL_S3 = (
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
    "s3:BypassGovernanceRetention",
)
#: What changes the guard itself, its role or its policy.
FATAL_IAM = (
    "iam:AttachRolePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
)
#: The tags by which the policy identifies hosts and volumes; whoever changes them gets around it.
IDENTIFYING_TAGS = ("Tier", "Environment")
#: What the commands of the procedure read, `aws ec2 wait` included. EC2 ties none of them to a resource.
READS = ("ec2:DescribeInstances", "ec2:DescribeInstanceAttribute", "ec2:DescribeVolumes")


@dataclass(frozen=True)
class Guarded:
    """What the policy is about: ARNs of the keys and buckets that hold data, and where the stack's hosts
    are."""

    stack: str
    partition: str
    region: str
    account: str
    keys: list[str]
    buckets: list[str]

    @property
    def hosts(self) -> list[str]:
        prefix = f"arn:{self.partition}:ec2:{self.region}:{self.account}"
        return [f"{prefix}:instance/*", f"{prefix}:volume/*"]

    @property
    def of_database(self) -> dict[str, dict[str, str]]:
        return {
            "StringEquals": {"aws:ResourceTag/Tier": "database", "aws:ResourceTag/Environment": self.stack}
        }


def denied(guarded: Guarded, break_glass: str, policy_name: str) -> dict[str, Any]:
    """The policy `keep-data`; `break_glass` is the role's ARN, `policy_name` the policy's own name."""
    others = {"ArnNotEquals": {"aws:PrincipalArn": break_glass}}
    itself = f"arn:{guarded.partition}:iam::{guarded.account}:policy/{policy_name}"

    def deny(
        sid: str, actions: tuple[str, ...], resources: list[str], **when: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Action": list(actions),
            "Resource": resources,
            "Condition": {**when, **others},
        }

    return policy_document(
        deny("KeepDrivesOfTheDatabase", FATAL_EC2, guarded.hosts, **guarded.of_database),
        deny(
            "KeepTheIdentifyingTags",
            ("ec2:CreateTags", "ec2:DeleteTags"),
            guarded.hosts,
            **guarded.of_database,
            # Names of condition keys have no case in IAM, tags have: with a second tag `tier`,
            # aws:ResourceTag/Tier may be either. Source: IAM user guide, "aws:ResourceTag/tag-key".
            **{"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": list(IDENTIFYING_TAGS)}},
        ),
        deny("KeepKeys", FATAL_KMS, guarded.keys),
        deny("KeepBuckets", FATAL_S3, [*guarded.buckets, *(f"{arn}/*" for arn in guarded.buckets)]),
        deny("KeepTheGuard", FATAL_IAM, [break_glass, itself]),
    )


def allowed(guarded: Guarded) -> dict[str, Any]:
    """What the break-glass role may do, and to what."""
    return policy_document(
        {
            "Sid": "HostsOfTheDatabase",
            "Effect": "Allow",
            "Action": list(FATAL_EC2),
            "Resource": guarded.hosts,
            "Condition": guarded.of_database,
        },
        {
            "Sid": "Keys",
            "Effect": "Allow",
            "Action": [*FATAL_KMS, *REPAIR_KMS],
            "Resource": guarded.keys,
        },
        {
            "Sid": "Buckets",
            "Effect": "Allow",
            # What is under Object Lock stays until its day also for this role.
            "Action": [action for action in FATAL_S3 if action != "s3:BypassGovernanceRetention"],
            "Resource": guarded.buckets,
        },
        {"Sid": "Reads", "Effect": "Allow", "Action": list(READS), "Resource": "*"},
    )


def trust(guarded: Guarded, roles: tuple[str, ...]) -> dict[str, Any]:
    """Sessions of the account's roles in `roles` (names with path, `*` for any part) may assume it.

    Not a condition on aws:MultiFactorAuthPresent: only sessions that an IAM user opens with a device carry
    that key, sessions of IAM Identity Center and of a federated identity never do. There the identity
    provider asks for the second factor. Source: IAM user guide, "aws:MultiFactorAuthPresent".
    """
    prefix = f"arn:{guarded.partition}:iam::{guarded.account}"
    return policy_document(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"{prefix}:root"},
            "Condition": {"ArnLike": {"aws:PrincipalArn": [f"{prefix}:role/{role}" for role in roles]}},
        }
    )
