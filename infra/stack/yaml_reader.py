"""The one reader of settings files. It refuses what Pulumi would read as another value.

Pulumi reads YAML with Go's library, whose rules for plain scalars are not PyYAML's: `19e2` and `0o11` are
numbers there and strings here, `1:30` and `yes` the reverse, and a key given twice keeps one of its two
values. So a plain scalar must have one meaning for every reader: true, false, null, a decimal number, or a
string that is nothing else by any of the rules (YAML 1.1, YAML 1.2 core, yaml.v2 and yaml.v3 of Go).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from infra.errors import FlashtierError

_SAME = re.compile(r"-?(0|[1-9][0-9_]*)|-?(0|[1-9][0-9]*)\.[0-9]+|true|false|null|~|")
#: What one of the rules takes for something other than a text; `_` is left out before.
_DIFFERS = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[oO]?[0-9]+|0[bB][01]+|[0-9]+)"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"
    r"|[-+]?\.inf|\.nan|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"
    r"|y|n|yes|no|on|off|true|false|null",
    re.IGNORECASE,
)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with the checks of this module."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:  # noqa: ANN401 - a YAML value
        text = str(node.value)
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        if plain and not _SAME.fullmatch(text) and _DIFFERS.fullmatch(text.replace("_", "")):
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f"{text} is one value to Pulumi and another to this kit; write a plain decimal number, true "
                f"or false, or a string as '{text}'",
                node.start_mark,
            )
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key} is given twice; remove one", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - a YAML value
    """The content of a YAML file. Raises `FlashtierError`, one line with the line number, on any fault."""
    try:
        return yaml.load(path.read_text(), _Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise FlashtierError(f"{path}{line}: is not readable as YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        where = str(error).replace("\n", " ")
        raise FlashtierError(f"{path}: is not readable as YAML: {where}; correct it") from error
