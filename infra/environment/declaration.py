"""The typed environment: what one `Pulumi.<env>.yaml` declares, checked at the edge and frozen.

Everything downstream trusts these types. A wrong value ends the preview with one line that names the key,
the value and the fix (see `Environment.parse`). Machine limits (free disk, memory) are the platform's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import ValidationError, model_validator
from pydantic_core import ErrorDetails

from infra.environment import rules
from infra.environment.sections import Sections
from infra.errors import EnvironmentInvalid
from infra.model import KeyedError


class Environment(Sections):
    """One environment, whole. Build it with `parse`, which turns every fault into one readable line."""

    @model_validator(mode="after")
    def _of_its_platform(self) -> Self:
        if fault := rules.platform_fault(self) or rules.durability_fault(self) or rules.app_fault(self):
            raise fault
        return self

    @classmethod
    def parse(cls, declared: object) -> Environment:
        """Read `flashtier:environment`. Raises `EnvironmentInvalid`, one line a fault, all faults at once."""
        if not isinstance(declared, Mapping):
            raise EnvironmentInvalid(
                [f"flashtier:environment = {declared!r}: must be a mapping, as in Pulumi.local.yaml"]
            )
        try:
            return cls.model_validate(_tuples(declared))
        except ValidationError as error:
            raise EnvironmentInvalid([_line(fault) for fault in _own(error.errors())]) from error


def _tuples(value: object) -> object:
    """YAML lists as tuples, so that strict models take them."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _own(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without those that only follow: a list whose items are wrong is reported as too short as well."""

    def follows(fault: ErrorDetails) -> bool:
        where = fault["loc"]
        inside = (other["loc"] for other in faults if len(other["loc"]) > len(where))
        return fault["type"] == "too_short" and any(loc[: len(where)] == where for loc in inside)

    return [fault for fault in faults if not follows(fault)]


_FIXES = {
    "extra_forbidden": "is not a key of the environment; remove it or correct its spelling",
    "missing": "is missing; add it",
}


def _line(fault: ErrorDetails) -> str:
    kind, cause = fault["type"], fault.get("ctx", {}).get("error")
    path = ["flashtier:environment", *(str(part) for part in fault["loc"])]
    if isinstance(cause, KeyedError):
        path.append(cause.key)
    key = ".".join(path)
    if kind == "missing":
        return f"{key}: {_FIXES[kind]}"
    value = "" if isinstance(cause, KeyedError) else f" = {fault['input']!r}"
    return f"{key}{value}: {cause or _FIXES.get(kind, fault['msg'])}"
