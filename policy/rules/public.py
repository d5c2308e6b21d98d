"""public-access: no property, of whatever type, opens a resource to everyone.

Types that the kit does not make are refused by their type; this holds for one that a waiver lets through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .matching import wild
from .resource import Resource, Violation

#: The groups of S3 that are everyone, and everyone with an account. Source: Amazon S3 user guide, "Access
#: control list (ACL) overview".
GROUPS = "http://acs.amazonaws.com/groups/global/"
#: Properties that can open a resource, and what is then so.
OPEN = {
    "publiclyAccessible": "it has a public address",  # RDS, Redshift, DMS, MQ
    "group": "it is shared with every account",  # images, snapshots
    "authorizationType": "anyone may call it",  # function URLs
    "principal": "anyone may call it",  # functions' permissions, event buses
    "accountId": "it is shared with every account",  # images, snapshots
    "endpointPublicAccess": "its endpoint is public",  # EKS
}
TAGS = ("tags", "tagsAll")
FIX = "remove it; what everyone may reach is the load balancer, and the CDN"


def _everyone(name: str, value: object) -> bool:
    if name in ("publiclyAccessible", "endpointPublicAccess"):
        return value in (True, "true")
    if name == "authorizationType":
        return str(value).upper() == "NONE"
    return isinstance(value, str) and (value == "all" or wild(value))


def public(resource: Resource) -> Iterator[Violation]:
    """Every property at any depth that is one of the above."""
    for name, value in _walk(resource.props, ""):
        if name in OPEN and _everyone(name, value):
            yield Violation(resource, f"{name} is {value}: {OPEN[name]}", FIX)
        elif isinstance(value, str) and value.startswith(GROUPS):
            yield Violation(resource, f"a grant is for {value.removeprefix(GROUPS)}", FIX)


def _walk(value: object, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key not in TAGS:
                yield from _walk(one, str(key))
    elif isinstance(value, list):
        for one in value:
            yield from _walk(one, name)
    else:
        yield name, value
