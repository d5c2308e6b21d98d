"""unprotected: what cannot be made again is not deleted or replaced by a change of something else.

A policy pack gets what is to be, never what was: nothing of a deletion, and of a replacement only the new
inputs (engine 3.274: AnalyzerResource has no old state). The engine itself refuses to delete or replace
what is protected, so the rule here is that `protect` is set, as long as the program declares the resource.
Taking it off is the named operation: `pulumi state unprotect URN`.
"""

from __future__ import annotations

from collections.abc import Iterator

from .catalogue import drives_of
from .resource import Resource, Unknown, Violation

VOLUME = "aws:ebs/volume:Volume"
INSTANCE = "aws:ec2/instance:Instance"


def is_member(resource: Resource) -> bool:
    """Whether it is a host of the database."""
    return resource.type == INSTANCE and resource.tags().get("Tier") == "database"


def unprotected(resource: Resource) -> Iterator[Violation]:
    """Data volumes and members have `protect`; members with drives refuse a stop, which erases them."""
    if not (resource.type == VOLUME or is_member(resource)):
        return
    if not resource.protect:
        what = "the data volume" if resource.type == VOLUME else "the database member"
        yield Violation(
            resource,
            f"{what} can be deleted or replaced by any update",
            "set protect=True in its options; to remove it: pulumi state unprotect",
        )
    if resource.type == INSTANCE and drives_of(resource.get("instanceType")) != 0:
        for name, option in (
            ("disableApiTermination", "disable_api_termination"),
            ("disableApiStop", "disable_api_stop"),
        ):
            if resource.get(name) is not True and not isinstance(resource.get(name), Unknown):
                yield Violation(
                    resource,
                    f"{name} is off, and a stop erases its drives",
                    f"set {option}=True, or use a type without drives",
                )
