"""Changes made by hand on living hosts: each turns the verification red with words that name it.

One at a time, and proved alone: a fault counts for a change only if it was not there before. Those that the
playbook repairs stay until the end, where one run must leave nothing to say; the others are undone as a
person would, and the reason why a person must is in the data.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.drills.broken import Broken
from tests.drills.changes import Change, changes
from tests.drills.hosts import Inside
from tests.drills.living import Timer, playbook
from tests.drills.verifier import Verifier

CHANGES = changes()


@pytest.fixture(scope="module")
def broken(verifier: Verifier) -> Broken:
    return Broken(verifier, Inside(verifier.contract))


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_it_is_noticed_and_named(change: Change, broken: Broken) -> None:
    broken.make(change)


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
    """Every tier and area, and both kinds of repair; no two of one name."""
    assert len(CHANGES) == len({str(change) for change in CHANGES}) >= 20
    assert {change.host for change in CHANGES} == {"edge", "web", "database", "control"}
    assert all(change.says for change in CHANGES)
