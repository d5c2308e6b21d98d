"""What every typed value of the kit is built on."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class KeyedError(ValueError):
    """A fault that spans several keys; `key` is the one to correct, relative to the model that found it."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


class Model(BaseModel):
    """Frozen, unknown keys refused, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,13}[a-z0-9])?", value):
        raise ValueError(
            "must start with a lower-case letter, hold only a-z, 0-9 and '-', end with a letter or digit, "
            "at most 15 characters; rename it"
        )
    return value


#: Names of hosts, volumes and users.
Name = Annotated[str, AfterValidator(_name)]
