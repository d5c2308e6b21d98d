#!/usr/bin/env python3
"""How long an environment takes on this machine, and how that grows with its hosts.

    make bench                      4, 9 and 18 hosts, compared with bare `lxc launch`, about 20 minutes
    make bench OPTIONS='--hosts 9'  one size

Four is the minimum: one host per tier. Each size runs a stack of its own, `bench`, from nothing to destroyed.
The comparison launches as many bare hosts from the same image into the same pool and network, all at once.
Prints a table and writes FLASHTIER_STATE/log/bench.json. No figure makes it fail: it measures, people judge.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
STACK = "bench"
PROJECT = f"flashtier-{STACK}"
CIDR = "10.95.0.0/24"
#: Hosts in all -> web hosts, database members and control hosts; one more is the edge.
SIZES = {4: (1, 1, 1), 9: (2, 3, 3), 18: (9, 3, 5)}
#: Seconds for one command; the longest is a first configuration of 18 hosts.
DEADLINE = 1800
UP = ["pulumi", "up", "-s", STACK, "--yes", "--skip-preview", "--non-interactive"]
PLAYBOOK = ["ansible-playbook", "-i", "ansible/inventory.pulumi_stack.yml", "ansible/site.yml"]

console = Console()


class BenchFailed(Exception):
    """A command of the benchmark failed; the text names it and where its output is."""


class Bench:
    """One size of the environment, measured step by step."""

    def __init__(self, hosts: int, state: Path) -> None:
        self.hosts = hosts
        self.settings = state / f"Pulumi.{STACK}.yaml"
        self.log = state / "log" / f"{STACK}-{hosts}.log"
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.write_text("")
        self.environment = {
            **os.environ,
            "FLASHTIER_STACK": STACK,
            "FLASHTIER_CONFIG_FILE": str(self.settings),
        }
        self.figures: dict[str, float] = {}

    def declare(self) -> None:
        """Write the declaration: the environment `test` with other counts and another range."""
        declared = yaml.safe_load((ROOT / "Pulumi.test.yaml").read_text())["config"]["flashtier:environment"]
        web, members, control = SIZES[self.hosts]
        declared["network"]["cidr"] = CIDR
        declared["web"]["count"] = web
        # All web hosts together have as many connections at each size: the members do not grow.
        declared["app"]["pool_size"] = 20 // web
        declared["database"]["members"] = members
        declared["control"]["count"] = control
        self.settings.write_text(yaml.safe_dump({"config": {"flashtier:environment": declared}}))

    def run(self, command: Sequence[str]) -> None:
        """Run a command of the kit; its output goes to the log."""
        with self.log.open("a") as log:
            print("$", *command, file=log, flush=True)
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=DEADLINE,
                check=False,
            )
        if done.returncode != 0:
            raise BenchFailed(f"{' '.join(command)} ended with {done.returncode}; see {self.log}")

    def measure(self, what: str, action: Callable[[], None]) -> None:
        """Record the seconds that `action` takes."""
        console.print(f"{self.hosts:>3} hosts: {what} ...", end=" ", highlight=False)
        since = time.monotonic()
        action()
        self.figures[what] = round(time.monotonic() - since, 1)
        console.print(f"{self.figures[what]} s", highlight=False)

    def median(self, what: str, command: Sequence[str], times: int = 3) -> None:
        """Record the median of several runs, for a command that is too short for one run to be meaningful."""
        seconds = []
        for _ in range(times):
            self.measure(what, lambda: self.run(command))
            seconds.append(self.figures[what])
        self.figures[what] = statistics.median(seconds)

    def launch_bare(self) -> None:
        """Launch as many hosts as the environment has, by LXD alone and all at once."""
        image = json.loads(
            subprocess.run(
                ["lxc", "image", "list", "local:", "--project", PROJECT, "--format", "json"],
                capture_output=True,
                timeout=60,
                check=True,
                text=True,
            ).stdout
        )[0]["fingerprint"]
        common = [
            "--storage",
            PROJECT,
            "--network",
            f"ft-{STACK}",
            "--config",
            f"user.flashtier.stack={STACK}",
        ]
        command = ["lxc", "launch", f"local:{image}", "--project", PROJECT, *common]
        with ThreadPoolExecutor(self.hosts) as pool:
            list(pool.map(lambda number: self.run([*command, f"local:bare{number}"]), range(self.hosts)))

    def delete_bare(self) -> None:
        """Delete the bare hosts."""
        names = [f"local:bare{number}" for number in range(self.hosts)]
        self.run(["lxc", "delete", "--force", "--project", PROJECT, *names])

    def measure_all(self) -> None:
        """Measure from nothing to verified, each command once more unchanged, and the comparison."""
        self.declare()
        try:
            self.measure("make up, from nothing", lambda: self.run(["make", "up", f"STACK={STACK}"]))
            self.measure("make up, again", lambda: self.run(["make", "up", f"STACK={STACK}"]))
            unchanged = [*UP, "--config-file", str(self.settings), "--expect-no-changes"]
            self.median("no-op up", unchanged)
            self.median("no-op up --refresh", [*unchanged, "--refresh"])
            self.measure("no-op playbook", lambda: self.run(PLAYBOOK))
            self.measure("verify", lambda: self.run(["pytest", "tests/hosts"]))
        finally:
            self.run(["tools/down", STACK])
        self.declare()
        try:
            # Again for the comparison: next to the hosts of the first run, neither would be bare.
            self.run(["flashtier", "secrets", "-s", STACK])
            self.measure("pulumi up", lambda: self.run([*UP, "--config-file", str(self.settings)]))
            self.measure("lxc launch", self.launch_bare)
            self.delete_bare()
        finally:
            self.run(["tools/down", STACK])
            self.settings.unlink(missing_ok=True)
        self.figures["pulumi up : lxc launch"] = round(
            self.figures["pulumi up"] / self.figures["lxc launch"], 2
        )


def table(results: dict[int, dict[str, float]]) -> Table:
    """The figures, one column per size."""
    drawn = Table("seconds", *(f"{hosts} hosts" for hosts in results), box=None)
    for what in next(iter(results.values())):
        drawn.add_row(what, *(str(figures[what]) for figures in results.values()))
    return drawn


def main(
    hosts: Annotated[list[int] | None, typer.Option(help=f"A size: {', '.join(map(str, SIZES))}.")] = None,
) -> None:
    """Measure the environment `bench` at each size and print the table."""
    wrong = [size for size in hosts or [] if size not in SIZES]
    if wrong:
        sys.exit(f"growth: --hosts {wrong[0]} is not a size; use one of {', '.join(map(str, SIZES))}")
    state = Path(os.environ["FLASHTIER_STATE"])
    results: dict[int, dict[str, float]] = {}
    for size in hosts or list(SIZES):
        bench = Bench(size, state)
        try:
            bench.measure_all()
        except (BenchFailed, subprocess.SubprocessError) as error:
            sys.exit(f"growth: {error}")
        results[size] = bench.figures
    console.print(table(results))
    record = state / "log" / "bench.json"
    ended = time.strftime("%FT%TZ", time.gmtime())
    record.write_text(json.dumps({"ended": ended, "seconds": results}, indent=2) + "\n")
    console.print(f"written to {record}", highlight=False)


if __name__ == "__main__":
    typer.run(main)
