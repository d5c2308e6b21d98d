"""Conditions of a statement: which of them tie it to one account, one source or one tag.

Source: IAM user guide, "IAM JSON policy elements: Condition operators", "AWS global condition context keys"
and "Multivalued context keys". A condition whose key a request may lack ties nothing if its operator then
holds (`...IfExists`, `ForAllValues:`), nor does one that names whom it leaves out (`...Not...`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .matching import fields, wild
from .resource import Unknown

OPERATORS = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
#: For which source a service acts.
SOURCE = frozenset(
    {
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceowner",
        "aws:sourceorgid",
        "aws:sourcevpc",
        "aws:sourcevpce",
    }
)
#: Who calls.
CALLER = frozenset({"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "kms:calleraccount"})
#: Whose resource is reached: ties an endpoint, which the requests of one VPC go through.
TARGET = frozenset({"aws:resourceaccount", "aws:resourceorgid"})
TAGS = re.compile(r"(aws|ec2|iam|kms|s3):resourcetag/.+", re.IGNORECASE)
ACCOUNT = re.compile(r"\d{12}")


def tying(condition: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """(key in lower case, value) of each condition that a request without the key does not meet.

    A value is a text, or unknown until the update.
    """
    for operator, keys in condition.items():
        name = operator.lower().removeprefix("foranyvalue:")
        if name not in OPERATORS or not isinstance(keys, Mapping):
            continue
        for key, value in keys.items():
            for one in value if isinstance(value, list) else [value]:
                yield str(key).lower(), one


def ties(condition: Mapping[str, Any], keys: frozenset[str]) -> bool:
    """Whether one of the keys has fixed values only."""
    found: dict[str, list[bool]] = {}
    for key, value in tying(condition):
        if key in keys:
            found.setdefault(key, []).append(isinstance(value, Unknown) or _fixed(value))
    return any(all(values) for values in found.values())


def ties_by_tag(condition: Mapping[str, Any]) -> bool:
    """Whether only resources with a tag of a fixed value are meant."""
    return any(
        TAGS.fullmatch(key) and (isinstance(value, Unknown) or not wild(str(value)))
        for key, value in tying(condition)
    )


def _fixed(value: object) -> bool:
    """Whether a value names one account, network, organisation or ARN. In an ARN the account is enough."""
    text = str(value)
    if not text.startswith("arn:"):
        return not wild(text)
    _, partition, service, _, account, name = fields(text)
    if wild(partition) or wild(service):
        return False
    if account:
        return bool(ACCOUNT.fullmatch(account))
    return not wild(name.partition("/")[0])


def accounts(condition: Mapping[str, Any]) -> Iterator[str]:
    """The accounts that the condition names as its source or caller."""
    for key, value in tying(condition):
        if key in SOURCE | CALLER | TARGET and isinstance(value, str):
            found = fields(value)[4] if value.startswith("arn:") else value
            if ACCOUNT.fullmatch(found):
                yield found
