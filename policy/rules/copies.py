"""too-few-copies: data on drives that a stop erases is on three members in three zones."""

from __future__ import annotations

from collections.abc import Iterator

from .catalogue import drives_of
from .protection import is_member
from .resource import Resource, Stack, Violation

#: As `infra.environment.aws.LEAST_COPIES`, which a test compares it with.
LEAST_COPIES = 3
SUBNET = "aws:ec2/subnet:Subnet"
#: The zone of a member whose zone is not known: all such members count as one zone.
NOWHERE = "?"


def zone_of(stack: Stack, instance: Resource) -> str:
    """The zone of an instance, its own or its subnet's."""
    for resource in (instance, stack.behind(instance, "subnetId", SUBNET)):
        if resource and isinstance(resource.get("availabilityZone"), str):
            return str(resource.get("availabilityZone"))
    return NOWHERE


def copies(stack: Stack) -> Iterator[Violation]:
    """Of the database's members, if one has drives: their number, and the zones they are in."""
    # The engine has them in the order in which they were ready, another one each time.
    members = sorted(filter(is_member, stack.resources), key=lambda resource: resource.name)
    for member in members:
        if drives_of(member.get("instanceType")) is None:
            yield Violation(
                member,
                f"instance type {member.get('instanceType')!r} is not in the catalogue, so it is unknown "
                "whether a stop erases its data",
                "use a type of infra/catalogue/data/instances.csv, or add it there",
            )
    on_drives = [member for member in members if drives_of(member.get("instanceType"))]
    if not on_drives:
        return
    why = "on drives that a stop erases"
    if len(members) < LEAST_COPIES:
        yield Violation(
            on_drives[0],
            f"{len(members)} database member{'s' * (len(members) > 1)} {why}",
            f"declare database.members: {LEAST_COPIES} or more, or volumes of class io2 or gp3",
        )
    zones = {zone_of(stack, member) for member in members}
    if len(zones - {NOWHERE}) < LEAST_COPIES:
        named = ", ".join(sorted(zones - {NOWHERE})) or "no known zone"
        yield Violation(
            on_drives[0],
            f"database members {why}, all in {named}",
            f"spread them over {LEAST_COPIES} zones (aws.zones), each in a subnet with its zone named",
        )
