"""What each component leaves on the root disk of its hosts, a module for each.

What is the same for every component (units, ports, key files) is in the contract's table of components.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field

from tests.hosts.file_kinds import Expected


@dataclass(frozen=True)
class Own:
    """Files by path, folders whose rights are not 0755 root:root with mode and owner:group, and accounts.

    `runtime`: sockets and folders below /run that its units make, with mode and owner:group.
    `packages`: those that are asked for where it runs, beyond the ones of its tier (tests/hosts/exact.py).
    """

    files: dict[str, Expected] = field(default_factory=dict)
    folders: dict[str, tuple[str, str]] = field(default_factory=dict)
    runtime: dict[str, tuple[str, str]] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()


def of(name: str) -> Own:
    """What the component of that name adds; nothing where it has no module here."""
    module = f"{__name__}.{name}"
    if importlib.util.find_spec(module) is None:
        return Own()
    found: Own = importlib.import_module(module).OWN
    return found
