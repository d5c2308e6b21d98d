"""What every resource of the provider does; server.py calls it, one module a resource implements it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from infra.errors import FlashtierError
from infra.local.lxd import Lxd
from infra.local.provider.schema import Failure, Inputs
from infra.plugin.serving import Incomplete as Incomplete

Declared = TypeVar("Declared", bound=Inputs)


@dataclass(frozen=True)
class Found:
    """A living object. `inputs` is what it is as far as the inputs' names go, drift included."""

    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Resource(ABC, Generic[Declared]):
    """Create must be able to run again where one was killed, and Delete to finish where half is gone."""

    model: type[Declared]

    def __init__(self, cancelled: threading.Event, say: Callable[[str], None]) -> None:
        self.cancelled = cancelled
        #: Shows the user a warning: what they must not miss, but which is not an error.
        self.say = say
        self._daemons: dict[str, Lxd] = {}

    def lxd(self, project: str = "default") -> Lxd:
        return self._daemons.setdefault(project, Lxd(project, self.cancelled.is_set))

    def check(self, olds: Mapping[str, Any], news: Declared) -> list[Failure]:
        """What the types cannot check: it depends on the machine. No side effects."""
        return []

    @abstractmethod
    def identity(self, inputs: Declared) -> str:
        """The resource's id, known before it exists."""

    @abstractmethod
    def converge(self, inputs: Declared) -> dict[str, Any]:
        """Make it as declared, from nothing or from whatever is there, and give the outputs.

        Takes over only what carries the kit's mark. Used for Create and for Update.
        """

    @abstractmethod
    def read(self, inputs: Declared) -> Found | None:
        """What is there; None where the object is gone. Raises where repair would lose data."""

    @abstractmethod
    def adopt(self, identity: str, stack: str) -> Found | None:
        """What is there under the id alone, for `pulumi import`: its inputs, and all outputs."""

    @abstractmethod
    def delete(self, inputs: Declared) -> None:
        """Remove it, whatever is left of it."""


def parts(identity: str, form: str) -> list[str]:
    """The parts of an id that was given to `pulumi import`; `form` names them."""
    found = identity.split("/")
    if len(found) != len(form.split("/")) or not all(found):
        raise FlashtierError(f"id {identity!r}: is not of the form {form}")
    return found
