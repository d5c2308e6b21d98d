"""Where the kit keeps its files on the controller: nothing of an environment lies in the tree.

`$FLASHTIER_STATE` (default /var/lib/flashtier) is what must survive; `$FLASHTIER_CACHE` (default
/var/cache/flashtier) can be made again. Only the standard library here: set-up runs before the venv exists.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from infra.errors import FlashtierError

#: The checkout: where Pulumi.yaml lies.
ROOT = Path(__file__).resolve().parent.parent

#: Names a stack cannot have: in the state directory they are in use.
RESERVED = frozenset({"log", "passphrase", "pulumi"})

#: A network interface's name has at most 15 characters (IFNAMSIZ), three of which are "ft-".
LONGEST_STACK = 12


def stack_fault(stack: str) -> str:
    """Why the name cannot be a stack's, empty where it can: it names folders, a DNS domain, an interface."""
    if stack in RESERVED:
        return f"the name is in use by {state_root() / stack}; choose another one"
    if not re.fullmatch(rf"(?!xn--)[a-z]([a-z0-9-]{{0,{LONGEST_STACK - 2}}}[a-z0-9])?", stack):
        return (
            "a stack's name starts with a lower-case letter, ends with a letter or digit, holds only a-z, "
            f"0-9 and '-', does not begin with xn--, and has at most {LONGEST_STACK} characters; choose "
            "another one"
        )
    return ""


def check_stack(stack: str) -> None:
    """Raise `FlashtierError` where `stack_fault` finds one."""
    if fault := stack_fault(stack):
        raise FlashtierError(f"stack {stack!r}: {fault}")


def state_root() -> Path:
    """Holds the Pulumi backend, the passphrase and a directory a stack."""
    return Path(os.environ.get("FLASHTIER_STATE") or "/var/lib/flashtier")


def state_dir(stack: str) -> Path:
    """What belongs to one stack: its SSH key, known hosts, authority's certificate, phase times, volumes."""
    return state_root() / stack


def cache_dir() -> Path:
    """Built tools and images."""
    return Path(os.environ.get("FLASHTIER_CACHE") or "/var/cache/flashtier")


def passphrase_file() -> Path:
    """The passphrase of the stack's secrets, mode 0600."""
    return Path(os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE") or state_root() / "passphrase")


def settings_copy(stack: str) -> Path:
    """A copy of the stack's settings file for as long as Pulumi rewrites that."""
    return state_dir(stack) / "settings.yaml"


def private_key(stack: str) -> Path:
    """The controller's SSH key for the stack's hosts."""
    return state_dir(stack) / "ssh" / "id_ed25519"


def public_key(stack: str) -> Path:
    """The public half, next to the private one."""
    return private_key(stack).with_suffix(".pub")


def known_hosts(stack: str) -> Path:
    """The hosts' SSH keys as the contract gives them."""
    return state_dir(stack) / "known_hosts"


def ca_certificate(stack: str) -> Path:
    """The authority's certificate, for `curl --cacert`."""
    return state_dir(stack) / "ca.crt"
