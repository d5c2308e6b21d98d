"""Roles that may do more than they need: case: (rule, resource, what the rule reports)."""

from __future__ import annotations

from policy.rules.resource import Resource
from tests.support.policy.judge import ACCOUNT, allows, resource
from tests.support.policy.shapes import OBJECTS, POLICY, ROLE, may

WRONG: dict[str, tuple[str, Resource, str]] = {
    # What may be done.
    "action s3:**": ("iam-wildcard", may(Action="s3:**", Resource=OBJECTS), "action 's3:**'"),
    "action *:*": ("iam-wildcard", may(Action="*:*", Resource=OBJECTS), "action '*:*'"),
    "action **": ("iam-wildcard", may(Action="**", Resource=OBJECTS), "action '**'"),
    "action s3:?*": ("iam-wildcard", may(Action="s3:?*", Resource=OBJECTS), "action 's3:?*'"),
    "action s3:*Object": ("iam-wildcard", may(Action=["s3:*Object"], Resource=OBJECTS), "'s3:*Object'"),
    "action S3:*": ("iam-wildcard", may(Action="S3:*", Resource=OBJECTS), "action 'S3:*'"),
    "statement in small letters": (
        "iam-wildcard",
        resource(POLICY, policy='{"statement": {"effect": "Allow", "action": "s3:*", "resource": "*"}}'),
        "action 's3:*'",
    ),
    "inline policy of a role": (
        "iam-wildcard",
        resource(ROLE, inlinePolicies=[{"name": "p", "policy": allows(Action="s3:Put*", Resource=OBJECTS)}]),
        "action 's3:Put*'",
    ),
    # On what.
    "all objects of all buckets": (
        "iam-wildcard",
        may(Action="s3:GetObject", Resource="arn:aws:s3:::*/*"),
        "resource 'arn:aws:s3:::*/*'",
    ),
    "buckets by a prefix": (
        "iam-wildcard",
        may(Action="s3:GetObject", Resource="arn:aws:s3:::flashtier-*/x"),
        "resource",
    ),
    "bucket of one more letter": (
        "iam-wildcard",
        may(Action="s3:GetObject", Resource="arn:aws:s3:::?*"),
        "resource",
    ),
    "bucket that the caller's tag names": (
        "iam-wildcard",
        may(Action="s3:GetObject", Resource="arn:aws:s3:::${aws:PrincipalTag/b}/*"),
        "resource",
    ),
    "incomplete ARN": (
        "iam-wildcard",
        may(Action="s3:GetObject", Resource="arn:aws:s3"),
        "resource 'arn:aws:s3'",
    ),
    "star that reaches over colons": (
        "iam-wildcard",
        may(Action="s3:GetObject", Resource="arn:aws:*"),
        "resource",
    ),
    "any account's": (
        "iam-wildcard",
        may(Action="sns:Publish", Resource="arn:aws:sns:us-east-1:*:flashtier-x"),
        "resource",
    ),
    "all roles": (
        "iam-wildcard",
        may(Action="iam:GetRole", Resource=f"arn:aws:iam::{ACCOUNT}:role/*"),
        "resource",
    ),
    "** as resource": ("iam-wildcard", may(Action="s3:GetObject", Resource="**"), "resource '**'"),
    # More rights than given.
    "AdministratorAccess": (
        "managed-policy",
        resource(
            "iam/rolePolicyAttachment:RolePolicyAttachment",
            policyArn="arn:aws:iam::aws:policy/AdministratorAccess",
        ),
        "AdministratorAccess is attached",
    ),
    "a managed policy of a job": (
        "managed-policy",
        resource(ROLE, managedPolicyArns=["arn:aws:iam::aws:policy/job-function/SystemAdministrator"]),
        "is attached",
    ),
    "a managed policy in GovCloud": (
        "managed-policy",
        resource(
            "iam/policyAttachment:PolicyAttachment", policyArn="arn:aws-us-gov:iam::aws:policy/IAMFullAccess"
        ),
        "is attached",
    ),
    "a policy of the account that no rule has judged": (
        "managed-policy",
        resource(
            "iam/rolePolicyAttachment:RolePolicyAttachment",
            policyArn=f"arn:aws:iam::{ACCOUNT}:policy/everything",
        ),
        "not of this stack",
    ),
    "a role of the account that no rule has judged": (
        "managed-policy",
        resource("iam/instanceProfile:InstanceProfile", role="Administrator"),
        "not of this stack",
    ),
    "roles without a boundary": (
        "iam-escalation",
        may(Action="iam:CreateRole", Resource=f"arn:aws:iam::{ACCOUNT}:role/flashtier-x-*"),
        "iam:PermissionsBoundary",
    ),
    "any role to any service": (
        "iam-escalation",
        may(Action="iam:PassRole", Resource=f"arn:aws:iam::{ACCOUNT}:role/flashtier-x-*"),
        "iam:PassedToService",
    ),
    "keys for any user": (
        "iam-escalation",
        may(Action="iam:CreateAccessKey", Resource=f"arn:aws:iam::{ACCOUNT}:user/flashtier-x"),
        "gives itself any right",
    ),
}
