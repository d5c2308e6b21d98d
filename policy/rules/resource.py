"""A resource as plain data, without the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Unknown:
    """A value that exists only after the update, at a preview. It is false, as an absent one."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "(known after the update)"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Resource:
    """`props` are inputs, or for a rule about the whole stack what is known of the outputs.

    `depends`: URNs that the value of a property came from, by the name of the property. Only a rule about
    the whole stack gets them. `default_tags`: those of the resource's provider.
    """

    type: str
    name: str
    urn: str
    props: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    default_tags: Mapping[str, str] = field(default_factory=dict)
    depends: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """How a violation names it: `ec2 Instance flashtier-prod-db1`."""
        module, _, kind = self.type.removeprefix("aws:").rpartition(":")
        return f"{module.split('/')[0]} {kind} {self.name}"

    def get(self, name: str) -> Any:  # noqa: ANN401 - a property is any JSON
        """A property; None if it is absent, UNKNOWN if only the update makes it known."""
        return self.props.get(name)

    def part(self, name: str) -> Mapping[str, Any]:
        """A property that is an object; empty if it is absent or unknown."""
        value = self.props.get(name)
        return value if isinstance(value, Mapping) else {}

    def parts(self, name: str) -> list[Mapping[str, Any]]:
        """A property that is a list of objects; without those that are unknown."""
        value = self.props.get(name)
        return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []

    def tags(self) -> dict[str, Any]:
        return {**self.default_tags, **self.part("tagsAll"), **self.part("tags")}


@dataclass(frozen=True)
class Violation:
    """What is wrong with a resource, and the fix. It belongs to the stack if there is no resource."""

    resource: Resource | None
    says: str
    fix: str


OfResource = Callable[[Resource], Iterator[Violation]]
OfStack = Callable[["Stack"], Iterator[Violation]]


class Stack:
    """All resources of a stack, and which of them a property means."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self.resources = tuple(resources)
        self._by_urn = {resource.urn: resource for resource in self.resources}

    def of(self, *types: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type in types]

    def means(self, resource: Resource, prop: str, target: Resource, key: str = "id") -> bool:
        """Whether `prop` names `target`: by what it was made from, or by the value that is known."""
        if target.urn in resource.depends.get(prop, ()):
            return True
        value, wanted = resource.get(prop), target.get(key)
        values = value if isinstance(value, list) else [value]
        return isinstance(wanted, str) and wanted in values

    def behind(self, resource: Resource, prop: str, kind: str) -> Resource | None:
        """The resource of a type that `prop` of `resource` names."""
        return next((one for one in self.of(kind) if self.means(resource, prop, one)), None)
