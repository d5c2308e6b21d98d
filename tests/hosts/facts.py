"""Bookkeeping: which facts the contract declares, and which of them a check has held against a host.

A fact's key is its path in the contract, with names in place of positions: `host.db1.volume.flash.uuid`,
`database.setting.shared_buffers.value`, `flow.web1.db1.postgresql.port`. A field that the contract gains
becomes a fact by itself; the run fails until some check covers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.contract import Contract

#: Lists of the contract: the word that stands for an entry, and the fields that name it.
NAMED: dict[str, tuple[str, tuple[str, ...]]] = {
    "hosts": ("host", ("name",)),
    "volumes": ("volume", ("name",)),
    "placements": ("placement", ("purpose",)),
    "flows": ("flow", ("source", "destination", "port_name")),
    "settings": ("setting", ("name",)),
    "kernel": ("kernel", ("name",)),
    "unsupported": ("unsupported", ("host", "what")),
    "components": ("component", ()),
    "scrape_jobs": ("scrape_job", ("job",)),
    "databases": ("database", ("name",)),
    "roles": ("role", ("name",)),
    "extensions": ("extension", ()),
}

#: Fields about the contract itself, which no host shows. What the table of components and the egress mean for
#: a host is held by its facts `component`, by the flows and by its whole firewall; what the kind of a role
#: means, by the whole pg_hba.conf.
ANNOTATIONS = frozenset(
    {
        "components", "egress", "kernel.reason", "kernel.source", "ports", "refused_networks", "release",
        "role.kind", "setting.owner", "setting.reason", "setting.source", "unsupported.why", "version",
    }
)  # fmt: skip


def declared_facts(contract: Contract) -> dict[str, Any]:
    """Every fact of `contract` by key. The name of an entry is in its key, so it is no fact of its own."""
    return dict(_walk(contract.model_dump(mode="json"), (), ""))


def _walk(value: Any, path: tuple[str, ...], kind: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if (f"{kind}.{key}" if kind else key) in ANNOTATIONS:
            continue
        if item is None or item == []:  # the platform has no such thing, or there is none
            continue
        if key in NAMED and isinstance(item, list):
            word, names = NAMED[key]
            for entry in item:
                if isinstance(entry, str):
                    yield ".".join((*path, word, entry)), True
                    continue
                label = tuple(entry[name] for name in names)
                rest = {field: content for field, content in entry.items() if field not in names}
                yield from _walk(rest, (*path, word, *label), word) if rest else ()
                if word == "unsupported":
                    yield ".".join((*path, word, *label)), True
        elif isinstance(item, dict):
            yield from _walk(item, (*path, key), key)
        else:
            yield ".".join((*path, key)), item


@dataclass
class Ledger:
    """What a run has found out. Every declared fact ends in `verified`, `failed` or `unsupported`."""

    declared: dict[str, Any]
    verified: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    unsupported: dict[str, str] = field(default_factory=dict)
    checks: int = 0

    def uncovered(self) -> list[str]:
        """Declared facts that no check has read."""
        covered = self.verified | set(self.failed) | set(self.unsupported)
        return sorted(set(self.declared) - covered)


class Check:
    """The checks of one test. All of them run; `settle` then reports every fault at once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._faults: list[str] = []
        self._made = 0

    def fact(self, key: str, found: Any, *, how: str = "") -> None:
        """Hold `found` against the declared fact `key`. `how` says where the value was read."""
        if key not in self._ledger.declared:
            raise KeyError(f"{key} is not a fact of the contract")
        expected = self._ledger.declared[key]
        fault = self._compare(key, expected, found, how)
        if fault:
            self._ledger.failed[key] = fault
            self._ledger.verified.discard(key)
        elif key not in self._ledger.failed:
            self._ledger.verified.add(key)

    def equal(self, what: str, expected: Any, found: Any, *, how: str = "") -> None:
        """A promise of the kit that is no fact of the contract: `what` names the host and the thing."""
        self._compare(what, expected, found, how)

    def true(self, what: str, holds: bool, *, found: Any = None) -> None:
        """As `equal`, for a condition; `found` is what to show when it does not hold."""
        self._made += 1
        if not holds:
            self._faults.append(
                f"{what}: does not hold" + (f"; found {found!r}" if found is not None else "")
            )

    def unsupported(self, key: str, why: str) -> None:
        """The platform cannot do what `key` is about, and says why."""
        self._made += 1
        self._ledger.unsupported[key] = why

    def _compare(self, what: str, expected: Any, found: Any, how: str) -> str:
        self._made += 1
        if found == expected:
            return ""
        if isinstance(found, dict) and isinstance(expected, dict):  # what is alike is no news
            same = {key for key in found if key in expected and found[key] == expected[key]}
            found = {key: value for key, value in found.items() if key not in same}
            expected = {key: value for key, value in expected.items() if key not in same}
        fault = f"{what}: declared {expected!r}, in effect {found!r}" + (f" ({how})" if how else "")
        self._faults.append(fault)
        return fault

    def settle(self) -> str:
        """Every fault, one a line; a test that has checked nothing is at fault: that proves nothing."""
        self._ledger.checks += self._made
        if not self._made:
            return "this test has checked nothing, and nothing checked proves nothing"
        return "\n".join(self._faults)
