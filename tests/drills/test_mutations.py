"""Changes made by hand on running hosts: each fails the verification with a line that names it.

One at a time: a fault counts for a change only if it did not exist before. Changes that the playbook repairs
stay until the end, where one run must leave no fault; the others are undone as a person would, and the data
states why a person must.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.drills.broken import Broken
from tests.drills.changes import Change, changes
from tests.drills.hosts import Inside
from tests.drills.living import Timer, playbook
from tests.drills.playbook_report import changed, unreported
from tests.drills.verifier import Verifier

CHANGES = changes()


@pytest.fixture(scope="module")
def broken(verifier: Verifier) -> Broken:
    return Broken(verifier, Inside(verifier.contract))


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_it_is_reported_by_name(change: Change, broken: Broken) -> None:
    broken.make(change)


def test_what_a_playbook_run_would_change_is_reported(
    broken: Broken, stack: str, figure: Callable[[str], None]
) -> None:
    """Both lists of the same moment: what the verification reports, and what --check would change."""
    broken.verifier.hosts.forget(*(host.name for host in broken.verifier.contract.hosts))
    faults = broken.verifier.run(traffic=True).faults
    planned = changed(stack, "--check", "--diff")
    assert planned, "check mode would change nothing, with changes left that a playbook run repairs"
    silent = unreported(planned, faults)
    figure(f"changes that --check predicts: {len(planned)}; not reported by the verification: {len(silent)}")
    assert not silent, "\n".join(" | ".join(change) for change in silent)


def test_the_next_playbook_run_repairs_the_rest(
    broken: Broken, stack: str, figure: Callable[[str], None]
) -> None:
    assert broken.left, "no change was made that a playbook run repairs"
    timer = Timer()
    playbook(stack)
    broken.verifier.hosts.forget(*(host.name for host in broken.verifier.contract.hosts))
    faults = broken.verifier.run(traffic=True).faults
    figure(
        f"changes by hand: {len(broken.left) + len(broken.undone)}; repaired by one playbook run: "
        f"{len(broken.left)}, by a person: {len(broken.undone)}; faults left {len(faults)}; {timer}"
    )
    assert not faults, "\n".join(faults)


def test_the_changes_cover_what_they_must() -> None:
    """Every tier and area, and both kinds of repair; names are unique."""
    assert len(CHANGES) == len({str(change) for change in CHANGES}) >= 20
    assert {change.host for change in CHANGES} == {"edge", "web", "leader", "standby", "control"}
    assert all(change.says for change in CHANGES)
