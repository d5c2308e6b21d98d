"""Pure: the kit's release, and whether a stack was made by a later one. What each changed: CHANGELOG.md."""

from __future__ import annotations

import json
import re

from infra.errors import FlashtierError

#: As in pyproject.toml and at the head of CHANGELOG.md; a tag v<RELEASE> names the commit.
RELEASE = "0.2.0"


def parts(release: str) -> tuple[int, ...]:
    """Numbers of MAJOR.MINOR.PATCH. Raises `ValueError`."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", release)
    if not found:
        raise ValueError(f"{release!r}: a release is MAJOR.MINOR.PATCH")
    return tuple(int(number) for number in found.groups())


def refuse_later(contract: str, ours: str = RELEASE) -> None:
    """Raises `FlashtierError` if a later release wrote the contract, which is given as JSON."""
    try:
        found = json.loads(contract)
    except ValueError:
        return  # whoever reads it says so
    made = found.get("release") if isinstance(found, dict) else None
    if not isinstance(made, str):
        return  # of the time before releases, or no contract at all
    stack = found.get("stack")
    try:
        later = parts(made) > parts(ours)
    except ValueError as error:
        raise FlashtierError(f"contract.release = {error}; run `pulumi up -s {stack}`") from error
    if later:
        raise FlashtierError(
            f"stack {stack}: release {made} brought it up, and this tree is {ours}: what a later release "
            f"changed on hosts cannot be taken back; go on with v{made} or a later one"
        )
