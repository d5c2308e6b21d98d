"""The permissions boundary that an environment may declare: every role has it, and it allows what they do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.errors import EnvironmentInvalid
from infra.paths import ROOT
from tests.support.aws.mocks import ACCOUNT, PARTITION, REGION, Recorded, arn
from tests.support.aws.whole import whole
from tests.support.aws_environments import STACKS, parsed
from tests.support.iam import Request, decide

NAME = "flashtier-boundary"


def roles(stack: str, **changes: Any) -> list[Recorded]:
    return whole(stack, **changes).recorded.of("aws:iam/role:Role")


def test_every_role_has_it_if_it_is_declared() -> None:
    found = roles("dev", aws__permissions_boundary=NAME)
    assert len(found) == len(roles("dev")) >= 5
    assert {one.inputs["permissionsBoundary"] for one in found} == {
        f"arn:{PARTITION}:iam::{ACCOUNT}:policy/{NAME}"
    }
    assert not any("permissionsBoundary" in one.inputs for one in roles("dev"))


@pytest.mark.parametrize("name", ["arn:aws:iam::1:policy/x", "path/x", "", "x" * 129])
def test_it_is_declared_by_its_name(name: str) -> None:
    with pytest.raises(EnvironmentInvalid, match="permissions_boundary"):
        parsed("prod", aws__permissions_boundary=name)


def real(text: str, found: list[Recorded]) -> str:
    """With ARNs of the form that AWS gives to keys and groups of logs; the mocks' have another."""
    for one in found:
        kind = {"Key": f"kms:{REGION}:{ACCOUNT}:key/", "LogGroup": f"logs:{REGION}:{ACCOUNT}:log-group:/"}
        prefix = kind.get(one.type.rpartition(":")[2])
        if prefix:
            text = text.replace(arn(one.type, one.name), f"arn:{PARTITION}:{prefix}{one.name}")
    return text


def boundary(stack: str) -> Any:
    text = (ROOT / "docs/ci/aws/boundary.json").read_text()
    for given, wanted in (
        ("arn:aws:", f"arn:{PARTITION}:"),
        ("111122223333", ACCOUNT),
        ("us-east-1", REGION),
        ("flashtier-prod-", f"flashtier-{stack}-"),
        ('"prod"', f'"{stack}"'),
    ):
        assert given in text
        text = text.replace(given, wanted)
    return json.loads(text)


def requests(stack: str) -> Iterator[tuple[str, Request]]:
    """One request for each action on each resource that a role's own policy allows."""
    found = whole(stack).recorded.resources
    for one in whole(stack).recorded.of("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(real(one.inputs["policy"], found))["Statement"]:
            actions, resources = (
                [value] if isinstance(value, str) else value
                for value in (statement["Action"], statement["Resource"])
            )
            for action in actions:
                for on in resources:
                    yield (
                        one.name,
                        Request(action, on.replace("*", "x") if on != "*" else on, context(stack, one)),
                    )


def context(stack: str, policy: Recorded) -> dict[str, str]:
    return {
        "aws:resourceaccount": ACCOUNT,
        "aws:resourcetag/environment": stack,
        "aws:resourcetag/tier": "database",
        "kms:viaservice": f"s3.{REGION}.amazonaws.com",
        "aws:principalarn": f"arn:{PARTITION}:iam::{ACCOUNT}:role/{policy.name}",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_it_allows_all_that_the_kits_roles_do(stack: str) -> None:
    limits = boundary(stack)
    asked = list(requests(stack))
    assert len(asked) > 20
    outside = [
        f"{role}: {request.action} on {request.resource}"
        for role, request in asked
        if decide([limits], request) != "allow"
    ]
    assert outside == [], "add them to docs/ci/aws/boundary.json"
