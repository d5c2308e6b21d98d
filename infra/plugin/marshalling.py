"""Property values between the engine's protocol and Python.

Configure answers that secrets, outputs and resources need not be sent as such: the engine then hands plain
values and marks what comes back as secret where the same-named input was. Unknown values of a preview stay
`UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

#: How the protocol writes a value that a preview cannot know yet.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
#: Key of a wrapped value, and the signatures of the wrappings that may still arrive.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's constant
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


class Unsupported(ValueError):
    """A kind of value (asset, archive, resource) that no resource of this provider takes."""


def from_wire(properties: struct_pb2.Struct) -> dict[str, Any]:
    return {key: _value(value) for key, value in properties.fields.items()}


def _value(value: struct_pb2.Value) -> Any:  # noqa: ANN401 - any JSON value
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE not in fields:
            return from_wire(value.struct_value)
        signature = fields[_SIGNATURE].string_value
        if signature == _SECRET:
            return _value(fields["value"])
        if signature == _OUTPUT:
            return _value(fields["value"]) if "value" in fields else UNKNOWN
        raise Unsupported(f"a value of kind {signature} is not supported")
    if kind == "list_value":
        return [_value(item) for item in value.list_value.values]
    if kind == "number_value":
        # The wire has floating-point numbers only.
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return None if kind in (None, "null_value") else getattr(value, kind)


def to_wire(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({key: _plain(value) for key, value in properties.items() if value is not None})
    return struct


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def has_unknown(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown(item) for item in value)
    return bool(value == UNKNOWN)
