"""The policy pack judges what the environments declare: nothing is refused, and no type is superfluous."""

from __future__ import annotations

import pytest

from infra.aws.instances import Hosts
from policy.rules import types
from policy.rules.resource import Resource, Stack
from policy.rules.table import RULES, judge_resource, judge_stack
from tests.support.aws.hosts import DRIVES, IO2, LOG, ground, host
from tests.support.aws.mocks import Recorded, Recording, run
from tests.support.aws.network_parts import environment, everything
from tests.support.aws.whole import whole
from tests.support.aws_environments import STACKS

#: Who owns it and who pays is not in every environment of the tests; the rule has tests of its own.
PAYING = {"Owner": "ops", "CostCenter": "42"}


def resource_of(recorded: Recorded) -> Resource:
    given = {key: value for key, value in recorded.inputs.get("tags", {}).items() if value}
    return Resource(
        type=recorded.type,
        name=recorded.name,
        urn=recorded.urn,
        props={**recorded.inputs, "tags": given, "id": recorded.id, "arn": recorded.arn},
        protect=recorded.options.protect,
        default_tags=PAYING,
        depends={key: list(on.urns) for key, on in recorded.options.propertyDependencies.items()},
    )


def refused(*recordings: Recording) -> list[str]:
    stack = Stack([resource_of(one) for recording in recordings for one in recording.resources])
    found = [line for rule in RULES for line in judge_stack(rule, stack, [])]
    found += [line for rule in RULES for one in stack.resources for line in judge_resource(rule, one, [])]
    return [line for line, _ in found]


@pytest.mark.parametrize("stack", STACKS)
def test_a_whole_environment(stack: str) -> None:
    for cdn in ("none", "cloudfront"):
        recorded = whole(stack, aws__cdn=cdn).recorded
        assert len(recorded.resources) > 100
        assert refused(recorded) == []


def test_every_type_that_is_allowed_is_made_by_an_environment() -> None:
    made = {one.type for stack in STACKS for one in whole(stack).recorded.resources}
    # Managed policies serve for the CDN of prod.
    assert {kind for kind in types.KNOWN - made if not kind.startswith("aws:cloudfront/")} == set()


@pytest.mark.parametrize("stack", STACKS)
def test_the_network_and_the_edge(stack: str) -> None:
    recorded = everything(environment(stack))
    assert len(recorded.resources) > 20
    assert refused(recorded) == []


@pytest.mark.parametrize(
    ("instance_type", "volumes"), [("i8g.2xlarge", (DRIVES, LOG)), ("r8gb.4xlarge", (IO2, LOG))]
)
def test_the_hosts(instance_type: str, volumes: tuple) -> None:
    tiers = {
        "database": [host("database", index, *volumes, instance_type=instance_type) for index in range(3)],
        "control": [host("control", index, LOG) for index in range(3)],
        "web": [host("web", index) for index in range(3)],
    }
    recorded = [
        run(lambda tier=tier, some=some: Hosts(ground(), tier, tuple(some), True) and None)
        for tier, some in tiers.items()
    ]
    assert refused(*recorded) == []
