"""Run a command of the machine with a deadline; its failure is one line that names it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from infra.errors import FlashtierError


class CommandFailed(FlashtierError):
    """A command ended with an error or did not end in time; `code` is None in that case."""

    def __init__(self, command: Sequence[str], code: int | None, said: str) -> None:
        self.code = code
        super().__init__(f"`{' '.join(command)}` {said}")


def run(command: Sequence[str], *, seconds: float = 30, allowed: Sequence[int] = (0,)) -> str:
    """The command's standard output. It has a session of its own: a Ctrl-C, or the end of the caller,
    spares it. Its environment has nothing of Pulumi's, who puts the decrypted configuration there.

    Raises `CommandFailed` after `seconds` or on a code that is not `allowed`.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")},
        )
    except FileNotFoundError as error:
        raise CommandFailed(command, None, f"is not installed ({error.filename}); run tools/setup") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(command, None, f"did not end within {seconds:g} seconds") from error
    if done.returncode not in allowed:
        said = (done.stderr.strip() or done.stdout.strip()).replace("\n", " ")
        raise CommandFailed(
            command, done.returncode, f"ended with {done.returncode}: {said or 'it said nothing'}"
        )
    return done.stdout
