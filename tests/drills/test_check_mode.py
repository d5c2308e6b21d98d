"""Check mode is exact: on hosts changed by hand it names exactly what the next run changes."""

from __future__ import annotations

from collections.abc import Callable

from tests.drills.changes import changes
from tests.drills.hosts import Inside
from tests.drills.living import Timer
from tests.drills.playbook_report import Changed, changed
from tests.drills.verifier import Verifier

#: Changes that the playbook repairs: of every tier; files, services, rights, rules and accounts.
MADE = (
    "system: time zone",
    "system: locale",
    "system: a declared kernel setting",
    "access: an extra authorized key",
    "access: mode of a key",
    "network: a rule added",
    "network: HAProxy's weight, in its file",
    "network: nginx's own file",
    "services: a service disabled",
    "services: what Prometheus scrapes",
    "services: the policy of the bucket",
    "services: the app's settings",
    "database: a setting in the file",
    "database: ALTER ROLE SET",
    "database: a line of pg_hba.conf",
    "database: the folder of the WAL open to its group",
)


def test_check_mode_predicts_exactly_what_changes(
    verifier: Verifier, stack: str, figure: Callable[[str], None]
) -> None:
    inside, timer = Inside(verifier.contract), Timer()
    known = {str(change): change for change in changes()}
    for name in MADE:
        inside.run(inside.chosen(known[name].host), known[name].make)
    predicted = changed(stack, "--check", "--diff")
    done = changed(stack, "--diff")
    verifier.hosts.forget(*(host.name for host in verifier.contract.hosts))
    faults = verifier.run().faults
    figure(
        f"check mode: {len(MADE)} changes by hand, {len(predicted)} things predicted, "
        f"{len(done)} changed; {timer}"
    )
    assert predicted, "nothing was predicted, which proves nothing"
    assert lines(predicted - done) == [], "predicted and not changed"
    assert lines(done - predicted) == [], "changed and not predicted"
    assert not faults, "\n".join(faults)


def lines(things: set[Changed]) -> list[str]:
    return sorted(" | ".join(thing) for thing in things)
