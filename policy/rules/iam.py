"""iam-wildcard and iam-escalation: a role may do what it needs, on what it needs, and make itself no more."""

from __future__ import annotations

from collections.abc import Iterator

from . import conditions
from .documents import Statement, Unreadable, allowed
from .matching import matches, names_one, wild
from .resource import Resource, Stack, Unknown, Violation

KEY = "aws:kms/key:Key"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"

#: Patterns of actions that are allowed as they stand, in lower case, and why.
PATTERNS = {
    "ec2:describe*": "lists; EC2 has no resource for almost all of them",
    "elasticloadbalancing:describe*": "lists; the service has no resource for them",
    "health:describe*": "lists; events of AWS Health are the account's",
    "kms:generatedatakey*": "one right in two calls: with and without the key in plain text",
}
#: Actions that IAM cannot tie to a resource, and why they need Resource "*". Source: the column
#: "Resource types" of each service in AWS's Service Authorization Reference, empty for these.
WITHOUT_RESOURCE = {
    "ec2:Describe*": "lists; EC2 has no resource for almost all of them",
    "cloudwatch:PutMetricData": "a metric has no ARN; tie it with the condition cloudwatch:namespace",
    "cloudwatch:GetMetricData": "a metric has no ARN",
    "cloudwatch:ListMetrics": "lists",
    "ecr:GetAuthorizationToken": "a token is for the registry as a whole",
    "elasticloadbalancing:Describe*": "lists; the service has no resource for them",
    "health:Describe*": "lists; events of AWS Health are the account's",
    "s3:ListAllMyBuckets": "lists",
    "sts:GetCallerIdentity": "reports the caller",
}

#: With these a role gets more rights than it was given, unless what they make carries a permissions boundary.
#: Source: Service Authorization Reference, IAM: the actions with the condition key iam:PermissionsBoundary.
BOUNDED = (
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
)
BOUNDARY = frozenset({"iam:permissionsboundary"})
#: With these, too, and IAM has no condition that would hold them.
UNBOUNDED = (
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreateServiceSpecificCredential",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:PutGroupPolicy",
    "iam:ResetServiceSpecificCredential",
    "iam:UpdateLoginProfile",
)
PASS = "iam:PassRole"  # noqa: S105 - the name of an action
PASSED_TO = frozenset({"iam:passedtoservice"})

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
#: Where a role or a user is given policies by their ARN.
ATTACHED = ("policyArn", "policyArns", "managedPolicyArns", "managedPolicyArn")


def wildcards(resource: Resource) -> Iterator[Violation]:
    """No pattern of actions but those above, no Not..., and Resource "*" only where IAM knows no other."""
    for statement in _statements(resource):
        for action in statement.actions:
            if wild(action) and not _may_be_pattern(resource, statement, action):
                yield Violation(resource, f"action {action!r} is allowed", "list the actions that are needed")
        if statement.not_actions:
            yield Violation(resource, "NotAction allows all other actions", "list what is needed in Action")
        if statement.not_resources:
            yield Violation(
                resource, "NotResource allows all other resources", "list what is needed in Resource"
            )
        if not statement.of_resource:
            yield from _resources(resource, statement)


def _statements(resource: Resource) -> list[Statement]:
    try:
        return list(allowed(resource))
    except Unreadable:
        return []  # open-principal reports it


def _may_be_pattern(resource: Resource, statement: Statement, action: str) -> bool:
    if action.lower() in PATTERNS:
        return True
    # A key that its account cannot administer is lost, so KMS's own default is this statement. An endpoint
    # gives no rights: it lets pass what a policy elsewhere allows. open-principal judges who.
    return (resource.type == KEY and action.lower() == "kms:*") or (
        resource.type == ENDPOINT
        and action.lower() == "s3:*"
        and conditions.ties(statement.condition, conditions.TARGET)
    )


def _resources(resource: Resource, statement: Statement) -> Iterator[Violation]:
    tied = conditions.ties_by_tag(statement.condition)
    wide = [one for one in statement.resources if not names_one(one, tied=tied)]
    needs = [action for action in statement.actions if not _has_no_resource(action)]
    if wide and needs:
        yield Violation(
            resource,
            f"resource {', '.join(map(repr, wide))} for {', '.join(needs)}",
            "name the ARNs; if IAM has no resource for it, add it with the reason to policy/rules/iam.py",
        )


def _has_no_resource(action: str) -> bool:
    return any(matches(known, action) for known in WITHOUT_RESOURCE)


def escalation(resource: Resource) -> Iterator[Violation]:
    """A policy with which a role could give itself, or another, more rights than it has."""
    for statement in _statements(resource):
        if statement.of_resource:
            continue
        if could := [one for one in UNBOUNDED if _allows(statement, one)]:
            yield Violation(resource, f"{', '.join(could)} gives itself any right", "remove it")
        could = [one for one in BOUNDED if _allows(statement, one)]
        if could and not conditions.ties(statement.condition, BOUNDARY):
            yield Violation(
                resource,
                f"{', '.join(could)} gives others any right",
                "add StringEquals on iam:PermissionsBoundary with the ARN of the boundary",
            )
        if _allows(statement, PASS) and not conditions.ties(statement.condition, PASSED_TO):
            yield Violation(
                resource,
                f"{PASS} hands a role to any service",
                "add StringEquals on iam:PassedToService with the service",
            )


def _allows(statement: Statement, action: str) -> bool:
    if statement.not_actions:
        return not any(matches(pattern, action) for pattern in statement.not_actions)
    return any(matches(pattern, action) for pattern in statement.actions)


def managed(resource: Resource) -> Iterator[Violation]:
    """No policy that AWS manages: AWS widens it, and none of them is tied to one environment."""
    for arn in _attached(resource):
        if isinstance(arn, str) and matches("arn:*:iam::aws:policy/*", arn):
            yield Violation(
                resource,
                f"{arn} is attached",
                "attach a policy of the stack with the actions that are needed",
            )


def unjudged(stack: Stack) -> Iterator[Violation]:
    """A policy or a role that the stack does not declare: none of these rules has judged it."""
    declared = {one.get("arn") for one in stack.of(POLICY)}
    for resource in stack.resources:
        for arn in _attached(resource):
            if isinstance(arn, str) and arn not in declared and not matches("arn:*:iam::aws:policy/*", arn):
                yield Violation(
                    resource,
                    f"{arn} is attached and not of this stack",
                    "declare it as a Policy of the stack",
                )

    roles = stack.of(ROLE)
    for profile in stack.of(PROFILE):
        if not any(stack.means(profile, "role", role, "name") for role in roles):
            yield Violation(
                profile,
                f"role {profile.get('role')} of the profile is not of this stack",
                "declare it as a Role of the stack",
            )


def _attached(resource: Resource) -> Iterator[object]:
    for key in ATTACHED:
        value = resource.get(key)
        yield from value if isinstance(value, list) else [value]


def boundaries(stack: Stack) -> Iterator[Violation]:
    """Where one role of the stack has a permissions boundary, all have the same."""
    roles = stack.of(ROLE)
    bounded = sorted({str(one.get("permissionsBoundary")) for one in roles if one.get("permissionsBoundary")})
    for role in roles:
        has = role.get("permissionsBoundary")
        if bounded and not isinstance(has, Unknown) and has != bounded[0]:
            yield Violation(
                role,
                f"its permissions boundary is {has or 'not set'}, and other roles have {bounded[0]}",
                "set permissions_boundary to the same one",
            )
