"""Why a move stops."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


class MoveError(Exception):
    """A line for the person who started it: the thing, the value, the fix."""


def run(argv: Sequence[str], seconds: float) -> str:
    """What a program printed. Raises `MoveError` where it fails or takes longer."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise MoveError(f"{' '.join(argv)}: no end after {seconds:.0f} s") from None
    except OSError as error:
        raise MoveError(f"{argv[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise MoveError(
            f"{' '.join(argv)} ended with {done.returncode}: {said[-1] if said else 'no reason given'}"
        )
    return done.stdout
