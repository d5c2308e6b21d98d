"""The drill's own stack, up, configured and verified before anything is broken."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

from infra.contract import Contract
from infra.errors import FlashtierError
from infra.paths import ROOT
from infra.stack import outputs
from tests.drills.verifier import Verifier

INVENTORY = "ansible/inventory.pulumi_stack.yml"


def attempt(stack: str, *arguments: str, seconds: float = 1800) -> tuple[int, str]:
    """Exit code and output of a command of the kit for the stack."""
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        env={**os.environ, "FLASHTIER_STACK": stack},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    return done.returncode, done.stdout


def command(stack: str, *arguments: str, seconds: float = 1800) -> str:
    """The output of one that must succeed; a failure shows it."""
    code, said = attempt(stack, *arguments, seconds=seconds)
    assert code == 0, f"{' '.join(arguments)} ended with {code}:\n{said[-1500:]}"
    return said


def playbook(stack: str, *arguments: str) -> str:
    return command(stack, "ansible-playbook", "-i", INVENTORY, "ansible/site.yml", *arguments)


def words(name: str, *options: str) -> tuple[str, ...]:
    """The line that runs a playbook of ansible/playbooks/."""
    return ("ansible-playbook", "-i", INVENTORY, f"ansible/playbooks/{name}.yml", *options)


def procedure(stack: str, name: str, *options: str, seconds: float = 1800) -> str:
    """The output of such a playbook, which must succeed."""
    return command(stack, *words(name, *options), seconds=seconds)


def start(stack: str, line: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a command of the kit in a session of its own, for a drill that ends it."""
    return subprocess.Popen(
        line,
        cwd=ROOT,
        env={**os.environ, "FLASHTIER_STACK": stack},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(started: subprocess.Popen[bytes]) -> None:
    """The command and all that it has started on the controller, as a crash of it would."""
    os.killpg(started.pid, signal.SIGKILL)
    started.wait(30)


def contract_of(stack: str) -> Contract | None:
    """The contract of a stack that was brought up, otherwise None."""
    outputs.forget()
    try:
        return outputs.read_contract(stack)
    except FlashtierError:
        return None


def bring_up(stack: str, say: Callable[[str], None]) -> Verifier:
    """Bring up the stack, whatever an earlier drill left of it; one that is verified is used as it is."""
    contract = contract_of(stack)
    if contract is not None:
        verifier = Verifier(contract)
        faults = verifier.run().faults
        if not faults:
            return verifier
        say(f"stack {stack} is not as declared, so it is brought up again: {faults[0]}")
    command(stack, "flashtier", "secrets", "-s", stack)
    command(stack, "pulumi", "up", "-s", stack, "--refresh", "--yes", "--skip-preview", "--non-interactive")
    playbook(stack)
    contract = contract_of(stack)
    assert contract is not None
    verifier = Verifier(contract)
    outcome = verifier.run()
    assert not outcome.faults, "\n".join(outcome.faults)
    return verifier


class Timer:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __str__(self) -> str:
        return f"{time.monotonic() - self._started:.0f} s"
