"""Every request that the program makes of AWS, held against AWS's own models: patterns, lengths, counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from standin import constraints, convert, resource
from standin.row import Bad
from standin.table import TABLE

from infra.aws.naming import LONGEST_STACK
from infra.plugin.marshalling import UNKNOWN
from tests.support.aws.whole import Whole, whole
from tests.support.aws_environments import STACKS

#: What `resource` reads of an account where it makes a request and sends none.
OFFLINE: Any = SimpleNamespace(default_tags={}, region="us-east-1", number="123456789012")


#: The longest names and the widest values that an environment may declare.
WIDEST: dict[str, Any] = {
    "declared": "prod",
    "aws__owner": ("Az09 _.:/=+@-" * 10)[:128],
    "aws__cost_center": "@" * 128,
    "aws__waf": True,
}


def refused(found: Whole) -> list[str]:
    said = []
    for one in found.recorded.resources:
        if one.type not in TABLE:
            continue
        row, inputs = TABLE[one.type].offline(), dict(one.inputs)
        row.complete(inputs, one.name, "0123456", {})
        try:
            resource.check(OFFLINE, row, inputs)
        except Bad as error:
            said.append(f"{one.type} {one.name}: {error}")
    return said


@pytest.mark.parametrize("stack", STACKS)
def test_aws_takes_every_request_of_the_program(stack: str) -> None:
    assert not (said := refused(whole(stack))), "\n".join(said)


def test_aws_takes_the_longest_names_and_the_widest_values() -> None:
    stack = ("a-0" * LONGEST_STACK)[: LONGEST_STACK - 1] + "z"
    assert not (said := refused(whole(stack, **WIDEST))), "\n".join(said)


#: Operation, input, and what the models say against it.
BROKEN: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "a pattern": (
        "wafv2",
        "create_web_acl",
        {"Name": "edge", "Description": "the world's"},
        "does not match .* which EntityDescription must",
    ),
    "a pattern of a list's item": (
        "wafv2",
        "tag_resource",
        {"ResourceARN": "arn:aws:wafv2:eu-west-1:123456789012:x", "Tags": [{"Key": "a", "Value": "b’s"}]},
        r"Tags\[0\].Value: .* does not match",
    ),
    "a pattern of a map's key": (
        "logs",
        "create_log_group",
        {"logGroupName": "a", "tags": {"a*": "b"}},
        r"tags.a\*: .* does not match",
    ),
    "a text that is too long": (
        "iam",
        "get_role",
        {"RoleName": "a" * 65},
        "65 characters is outside 1 to 64",
    ),
    "a text that is too short": ("iam", "get_role", {"RoleName": ""}, "0 characters is outside 1 to 64"),
    "a list that is too long": (
        "cloudwatch",
        "put_metric_alarm",
        {"Dimensions": [{"Name": "a", "Value": "b"}] * 31},
        "31 items is outside 0 to 30",
    ),
    "a list that is too short": ("wafv2", "tag_resource", {"Tags": []}, "0 items is outside 1 to any"),
    "a number that is too large": (
        "wafv2",
        "create_web_acl",
        {"Rules": [{"Priority": -1}]},
        "-1 is outside 0 to any",
    ),
    "a value that is none of a list": (
        "ec2",
        "run_instances",
        {"InstanceType": "r7g.xlrage"},
        "'r7g.xlrage' is not one of the",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_the_models_do_not_allow_is_refused(case: str) -> None:
    service, operation, request, says = BROKEN[case]
    with pytest.raises(Bad, match=says):
        constraints.check(convert.shape_of(service, operation), request, "")


def test_a_value_that_is_not_known_yet_is_let_through() -> None:
    request = {"Name": UNKNOWN, "Rules": UNKNOWN, "Tags": [{"Key": "a", "Value": UNKNOWN}]}
    constraints.check(convert.shape_of("wafv2", "create_web_acl"), request, "")
