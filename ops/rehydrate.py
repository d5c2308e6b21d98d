"""A new root disk from today's image under one living host, its volumes kept.

out (playbook) -> away (`pulumi destroy` of it) -> made (`pulumi up`) -> configured -> whole (playbook)

A record in the stack's folder says which step is done, so that a run that ended anywhere is gone on from.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.contract import Contract, ContractHost
from infra.errors import FlashtierError
from infra.paths import ROOT, state_dir
from infra.stack.cli import environment

#: Steps in their order; the record names the last that is done.
STEPS = ("begun", "out", "away", "made", "configured")
INSTANCES = ("lxd:index:Instance", "aws:ec2/instance:Instance")
PLAY = ("ansible-playbook", "-i", "ansible/inventory.pulumi_stack.yml")
#: Seconds: one playbook, one run of Pulumi.
PLAYS, PROVISIONS = 7200, 3600

#: Runs words for a stack, with its output on this terminal; seconds until it is given up.
Run = Callable[[Sequence[str], float], None]


@dataclass(frozen=True)
class Progress:
    """Which host is made again, and the last step that is done."""

    host: str
    step: str


class Record:
    """The progress of a stack, in a file that is there from the first step to the last."""

    def __init__(self, stack: str) -> None:
        self._path = state_dir(stack) / "rehydrate.json"

    def read(self) -> Progress | None:
        if not self._path.exists():
            return None
        return Progress(**json.loads(self._path.read_text()))

    def write(self, progress: Progress) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(progress)))
        fresh.replace(self._path)

    def end(self) -> None:
        self._path.unlink(missing_ok=True)


def host_of(contract: Contract, name: str) -> ContractHost:
    """The host of that name. Raises `FlashtierError`."""
    found = next((host for host in contract.hosts if host.name == name), None)
    if found is None:
        names = ", ".join(host.name for host in contract.hosts)
        raise FlashtierError(f"host = {name}: must be one of {names}: --host <name>")
    if erased := [volume.name for volume in found.volumes if volume.volume_class == "instance-store"]:
        raise FlashtierError(
            f"host = {name}: {', '.join(erased)} are drives in the host, which lose their content with it."
            " Nothing was changed. It is replaced by two roles together:"
            " docs/tasks/new-instance-type.md"
        )
    return found


def begun(known: Progress | None, host: str) -> Progress:
    """Where to go on. Raises `FlashtierError` where another host is in the middle of it."""
    if known is not None and known.host != host:
        raise FlashtierError(
            f"host = {host}: {known.host} is in the middle of it (last step: {known.step}). Nothing was"
            f" changed. First: flashtier rehydrate --host {known.host}"
        )
    return known or Progress(host, STEPS[0])


def instance(exported: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The instance of a host in a deployment, as `pulumi stack export` prints it; None where it is away.

    Raises `FlashtierError` where EC2 would refuse to end it.
    """
    resources = exported["deployment"].get("resources") or []
    found = [
        one
        for one in resources
        if one["type"] in INSTANCES
        and (one.get("inputs") or {}).get("name", (one.get("inputs") or {}).get("tags", {}).get("Host"))
        == name
        and not one.get("delete")
    ]
    if not found:
        return None
    if (found[0].get("inputs") or {}).get("disableApiTermination"):
        raise FlashtierError(
            f"host = {name}: EC2 refuses to end it (disableApiTermination). Nothing was changed. Set"
            " aws.deletion_protection to false, run pulumi up, and set it back afterwards:"
            " docs/tasks/rehydrate.md"
        )
    return dict(found[0])


def steps(
    stack: str, name: str, outage: str, record: Record, exported: Callable[[], dict[str, Any]], run: Run
) -> None:
    """Do what is left to do. `exported` gives the deployment at that moment."""
    known = record.read()
    done = begun(known, name).step
    more = ("-e", f"outage={outage}") if outage else ()
    playbook = (*PLAY, "ansible/playbooks/rehydrate.yml", "-e", f"host={name}", *more)

    def after(step: str) -> bool:
        return STEPS.index(done) >= STEPS.index(step)

    if not after("out"):
        instance(exported(), name)
        if known is not None:
            # A run ended while it was taken out: some of what it runs is stopped.
            run((*PLAY, "ansible/site.yml"), PLAYS)
        record.write(Progress(name, "begun"))
        run((*playbook, "-e", "step=out"), PLAYS)
        record.write(Progress(name, "out"))
    if not after("made"):
        # Of a run that was killed.
        run(("tools/stack.py", "unlock", stack), PROVISIONS)
    if not after("away"):
        there = instance(exported(), name)
        if there is not None:
            if there.get("protect"):
                run(("pulumi", "state", "unprotect", there["urn"], "-s", stack, "--yes"), PROVISIONS)
            target = ("--target", there["urn"], "--target-dependents")
            run(
                ("pulumi", "destroy", "-s", stack, *target, "--yes", "--skip-preview", "--non-interactive"),
                PROVISIONS,
            )
        record.write(Progress(name, "away"))
    if not after("made"):
        run(("pulumi", "up", "-s", stack, "--refresh", "--yes", "--non-interactive"), PROVISIONS)
        record.write(Progress(name, "made"))
    if not after("configured"):
        run((*PLAY, "ansible/site.yml"), PLAYS)
        record.write(Progress(name, "configured"))
    run((*playbook, "-e", "step=whole"), PLAYS)
    record.end()


def running(stack: str, config_file: Path | None) -> Run:
    """Runs commands in the tree; Pulumi's take the declaration from that file, where one is given."""

    def run(words: Sequence[str], seconds: float) -> None:
        takes = words[0] == "pulumi" and words[1] in ("up", "destroy") and config_file is not None
        argv = [*words, *(("--config-file", str(config_file)) if takes else ())]
        shown = " ".join(argv)
        try:
            done = subprocess.run(
                argv,
                cwd=ROOT,
                env=environment() | {"FLASHTIER_STACK": stack},
                stdin=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FlashtierError(
                f"`{shown}` did not end within {seconds:g} s; run the same line again"
            ) from None
        if done.returncode:
            raise FlashtierError(
                f"`{shown}` ended with {done.returncode}. What was done is kept; once it is repaired, run the"
                " same line again: it goes on there"
            )

    return run
