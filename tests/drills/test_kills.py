"""`make up` killed at any moment, again and again, is finished by the next one.

A cycle begins with nothing and is killed KILLS times at random moments; the run after that must bring
everything up, verify it, and leave nothing of the killed runs behind. The seed is printed; the same seed
draws the same moments (`make drills DRILL=kills SEED=... ROUNDS=...`). A victim is a process of the tree
below the `make` that this drill started, or its whole process group.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable

import pytest

from infra.local import names, processes
from tests.drills.killed import assert_no_leftovers
from tests.drills.runs import END, Process, Run, complete, down, nothing_left, running, until

KINDS = ("make", "pulumi", "provider", "language host", "ansible-playbook", "pytest")
#: Kills before a run may finish.
KILLS = 3
#: Runs for one kill, each killed after half the time: the last is early enough for a run with nothing to do.
TRIES = 5
#: Matches only phase lines of a run's output, which contain no secret.
FINISHED = re.compile(r"^== (\w+): done in", re.MULTILINE)


@pytest.fixture(scope="module")
def spans(stack: str, figure: Callable[[str], None]) -> dict[str, tuple[float, float]]:
    """For each kind of process, the span of its life in a run from nothing: kills are drawn within it."""
    down(stack)
    found: dict[str, tuple[float, float]] = {}
    with running(stack, "measured") as run:
        while run.running():
            for kind in {process.kind for process in run.tree()} & set(KINDS):
                found[kind] = (found.get(kind, (run.seconds, 0))[0], run.seconds)
            time.sleep(0.2)
        assert run.make.returncode == 0, run.tail(40)
    figure(
        f"from nothing {run.seconds:.0f} s; "
        + ", ".join(f"{kind} {since:.0f}-{until:.0f} s" for kind, (since, until) in found.items())
    )
    assert set(found) == set(KINDS), f"a run shows no {set(KINDS) - set(found)}"
    return found


def test_a_killed_run_is_finished_by_the_next(
    stack: str,
    spans: dict[str, tuple[float, float]],
    draw: random.Random,
    figure: Callable[[str], None],
    pytestconfig: pytest.Config,
) -> None:
    rounds: int = pytestconfig.option.rounds
    kinds = [kind for _ in range(rounds // len(KINDS) + 1) for kind in draw.sample(KINDS, len(KINDS))][
        :rounds
    ]
    hit = 0
    for number, kind in enumerate(kinds, 1):
        if (number - 1) % KILLS == 0:
            down(stack)
            longest = max(until for _, until in spans.values())
        since, until_ = spans[kind]
        # A later run of the cycle finds work done and reaches the same point sooner.
        moment = draw.uniform(0, min(until_, longest) - since)
        whole_group = draw.random() < 0.5
        hit += kill(stack, number, kind, moment, whole_group, figure)
        if number % KILLS == 0 or number == len(kinds):
            run = complete(stack, f"kills-{number}-finished")
            figure(f"finished in {run.seconds:.0f} s by the run after {(number - 1) % KILLS + 1} kills")
            assert_no_leftovers(stack)
    assert hit, "no run was killed, which proves nothing"
    down(stack)
    nothing_left(stack)


def kill(
    stack: str,
    number: int,
    kind: str,
    moment: float,
    whole_group: bool,
    figure: Callable[[str], None],
) -> bool:
    """Start a run and kill the victim `moment` seconds into its life; return whether that stopped the run.

    A run that finds work done may end before: it has finished then, and the next attempt kills earlier.
    """
    for attempt in range(TRIES):
        with running(stack, f"kills-{number}") as run:
            victim = victim_of(run, kind, moment / 2**attempt)
            if victim is None:
                assert run.wait() == 0, f"the run failed by itself before its {kind}; {run.tail()}"
                continue
            scope = f"{victim.kind} and its group" if whole_group else victim.kind
            what = f"kill {number}: {scope}, {run.seconds:.1f} s after the start"
            doing = last_task(run.text())
            send_kill(victim, whole_group)
            # A killed make leaves its children to the lock's watcher, and the next run waits for that one.
            code = run.make.wait(10) if victim.kind == "make" else run.wait()
            figure(f"{what}: exit code {code}, at `{doing}`")
            return code != 0
    raise AssertionError(
        f"{TRIES} runs ended by themselves before a kill, the last one after {run.seconds:.0f} s"
    )


def victim_of(run: Run, kind: str, moment: float) -> Process | None:
    """The process to kill, `moment` seconds after one of the kind starts; None where the run has ended."""
    while run.running() and run.of_kind(kind) is None:
        time.sleep(0.05)
    born = run.seconds
    while run.running() and run.seconds < born + moment:
        time.sleep(0.02)
    # If that process has ended sooner than in the measured run, the one running now is killed.
    alive = [process for process in run.tree() if process.kind in KINDS]
    return next((process for process in alive if process.kind == kind), alive[-1] if alive else None)


def send_kill(victim: Process, whole_group: bool) -> None:
    try:
        if whole_group:
            os.killpg(victim.group, signal.SIGKILL)
        else:
            os.kill(victim.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has just ended by itself


def last_task(text: str) -> str:
    lines = [
        line for line in text.splitlines() if line.startswith(("TASK", "== ", " +", " ~", "RUNNING HANDLER"))
    ]
    return lines[-1].strip(" *") if lines else "set-up"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("kind", ["pulumi", "ansible-playbook", "pytest"])
def test_a_signal_ends_a_run_soon_and_the_next_one_finishes(
    stack: str, name: str, kind: str, draw: random.Random, figure: Callable[[str], None]
) -> None:
    """A terminal's Ctrl-C and its loss signal the whole foreground group; SIGTERM is sent to make alone."""
    with running(stack, f"signal-{name}-{kind.partition('-')[0]}") as run:
        until(f"{kind} runs", lambda: run.of_kind(kind) is not None or not run.running(), 600)
        time.sleep(draw.uniform(0, 6))
        assert run.running(), run.tail()
        sent = run.seconds
        group = {process.pid for process in run.tree()}
        if name == "SIGTERM":
            os.kill(run.make.pid, signal.SIGTERM)
        else:
            os.killpg(run.make.pid, signal.Signals[name])
        code = run.make.wait(END)
        took = run.seconds - sent
        until(
            "all of the run has ended",
            lambda: not any(processes.command_line(pid) for pid in group - daemons(stack)),
        )
        all_ended = run.seconds - sent
        figure(
            f"{name} while {kind} ran: exit code {code} after {took:.1f} s, all gone after {all_ended:.1f} s"
        )
        assert code != 0
    finished = complete(stack, f"signal-{name}-{kind.partition('-')[0]}-finished")
    figure(f"finished in {finished.seconds:.0f} s")
    assert_no_leftovers(stack)


def daemons(stack: str) -> set[int]:
    """The daemons that a run starts and leaves running."""
    return set(processes.serving(names.runtime_directory(stack)))
