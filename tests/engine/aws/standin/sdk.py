"""What the SDK pulumi-aws says of each type of the table: its inputs, their nested keys, and its outputs.

It is made once a session (`python -m standin.sdk FILE`), because importing the SDK takes seconds, and it
lets the
stand-in refuse a property as the real provider does: by its schema, at any depth.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import typing
from pathlib import Path
from typing import Any

from pulumi import _types

#: Types nested deeper are not read: WAF's statements contain each other without end. botocore still
#: does.
_DEPTH = 4


def describe(token: str) -> dict[str, Any]:
    """{inputs: {name: nested or None}, required: [name], outputs: [name]} of a type such as
    aws:ec2/vpc:Vpc."""
    module = importlib.import_module("pulumi_aws." + token.split(":")[1].split("/")[0])
    name = token.rsplit(":", 1)[1]
    resource = getattr(module, name)
    # Where a block of another resource has the name already, the SDK calls it InitArgs.
    own = sys.modules[resource.__module__]
    arguments = getattr(own, name + "InitArgs", None) or getattr(own, name + "Args")
    return {
        "inputs": _keys(arguments, module, 0),
        "outputs": sorted(
            getattr(value.fget, "_pulumi_name", key)
            for key, value in vars(resource).items()
            if isinstance(value, property)
        ),
    }


def _keys(arguments: type, module: Any, depth: int) -> dict[str, Any]:
    inputs = importlib.import_module(module.__name__ + "._inputs")
    named = _types.input_type_py_to_pulumi_names(arguments)
    hints = arguments.__init__.__annotations__
    return {
        named[python]: None if depth >= _DEPTH else _nested(hint, inputs, module, depth)
        for python, hint in hints.items()
        if python in named
    }


def _nested(hint: Any, inputs: Any, module: Any, depth: int) -> dict[str, Any] | None:
    """The keys of the block that a property takes, also in a list; None: it takes a plain value."""
    for name in re.findall(r"ForwardRef\('(\w+Args)'\)", repr(hint)):
        return _keys(getattr(inputs, name), module, depth + 1)
    for part in typing.get_args(hint):
        if isinstance(part, type) and hasattr(part, "_pulumi_type"):
            return _keys(part, module, depth + 1)
    return None


def unknown_keys(known: dict[str, Any], values: dict[str, Any], path: str = "") -> list[str]:
    """The paths in `values` that the schema does not have."""
    found = []
    for name, value in values.items():
        at = f"{path}.{name}".strip(".")
        if name == "__defaults":
            continue
        if name not in known:
            found.append(at)
        elif known[name] is not None:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    found += unknown_keys(known[name], item, at)
    return found


if __name__ == "__main__":
    from standin.table import TABLE

    Path(sys.argv[1]).write_text(json.dumps({token: describe(token) for token in TABLE}))
