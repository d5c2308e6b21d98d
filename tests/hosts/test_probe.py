"""Each member's probe: what it goes by, that it finds nothing wrong, and that others can read so."""

from __future__ import annotations

import re

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts.etcd import published
from tests.hosts.facts import Check
from tests.hosts.members import Away, has_member, staying
from tests.hosts.snapshot import Snapshot

probing = pytest.mark.where.with_args(has_member)
#: Seconds: figures are written every 5 s.
FRESH = 15
PARTS = ("data", "wal", "connection")
OURS = "flashtier_probe_"


@probing
def test_a_member_is_probed_as_declared(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    """By what the running program says, as node_exporter passes it on."""
    name, found = declared.name, snapshot["probed"]["figures"]
    fact, how = "database.probe", f"metrics of {name}"
    check.fact(f"{fact}.period_ms", milliseconds(found.get(f"{OURS}period_seconds")), how=how)
    check.fact(f"{fact}.failures", found.get(f"{OURS}failures"), how=how)
    check.fact(
        f"{fact}.connection_ms", milliseconds(found.get(f"{OURS}connection_deadline_seconds")), how=how
    )
    deadlines = labelled(found, f"{OURS}volume_deadline_seconds", "volume")
    for volume in contract.database.probe.volumes:
        check.fact(
            f"{fact}.volume.{volume.name}.deadline_ms", milliseconds(deadlines.get(volume.name)), how=how
        )
    check.equal(
        f"{name}: volumes with a deadline", sorted(one.name for one in declared.volumes), sorted(deadlines)
    )


@probing
def test_a_member_finds_nothing_wrong(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    name, probed = declared.name, snapshot["probed"]
    found = probed["figures"]
    check.true(
        f"{name}: figures of its probe younger than {FRESH} s", probed["age"] < FRESH, found=probed["age"]
    )
    verdicts = [one for one, value in labelled(found, f"{OURS}verdict", "verdict").items() if value]
    check.equal(f"{name}: verdict of its probe", ["fine"], verdicts)
    for part in PARTS:
        states = labelled(found, rf'{OURS}state{{part="{part}"', "state")
        check.equal(f"{name}: state of its {part}", ["fine"], [one for one, value in states.items() if value])
    placed = {one.purpose: one.volume for one in declared.placements if one.purpose in PARTS}
    shown = {
        part: volume
        for part in PARTS
        for volume in labelled(found, rf'{OURS}seconds{{part="{part}"', "volume")
    }
    check.equal(f"{name}: volumes that are probed", {**placed, "connection": ""}, shown)
    folders = dict.fromkeys((one.name for one in declared.volumes), "0700 postgres")
    check.equal(f"{name}: the probe's folder on each volume", folders, probed["folders"])


def test_each_members_verdict_is_in_etcd(
    contract: Contract, snapshots: dict[str, Snapshot], away: Away, check: Check
) -> None:
    """Its lease ends 5 s after a probe that is no more."""
    found = published(contract, snapshots, "probes")
    check.equal("members whose probe publishes", sorted(contract.database.members), sorted(found))
    for name in staying(contract, away):
        value = found[name]
        check.equal(f"{name}: verdict in etcd", ("fine", name), (value["verdict"], value["host"]))
        check.equal(
            f"{name}: parts in etcd",
            dict.fromkeys(PARTS, "fine"),
            {part: value[part]["state"] for part in PARTS},
        )


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def labelled(figures: dict[str, float], beginning: str, label: str) -> dict[str, float]:
    """Series whose names begin so, by the value of a label."""
    found = {}
    for name, value in figures.items():
        if name.startswith(beginning) and (says := re.search(rf'[{{,]{label}="([^"]*)"', name)):
            found[says[1]] = value
    return found
