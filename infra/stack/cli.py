"""The Pulumi CLI, called with a deadline; what it says when it fails becomes one line with the fix."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.errors import FlashtierError
from infra.paths import ROOT, passphrase_file, state_root

#: Seconds for one call. None of these deploys anything: each takes about one.
DEADLINE = 60


class StackMissing(FlashtierError):
    """The backend knows no stack of that name."""


def environment() -> dict[str, str]:
    """The process's environment, with what tools/env.sh would set where it is missing."""
    chosen = dict(os.environ)
    chosen.setdefault("PULUMI_BACKEND_URL", f"file://{state_root() / 'pulumi'}")
    if "PULUMI_CONFIG_PASSPHRASE" not in chosen:
        chosen.setdefault("PULUMI_CONFIG_PASSPHRASE_FILE", str(passphrase_file()))
    return chosen | {"PULUMI_SKIP_UPDATE_CHECK": "true", "NO_COLOR": "1"}


def file_backend() -> Path | None:
    """The backend's directory, None where the state is kept elsewhere."""
    url = environment()["PULUMI_BACKEND_URL"]
    return Path(url.removeprefix("file://")) if url.startswith("file:///") else None


def pulumi(
    stack: str, arguments: Sequence[str], *, text: str | None = None, seconds: float = DEADLINE
) -> str:
    """Standard output of `pulumi ARGUMENTS -s STACK`, run in the tree; `text` is its standard input.

    Raises `StackMissing`, or `FlashtierError` for anything else. No message holds the input or the output.
    """
    command = ["pulumi", "--non-interactive", *arguments, "-s", stack]
    shown = f"`{' '.join(command)}`"
    known = environment()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=known,
            input=text or "",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise FlashtierError("pulumi is not on PATH; run `make setup`, then `. tools/env.sh`") from error
    except subprocess.TimeoutExpired:
        raise FlashtierError(f"{shown} did not end within {seconds:g} s; is the backend reachable?") from None
    if done.returncode != 0:
        raise _failure(stack, shown, known, " ".join(done.stderr.split()), done.returncode)
    return done.stdout


def _failure(stack: str, shown: str, known: Mapping[str, str], said: str, code: int) -> FlashtierError:
    backend = known["PULUMI_BACKEND_URL"]
    if "no stack named" in said or "unable to open state directory" in said:
        return StackMissing(
            f"stack {stack}: does not exist in {backend}; run `make up STACK={stack}`, "
            "or check the name and PULUMI_BACKEND_URL"
        )
    source = known.get("PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_CONFIG_PASSPHRASE")
    if "incorrect passphrase" in said:
        return FlashtierError(
            f"stack {stack}: its secrets were encrypted with another passphrase than the one in {source}; "
            "put the right one there"
        )
    if "PULUMI_CONFIG_PASSPHRASE_FILE" in said or "passphrase must be set" in said:
        return FlashtierError(
            f"stack {stack}: the passphrase in {source} cannot be read; put it there, mode 0600, "
            f"or, if the stack is new, run `flashtier secrets -s {stack}`"
        )
    return FlashtierError(f"{shown} ended with {code}: {said or 'it said nothing'}")
