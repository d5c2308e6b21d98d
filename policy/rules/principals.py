"""open-principal: who may use a role, a key, a bucket, a topic or an endpoint is named.

An account by its number, a role or a user by its ARN, a service together with the account or the resource it
acts for, an identity provider together with the one identity. `*` is everyone, and so is NotPrincipal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from . import conditions
from .documents import Statement, Unreadable, allowed
from .matching import matches, wild
from .resource import Resource, Stack, Unknown, Violation

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
NAMED = re.compile(r"\d{12}|arn:[a-z-]+:(iam|sts)::\d{12}:(root|(user|role|assumed-role)/.+)")
SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazonaws\.eu)")
OIDC = re.compile(r"arn:[a-z-]+:iam::\d{12}:oidc-provider/(?P<host>.+)")

#: What a service may do without a source in a condition, and why.
WITHOUT_SOURCE = (
    # iam:PassRole decides who may give an instance a role, and it works within the account only.
    ("ec2.amazonaws.com*", "sts:AssumeRole"),
    # EventBridge names no source to topics and their keys: with a condition on it nothing would arrive.
    # Source: Amazon EventBridge, "Using resource-based policies", "Amazon SNS permissions".
    ("events.amazonaws.com", "sns:Publish"),
    ("events.amazonaws.com", "kms:Decrypt"),
    ("events.amazonaws.com", "kms:GenerateDataKey*"),
)
#: The account is in the path that AWS prescribes. Source: Elastic Load Balancing, "Enable access logs".
LOG_WRITER = "logdelivery.elasticloadbalancing.amazonaws.com"
LOG_PATH = re.compile(r"arn:[a-z-]+:s3:::[^*?/]+/(.+/)?AWSLogs/\d{12}/.*")


def strangers(resource: Resource) -> Iterator[Violation]:
    """Each principal of each statement that allows."""
    try:
        found = list(allowed(resource))
    except Unreadable as error:
        yield Violation(resource, f"its policy cannot be judged: {error}", "write it with json.dumps")
        return
    for statement in found:
        yield from _of(resource, statement)
    if (
        resource.type == ENDPOINT
        and not resource.get("policy")
        and not isinstance(resource.get("policy"), Unknown)
    ):
        yield Violation(
            resource,
            "the endpoint has no policy, which allows every account's resources",
            "give it one with a condition on aws:ResourceAccount",
        )


def _of(resource: Resource, statement: Statement) -> Iterator[Violation]:
    what = ", ".join((*statement.actions, *(f"all but {one}" for one in statement.not_actions))) or "it"
    if statement.not_principal is not None:
        yield Violation(resource, f"NotPrincipal allows {what} to all others", "name who may, in Principal")
    for kind, who in principals(statement.principal):
        if isinstance(who, Unknown):
            continue
        if fix := _fault(resource, statement, kind, str(who)):
            everyone = kind == "AWS" and wild(str(who))
            named = "everyone" if everyone else f"{kind} {who}"
            yield Violation(resource, f"the policy allows {what} to {named}", fix)


def principals(principal: object) -> Iterator[tuple[str, object]]:
    """(kind, who) of each; a bare `*` is of kind AWS."""
    if isinstance(principal, Mapping):
        for kind, value in principal.items():
            for one in value if isinstance(value, list) else [value]:
                yield str(kind), one
    elif principal is not None:
        for one in principal if isinstance(principal, list) else [principal]:
            yield "AWS", one


def _fault(resource: Resource, statement: Statement, kind: str, who: str) -> str | None:
    """The fix for a principal that is not named well enough; None for one that is."""
    condition = statement.condition
    if kind == "AWS":
        if NAMED.fullmatch(who) and not wild(who):
            return None
        keys = conditions.SOURCE | conditions.CALLER
        if resource.type == ENDPOINT:
            keys |= conditions.TARGET
        if wild(who) and conditions.ties(condition, keys):
            return None
        return "name an account, a role or a user by its ARN, or add a condition on aws:PrincipalAccount"
    if kind == "Service":
        if SERVICE.fullmatch(who) and (
            conditions.ties(condition, conditions.SOURCE) or _needs_no_source(statement, who)
        ):
            return None
        return "name one service, with a condition on aws:SourceAccount or aws:SourceArn"
    if kind == "Federated":
        found = OIDC.fullmatch(who)
        if found and all(
            conditions.ties(condition, frozenset({f"{found['host']}:{claim}".lower()}))
            for claim in ("aud", "sub")
        ):
            return None
        return "name an OIDC provider by its ARN, with StringEquals on its aud and on the whole of its sub"
    return "name an account, a role or a user in AWS, or a service in Service"


def _needs_no_source(statement: Statement, service: str) -> bool:
    if service == LOG_WRITER:
        return bool(statement.resources) and all(map(LOG_PATH.fullmatch, statement.resources))
    known = [action for pattern, action in WITHOUT_SOURCE if matches(pattern, service)]
    return bool(statement.actions) and all(action in known for action in statement.actions)


def other_accounts(stack: Stack) -> Iterator[Violation]:
    """All accounts that the policies name are one: the stack's own, by the ARNs of its resources if known."""
    named: list[tuple[Resource, str]] = []
    for resource in stack.resources:
        named += [(resource, one) for one in sorted(set(_accounts(resource)))]
    owners = Counter(filter(conditions.ACCOUNT.fullmatch, map(_owner, stack.resources)))
    counted = owners or Counter(account for _, account in named)
    if not counted:
        return
    own = min(counted, key=lambda account: (-counted[account], account))
    for resource, account in named:
        if account != own:
            yield Violation(
                resource,
                f"the policy names account {account}, and the stack is in {own}",
                "name the stack's own account",
            )


def _owner(resource: Resource) -> str:
    arn = resource.get("arn")
    return arn.split(":")[4] if isinstance(arn, str) and arn.count(":") >= 5 else ""


def _accounts(resource: Resource) -> Iterator[str]:
    try:
        found = list(allowed(resource))
    except Unreadable:
        return  # `strangers` reports it
    for statement in found:
        yield from conditions.accounts(statement.condition)
        for _, who in principals(statement.principal):
            if isinstance(who, str) and NAMED.fullmatch(who):
                yield who if who.isdigit() else who.split(":")[4]
