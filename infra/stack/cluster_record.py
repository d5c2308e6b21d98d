"""Which database cluster a stack has, by its system identifier: a tag of the stack in Pulumi's backend.

It is the record that outlives all hosts, their volumes and etcd. `pulumi stack rm` removes it with the stack.
"""

from __future__ import annotations

import json
import re

from infra import paths
from infra.errors import FlashtierError
from infra.stack.cli import pulumi

TAG = "flashtier:cluster"


def recorded(stack: str) -> str:
    """The system identifier, "" where there is none yet. Raises `FlashtierError`."""
    paths.check_stack(stack)
    tags = json.loads(pulumi(stack, ["stack", "tag", "ls", "--json"]) or "{}")
    return str((tags or {}).get(TAG, ""))


def record(stack: str, identifier: str) -> bool:
    """Whether it had to be written. Raises `FlashtierError` where another one is recorded."""
    if not re.fullmatch(r"[0-9]{10,20}", identifier):
        raise FlashtierError(f"stack {stack}: {identifier!r} is no system identifier of PostgreSQL")
    found = recorded(stack)
    if found == identifier:
        return False
    if found:
        raise FlashtierError(
            f"stack {stack}: has cluster {found} on record, and {identifier} is another. To forget the one"
            f" on record: flashtier forget-cluster -s {stack} {found}"
        )
    pulumi(stack, ["stack", "tag", "set", TAG, identifier])
    return True


def forget(stack: str, identifier: str) -> None:
    """Raises `FlashtierError` unless that one is recorded."""
    found = recorded(stack)
    if not found:
        raise FlashtierError(f"stack {stack}: has no cluster on record; nothing was changed")
    if found != identifier:
        raise FlashtierError(
            f"stack {stack}: cluster = {identifier}: must be {found}, the one on record; nothing was changed"
        )
    pulumi(stack, ["stack", "tag", "rm", TAG])
