"""What the table says of one resource type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import jmespath

if TYPE_CHECKING:
    from standin.account import Account

Values = dict[str, Any]
#: What AWS says of an object that is there; None: it is not.
Found = Values | None


class Bad(Exception):
    """A property's value that AWS would refuse; `path` is the property's."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class Refused(Exception):
    """What AWS refuses: a code of its API and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def _same(inputs: Values) -> Values:
    return inputs


@dataclass(frozen=True)
class Step:
    """A call that puts `properties` in effect: after the creation, and on a change of one of them.

    `request` makes its input, in camel case, of the resource's inputs and identity; None: nothing to do.
    """

    operation: str
    properties: tuple[str, ...]
    request: Callable[[Values, str], Values | None]
    #: False: the creation carries the properties itself.
    on_create: bool = True
    #: The service of the operation, where it is not the row's.
    service: str = ""


@dataclass(frozen=True)
class Look:
    """The call that shows a resource: `path` is jmespath, or takes the answer, the identity and the
    inputs."""

    operation: str
    request: Callable[[str, Values], Values]
    path: str | Callable[[Values, str, Values], Found]

    def find(self, account: Account, service: str, identity: str, inputs: Values) -> Found:
        answer = account.look(service, self.operation, **self.request(identity, inputs))
        if answer is None:
            return None
        return (
            self.path(answer, identity, inputs) if callable(self.path) else jmespath.search(self.path, answer)
        )


@dataclass(frozen=True, kw_only=True)
class Row:
    service: str
    create: str
    #: jmespath in the creation's answer, or a function of it and the inputs.
    identity: str | Callable[[Values, Values], str]
    #: None: nothing shows it (a validation that was waited for).
    read: Look | Callable[[Account, str, Values], Found] | None
    #: An operation and its input, or a function, or None where the object goes with another.
    delete: tuple[str, Callable[[str, Values], Values]] | Callable[[Account, str, Values], None] | None
    #: A change of these makes a new resource: ForceNew in the schema of terraform-provider-aws, which
    #: pulumi-aws wraps.
    #: `block.key` names a key of a block whose other keys change in place.
    new: frozenset[str] = frozenset()
    #: A further rule for that: the changed properties, the old and the new inputs, to those that make a
    #: new one.
    new_if: Callable[[set[str], Values, Values], set[str]] | None = None
    #: The creation's input in camel case, of what steps and `own` leave of the inputs.
    body: Callable[[Values], Values] = _same
    rename: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    #: Changes by functions, for what takes several calls.
    changes: Mapping[str, Callable[[Account, str, Values, Values], None]] = field(default_factory=dict)
    #: What no call carries: settings of the provider.
    own: frozenset[str] = frozenset()
    #: Whether the creation's call again is the change of all that is not `new`.
    puts: bool = False
    #: The kind in TagSpecifications and in the ARN, for EC2.
    kind: str = ""
    tagged: bool = False
    #: The property that gets a name where none is given.
    auto: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    outputs: Callable[[Account, str, Values, Values], Values] = lambda account, identity, inputs, found: {}
    #: What inputs really are, where the read does not show them under their name.
    seen: Callable[[Account, str, Values, Values], Values] | None = None
    #: What cannot be compared with what the read shows.
    blind: frozenset[str] = frozenset()
    check: Callable[[Account, Values], None] | None = None
    #: After the creation and its steps.
    after: Callable[[Account, str, Values], None] | None = None
    #: Changes the validated input of the creation where moto cannot take it.
    for_moto: Callable[[Values], Values] = _same
    delete_before_replace: bool = False
    #: moto has no such resource: the stand-in records it itself. The request is validated all the same.
    recorded: bool = False

    def complete(self, news: Values, name: str, seed: str, olds: Values) -> None:
        """Add the name that Pulumi gives where the program gives none, and the provider's defaults."""
        if self.auto and not news.get(self.auto):
            news[self.auto] = olds.get(self.auto) or f"{name}-{seed}"
            news["__defaults"] = [self.auto]
        for key, value in self.defaults.items():
            news.setdefault(key, value)

    def offline(self) -> Row:
        """As it is, without the checks that ask the account."""
        return replace(self, check=None)


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def pick(inputs: Mapping[str, Any], **wanted: str) -> Values:
    """`member=property` for each property that has a value."""
    return {member: inputs[name] for member, name in wanted.items() if inputs.get(name) is not None}


def only(found: list[Any]) -> Any:
    return found[0] if found else None
