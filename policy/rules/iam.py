"""iam-wildcard: a role may do what it needs, on what it needs."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from .documents import Statement, statements
from .resource import Resource, Violation

#: Where each type has its document. A KMS key's own policy is not among them: there `kms:*` for the account
#: is what keeps the key from being lost, and Resource "*" means that key alone.
IDENTITY = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
}
#: Policies of resources: their Resource is the resource itself, so only the actions are judged.
OF_RESOURCES = {
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
}
ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
#: Managed policies of AWS that are a wildcard by another name.
TOO_WIDE = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")

#: Actions that IAM cannot tie to a resource, and why Resource "*" is all they take. Source: the column
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
    "sts:GetCallerIdentity": "is about the caller",
}


def _is_wide(resource: str) -> bool:
    """`*`, or an ARN of which only the service is given."""
    parts = resource.split(":", 5)
    return resource == "*" or (len(parts) == 6 and parts[0] == "arn" and parts[5] == "*")


def _has_no_resource(action: str) -> bool:
    return any(fnmatch.fnmatchcase(action, known) for known in WITHOUT_RESOURCE)


def _of(resource: Resource, statement: Statement, *, with_resources: bool) -> Iterator[Violation]:
    if not statement.allows:
        return
    for action in statement.actions:
        if action == "*" or action.endswith(":*"):
            yield Violation(resource, f"action {action!r} is allowed", "list the actions that are needed")
    if statement.not_actions:
        yield Violation(resource, "NotAction allows all other actions", "list what is needed in Action")
    if not with_resources:
        return
    if statement.not_resources:
        yield Violation(resource, "NotResource allows all other resources", "list what is needed in Resource")
    if any(map(_is_wide, statement.resources)):
        tied = [action for action in statement.actions if not _has_no_resource(action)]
        if tied:
            yield Violation(
                resource,
                f"resource '*' for {', '.join(tied)}",
                "name the ARNs; if IAM has no resource for it, add it with the reason to policy/rules/iam.py",
            )


def wildcards(resource: Resource) -> Iterator[Violation]:
    """No `*`, `service:*` or Not... in what is allowed, and Resource "*" only where IAM knows no other."""
    for types, with_resources in ((IDENTITY, True), (OF_RESOURCES, False)):
        if resource.type in types:
            for statement in statements(resource.get(types[resource.type])):
                yield from _of(resource, statement, with_resources=with_resources)
    if resource.type == ROLE:
        for inline in resource.parts("inlinePolicies"):
            for statement in statements(inline.get("policy")):
                yield from _of(resource, statement, with_resources=True)
    arn = resource.get("policyArn") if resource.type == ATTACHMENT else None
    if isinstance(arn, str) and arn.rpartition("/")[2] in TOO_WIDE:
        yield Violation(resource, f"{arn} is attached", "attach a policy with the actions that are needed")
