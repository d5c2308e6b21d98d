"""Policy documents of IAM, as text or as an object, in one form."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Statement:
    """One statement; the lists hold what the document says as text or list."""

    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principal: object
    condition: Mapping[str, Any]


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def statements(document: object) -> Iterator[Statement]:
    """The statements of a document; none of one that is unknown, which the update asks about again."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return  # AWS refuses it
    if not isinstance(document, Mapping):
        return
    found = document.get("Statement")
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, Mapping):
            condition = one.get("Condition")
            yield Statement(
                allows=one.get("Effect") == "Allow",
                actions=_texts(one.get("Action")),
                not_actions=_texts(one.get("NotAction")),
                resources=_texts(one.get("Resource")),
                not_resources=_texts(one.get("NotResource")),
                principal=one.get("Principal"),
                condition=condition if isinstance(condition, Mapping) else {},
            )


def everyone(principal: object) -> bool:
    """Whether a principal is anyone at all."""
    if isinstance(principal, Mapping):
        return any(everyone(one) for one in principal.values())
    if isinstance(principal, list):
        return any(everyone(one) for one in principal)
    return principal == "*"
