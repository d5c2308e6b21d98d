"""Check mode tells the truth: on hosts changed by hand it names exactly what the next run changes."""

from __future__ import annotations

from collections.abc import Callable

from tests.drills.changes import changes
from tests.drills.hosts import Inside
from tests.drills.living import Timer
from tests.drills.told import Changed, changed
from tests.drills.verifier import Verifier

#: Of the changes that the playbook repairs: of every tier; files, services, rights, rules and accounts.
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


def test_what_is_foretold_is_what_is_changed(
    verifier: Verifier, stack: str, figure: Callable[[str], None]
) -> None:
    inside, timer = Inside(verifier.contract), Timer()
    known = {str(change): change for change in changes()}
    for name in MADE:
        inside.run(inside.first(known[name].host), known[name].make)
    foretold = changed(stack, "--check", "--diff")
    done = changed(stack, "--diff")
    verifier.hosts.forget(*(host.name for host in verifier.contract.hosts))
    faults = verifier.run().faults
    figure(
        f"check mode: {len(MADE)} changes by hand, {len(foretold)} things foretold, "
        f"{len(done)} changed; {timer}"
    )
    assert foretold, "nothing was foretold, which proves nothing"
    assert lines(foretold - done) == [], "foretold and not changed"
    assert lines(done - foretold) == [], "changed and not foretold"
    assert not faults, "\n".join(faults)


def lines(things: set[Changed]) -> list[str]:
    return sorted(" | ".join(thing) for thing in things)
