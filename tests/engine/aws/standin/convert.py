"""A resource's inputs to the input of an AWS operation, by the model that botocore has of it.

Names are matched without case and plural, as pulumi-aws makes plurals of lists. What the model does not
have is refused, and so is a value that it does not allow (constraints.py).
"""

from __future__ import annotations

import functools
import re
import threading
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

from infra.plugin.marshalling import UNKNOWN, has_unknown
from standin import constraints
from standin.row import Bad

#: One for all that is validated and called: a session reads each model once. It is for one thread at a time.
SESSION = botocore.session.get_session()
LOCK = threading.Lock()
#: Members that boto3 fills in itself.
_FILLED = {"ClientToken", "CreatorRequestId", "IdempotencyToken"}


@functools.cache
def _operations(service: str) -> dict[str, OperationModel]:
    with LOCK:
        model = SESSION.get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


def service_id(service: str) -> str:
    """The name that AWS's SDKs give a service in their errors."""
    with LOCK:
        return SESSION.get_service_model(service).service_id


def shape_of(service: str, operation: str) -> Shape:
    return _operations(service)[operation].input_shape


def request(service: str, operation: str, values: dict[str, Any]) -> dict[str, Any]:
    """The operation's input. Raises `Bad`; a value that is not known yet is let through."""
    shape = shape_of(service, operation)
    made = _structure(shape, values, "")
    if has_unknown(made):
        constraints.check(shape, made, "")
    else:
        validate(service, operation, made)
    return made


def validate(service: str, operation: str, made: dict[str, Any]) -> None:
    """Raises `Bad` for an input that the model does not allow."""
    shape = shape_of(service, operation)
    report = ParamValidator().validate(made, shape)
    if report.has_errors():
        raise Bad(shape.name, report.generate_report().replace("\n", "; "))
    constraints.check(shape, made, "")


def plain_name(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _member(shape: Shape, name: str) -> str | None:
    known = {plain_name(member): member for member in shape.members}
    plain = plain_name(name)
    return known.get(plain) or known.get(plain + "s") or known.get(plain.removesuffix("s"))


def _value(shape: Shape, value: Any, path: str) -> Any:
    if value == UNKNOWN:
        return UNKNOWN
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, value, path)
    if kind == "list":
        items = value if isinstance(value, list) else [value]
        return [_value(shape.member, item, f"{path}[{i}]") for i, item in enumerate(items)]
    if kind == "map":
        return {key: _value(shape.value, item, f"{path}.{key}") for key, item in value.items()}
    return _scalar(shape, value, path)


def _structure(shape: Shape, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Bad(path, f"{value!r} is not an object, and {shape.name} is one")
    made: dict[str, Any] = {}
    for name, item in value.items():
        if item is None or name == "__defaults":
            continue
        at = f"{path}.{name}".strip(".")
        member = _member(shape, name)
        if member is None:
            raise Bad(at, f"AWS's {shape.name} has no such member; it has {', '.join(sorted(shape.members))}")
        made[member] = _value(shape.members[member], item, at)
    missing = [name for name in shape.required_members if name not in made and name not in _FILLED]
    if missing:
        raise Bad(path or shape.name, f"is without {', '.join(missing)}, which AWS requires")
    return made


def _scalar(shape: Shape, value: Any, path: str) -> Any:
    kind = shape.type_name
    if isinstance(value, dict | list):
        raise Bad(path, f"{value!r} is not a {kind}")
    if kind in ("integer", "long", "float", "double"):
        try:
            return float(value) if kind in ("float", "double") else int(value)
        except (TypeError, ValueError):
            raise Bad(path, f"{value!r} is not a number") from None
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind == "blob":
        return value.encode() if isinstance(value, str) else value
    if kind == "timestamp":
        return value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for why in constraints.broken(shape, text):
        raise Bad(path, why)
    return text
