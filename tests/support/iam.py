"""A small evaluator of IAM policies for tests: moto evaluates no conditions.

It implements the operators and keys that the kit's policies use, and fails on any other. A request has an
action, a resource (ARN) and its context: condition keys in lower case, as IAM compares their names without
case.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """`context`: condition key in lower case -> its value, or list of values."""

    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


def decide(documents: Iterable[Document], request: Request) -> str:
    """`deny` if any statement denies, else `allow` if one allows, else `implicit deny`."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in document["Statement"]
        if _applies(statement, request)
    }
    if "Deny" in effects:
        return "deny"
    return "allow" if "Allow" in effects else "implicit deny"


def tagged(tags: Mapping[str, str], **context: Any) -> dict[str, Any]:
    """The context of a resource with `tags`. Two tags whose keys differ by case alone make a key ambiguous:
    either value may be compared, so a test gives one of them at a time."""
    return {**{f"aws:resourcetag/{key.lower()}": value for key, value in tags.items()}, **context}


def _applies(statement: Document, request: Request) -> bool:
    return (
        any(_matches(pattern, request.action, fold=True) for pattern in _texts(statement["Action"]))
        and any(_matches(pattern, request.resource) for pattern in _texts(statement.get("Resource", "*")))
        and all(
            _holds(operator, key, _texts(wanted), request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, key: str, wanted: list[str], context: Mapping[str, Any]) -> bool:
    found = context.get(key.lower())
    if operator == "Null":
        return (found is None) == (wanted == ["true"])
    if operator.startswith("ForAnyValue:"):
        # An absent key has no value that could match.
        return any(
            _compare(operator.removeprefix("ForAnyValue:"), one, wanted) for one in _texts(found or [])
        )
    if operator == "Bool" and found is None:
        return False
    negative = "Not" in operator
    if found is None:
        # An absent key matches a negated operator and no other. Source: IAM user guide, "Condition
        # operators".
        return negative
    if negative:
        return not _compare(operator.replace("Not", ""), str(found), wanted)
    return _compare(operator, str(found), wanted)


def _compare(operator: str, found: str, wanted: list[str]) -> bool:
    match operator:
        case "StringEquals" | "Bool":
            return found in wanted
        case "StringEqualsIgnoreCase":
            return found.lower() in [one.lower() for one in wanted]
        case "StringLike" | "ArnLike" | "ArnEquals":
            return any(_matches(pattern, found) for pattern in wanted)
    raise AssertionError(f"tests/support/iam.py does not know the operator {operator}")


def _matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    if fold:
        pattern, text = pattern.lower(), text.lower()
    return fnmatch.fnmatchcase(text, pattern)


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
