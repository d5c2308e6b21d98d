"""Policy documents of AWS, as text or as an object, in one form, wherever a resource has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .resource import Resource

#: Properties that are a document and nothing else, whatever the resource.
NAMED = frozenset({"assumeRolePolicy", "policy", "policyDocument", "accessPolicies", "inlinePolicy"})


class Unreadable(Exception):
    """The text is not a document that AWS and the rules read alike."""


@dataclass(frozen=True)
class Statement:
    """One statement; the tuples hold what the document has as text or list."""

    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principal: object
    not_principal: object
    condition: Mapping[str, Any]

    @property
    def of_resource(self) -> bool:
        """Whether it is of a resource's policy, which names principals. A role's own policy names none."""
        return self.principal is not None or self.not_principal is not None


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON in which each key stands once: which of two counts is the reader's choice."""
    found = dict(pairs)
    if len({key.lower() for key in found}) != len(pairs):
        raise Unreadable("a key stands twice")
    return found


def parsed(text: str) -> object:
    """The document in a text. Raises `Unreadable`."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise Unreadable("it is not JSON") from error


def statements(document: Mapping[str, Any]) -> Iterator[Statement]:
    """The statements of a document. Parts that are unknown are left out: the update judges them."""
    found = _element(document, "Statement")
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, Mapping):
            condition = _element(one, "Condition")
            yield Statement(
                allows=str(_element(one, "Effect")).lower() == "allow",
                actions=_texts(_element(one, "Action")),
                not_actions=_texts(_element(one, "NotAction")),
                resources=_texts(_element(one, "Resource")),
                not_resources=_texts(_element(one, "NotResource")),
                principal=_element(one, "Principal"),
                not_principal=_element(one, "NotPrincipal"),
                condition=condition if isinstance(condition, Mapping) else {},
            )


def _element(holder: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON
    """An element by its name without case: a rule must not overlook what AWS may accept."""
    return next((value for key, value in holder.items() if str(key).lower() == name.lower()), None)


def documents(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """Every document in the properties of a resource, at any depth. Raises `Unreadable`."""
    yield from _within(resource.props, "")


def _within(value: object, name: str) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, str) and (name in NAMED or value.lstrip().startswith("{")):
        try:
            found = parsed(value)
        except Unreadable:
            if name in NAMED:
                raise
            return  # a text of another kind
        if isinstance(found, Mapping):
            yield from _within(found, name)
    elif isinstance(value, Mapping):
        if _element(value, "Statement") is not None:
            yield value
        else:
            for key, one in value.items():
                yield from _within(one, str(key))
    elif isinstance(value, list):
        for one in value:
            yield from _within(one, name)


def allowed(resource: Resource) -> Iterator[Statement]:
    """What the documents of a resource allow. Raises `Unreadable`."""
    for document in documents(resource):
        yield from (statement for statement in statements(document) if statement.allows)
