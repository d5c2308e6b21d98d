"""What the tests of the rules share: resources in few words, and all that the rules report of a stack."""

from __future__ import annotations

import json
from typing import Any

from policy.rules import table
from policy.rules.resource import Resource, Stack

RULES = {rule.name: rule for rule in table.RULES}
ACCOUNT, OTHER = "111122223333", "999988887777"
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def resource(kind: str, name: str = "one", /, **props: Any) -> Resource:
    """A resource of AWS, of type `kind` without the leading "aws:"."""
    return Resource(f"aws:{kind}", name, f"urn::{name}", props)


def lines(rule: str, *resources: Resource) -> list[str]:
    """All that a rule reports of a stack."""
    found = [line for one in resources for line in table.judge_resource(RULES[rule], one, [])]
    return [line for line, _ in found + table.judge_stack(RULES[rule], Stack(resources), [])]


def refused(*resources: Resource) -> list[str]:
    """All that all rules report of a stack."""
    return [line for rule in RULES for line in lines(rule, *resources)]


def allows(**statement: Any) -> str:
    """A policy document of one statement, which allows."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
