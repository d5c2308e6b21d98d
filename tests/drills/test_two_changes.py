"""The shortest drill, which `make test` runs too: two changes on one host, reported by name and repaired."""

from __future__ import annotations

from collections.abc import Callable

from tests.drills.broken import Broken
from tests.drills.changes import changes
from tests.drills.hosts import Inside
from tests.drills.living import Timer, playbook
from tests.drills.verifier import Verifier

#: Both on the first web host, both of the role base: one run over one host repairs them.
MADE = ("network: a rule added", "system: locale")


def test_two_changes_are_reported_and_repaired(
    verifier: Verifier, stack: str, figure: Callable[[str], None]
) -> None:
    timer, broken = Timer(), Broken(verifier, Inside(verifier.contract))
    for change in changes():
        if str(change) in MADE:
            broken.make(change)
    assert len(broken.left) == len(MADE)
    host = broken.inside.first("web")
    playbook(stack, "--limit", host, "--tags", "base")
    verifier.hosts.forget(host)
    faults = verifier.run().faults
    figure(f"two changes on {host}: reported by name, repaired, faults left {len(faults)}; {timer}")
    assert not faults, "\n".join(faults)
