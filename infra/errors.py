"""Errors a person reads: one line each, naming the thing, the value, what is allowed and the fix."""

from __future__ import annotations

from collections.abc import Sequence


class FlashtierError(Exception):
    """Base of every error that the kit raises on purpose; its text is for people and needs no traceback."""


class EnvironmentInvalid(FlashtierError):
    """The declared environment is wrong. `faults` holds one line a fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))
