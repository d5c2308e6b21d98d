"""A stack that is broken step by step: each change by hand must add a fault that names it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.drills.changes import Change
from tests.drills.hosts import Inside
from tests.drills.verifier import Verifier


@dataclass
class Broken:
    """`left` are changes that the playbook repairs, `undone` those undone as a person would."""

    verifier: Verifier
    inside: Inside
    faults: set[str] = field(default_factory=set)
    left: list[Change] = field(default_factory=list)
    undone: list[Change] = field(default_factory=list)

    def make(self, change: Change) -> None:
        """Make the change; fail unless a fault that was not there before names it."""
        host = self.inside.chosen(change.host)
        self.inside.run(host, change.make)
        self.verifier.hosts.forget(*self.affected(change, host))
        found = set(self.verifier.run().faults)
        fresh = found - self.faults
        if change.undo:
            self.inside.run(host, change.undo)
            self.verifier.hosts.forget(*self.affected(change, host))
            self.undone.append(change)
        else:
            self.faults = found
            self.left.append(change)
        named = [fault for fault in fresh if all(text in fault for text in change.says)]
        assert named, f"no new fault says all of {list(change.says)}; new are:\n" + "\n".join(
            sorted(fresh)[:20]
        )

    def affected(self, change: Change, host: str) -> list[str]:
        """The hosts that tell of a change: members and etcd tell of the cluster what one of them does."""
        shared = ("database", "control") if change.host in ("leader", "standby") else ()
        return [one.name for one in self.inside.contract.hosts if one.name == host or one.tier in shared]
