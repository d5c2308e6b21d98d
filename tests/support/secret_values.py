"""Secrets of a stack that does not exist, in place of those that a living one would give."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from infra.settings.database_roles import DatabaseRole
from infra.stack import outputs
from infra.stack.secret_table import secret_names


def made_up(roles: Iterable[DatabaseRole] = ()) -> dict[str, str]:
    """Of a stack that declares these roles."""
    return {name: f"unit-{name}" for name in secret_names(roles)}


def given(secrets: dict[str, str] | None = None) -> AbstractContextManager[Any]:
    """While it holds, every stack has these secrets: the lookup of templates gets them, too."""
    found = {"secrets": secrets or made_up()}
    return mock.patch.object(outputs, "outputs", return_value=found)
