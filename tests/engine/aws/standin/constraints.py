"""What botocore's models say of a value and botocore itself does not check: lists of values, lengths, counts,
ranges and patterns, on every member of a request."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator
from typing import Any

import regex
from botocore.model import Shape

from infra.plugin.marshalling import UNKNOWN
from standin.row import Bad

_NUMBERS = ("integer", "long", "float", "double")
#: Patterns that the service itself does not hold: what it takes is wider, by its own documentation.
_NOT_HELD: frozenset[str] = frozenset()


def check(shape: Shape, value: Any, path: str) -> None:
    """Raises `Bad` for the first member whose value the model does not allow; what is unknown passes."""
    for at, leaf, item in _members(shape, value, path):
        for why in broken(leaf, item):
            raise Bad(at or leaf.name, why)


def broken(shape: Shape, value: Any) -> Iterator[str]:
    """What the model of this one shape refuses of a value."""
    if value == UNKNOWN:
        return
    yield from _size(shape, value)
    if not isinstance(value, str):
        return
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        near = difflib.get_close_matches(value, allowed, 3) or allowed[:8]
        yield f"{value!r} is not one of the {len(allowed)} values of {shape.name}: {', '.join(near)} ..."
    pattern = shape.metadata.get("pattern")
    if pattern and shape.name not in _NOT_HELD and not _compiled(pattern).fullmatch(value):
        yield f"{value!r} does not match {pattern}, which {shape.name} must"


def _size(shape: Shape, value: Any) -> Iterator[str]:
    kind = shape.type_name
    if kind in _NUMBERS:
        size, what = value, ""
    elif kind in ("string", "blob", "list", "map") and hasattr(value, "__len__"):
        size, what = len(value), "items" if kind in ("list", "map") else "characters"
    else:
        return
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        shown = f"{size} {what}".strip() if what else str(value)
        bounds = f"{'0' if least is None else least} to {'any' if most is None else most}"
        yield f"{shown} is outside {bounds}, which {shape.name} has"


def _members(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, Shape, Any]]:
    """Every value in a request with its shape, the lists and maps themselves among them."""
    if value is None or value == UNKNOWN:
        return
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for name, item in value.items():
            yield from _members(shape.members[name], item, f"{path}.{name}".strip("."))
        return
    yield path, shape, value
    if kind == "list" and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _members(shape.member, item, f"{path}[{index}]")
    elif kind == "map" and isinstance(value, dict):
        for key, item in value.items():
            yield from _members(shape.key, key, f"{path}.{key}")
            yield from _members(shape.value, item, f"{path}.{key}")


@functools.cache
def _compiled(pattern: str) -> Any:
    """The models' patterns are Java's, whose \\w and \\s are ASCII; \\p{L} and its like are not."""
    return regex.compile(pattern, regex.V0 | (0 if r"\p" in pattern else regex.ASCII))
