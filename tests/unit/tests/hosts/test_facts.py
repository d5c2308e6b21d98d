"""The bookkeeping of tests/hosts: no fact is lost, no fault is swallowed, nothing checked is a fault."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from infra.environment import Environment
from tests.hosts.facts import Check, Ledger, declared_facts
from tests.support.declared import contract_of, environments, leaves, local_environment

CONTRACT = contract_of("local", Environment.parse(local_environment()))
FACTS = declared_facts(CONTRACT)


def test_facts_have_names_in_place_of_positions() -> None:
    flash = CONTRACT.host("db1").volumes[0]
    assert FACTS["host.db1.volume.flash.uuid"] == flash.uuid
    assert FACTS["host.db1.placement.wal.path"] == "/pg/wal"
    assert FACTS["host.web1.component.nginx"] is True
    assert FACTS["flow.web1.db1.postgresql.port"] == 5432
    assert FACTS["database.setting.shared_buffers.value"] == "512MB"
    assert FACTS["unsupported.db1.vm_sysctl"] is True
    assert FACTS["access.authorized_keys"] == ["ssh-ed25519 AAAAunit controller"]
    assert not any(part.isdigit() for key in FACTS for part in key.split("."))
    assert not any(key.endswith((".reason", ".why")) for key in FACTS)


@given(environments(max_web=5))
@settings(max_examples=25)
def test_every_scalar_of_the_contract_is_a_fact(declared: Any) -> None:
    contract = contract_of("unit", Environment.parse(declared))
    facts = declared_facts(contract)
    for host in contract.hosts:
        # What a platform lacks is no fact.
        scalars = sum(
            isinstance(path[-1], str) and value is not None
            for path, value in leaves(host.model_dump(mode="json"))
        )
        names = 1 + len(host.volumes) + len(host.placements)  # they are in the keys
        annotated = 3 * len(host.kernel)  # of a setting's four fields, only its value is a fact
        # A fact for each component; a volume's mount options are one.
        lists = len(host.components) + len(host.volumes)
        seen = sum(key.startswith(f"host.{host.name}.") for key in facts)
        assert seen == scalars - names - annotated + lists
    assert sum(key.startswith("flow.") for key in facts) == 2 * len(contract.flows)


def test_a_fact_is_verified_only_by_its_declared_value() -> None:
    ledger = Ledger({"a.b": 1, "a.c": 2})
    check = Check(ledger)
    check.fact("a.b", 1)
    check.fact("a.c", 3, how="read from c")
    assert ledger.verified == {"a.b"}
    assert check.settle() == "a.c: declared 2, in effect 3 (read from c)"
    assert ledger.uncovered() == []
    assert ledger.checks == 2


def test_a_fact_that_failed_once_stays_failed() -> None:
    ledger = Ledger({"a": 1})
    for seen in (1, 2, 1):
        Check(ledger).fact("a", seen)
    assert ledger.verified == set()
    assert list(ledger.failed) == ["a"]


def test_all_faults_of_a_test_are_reported() -> None:
    check = Check(Ledger({}))
    check.equal("db1: time zone", "Etc/UTC", "Europe/Rome")
    check.true("db1: root is locked", False, found="set")
    check.true("db1: fine", True)
    assert check.settle().splitlines() == [
        "db1: time zone: declared 'Etc/UTC', in effect 'Europe/Rome'",
        "db1: root is locked: does not hold; found 'set'",
    ]


def test_of_two_mappings_only_the_difference_is_reported() -> None:
    check = Check(Ledger({}))
    check.equal("ports", {1: "a", 2: "b", 3: "c"}, {1: "a", 2: "x", 4: "d"})
    check.equal("same", {1: "a"}, {1: "a"})
    assert check.settle() == "ports: declared {2: 'b', 3: 'c'}, in effect {2: 'x', 4: 'd'}"


def test_a_test_that_checks_nothing_fails() -> None:
    assert "checked nothing" in Check(Ledger({"a": 1})).settle()


def test_a_fact_that_no_check_covers_is_reported() -> None:
    ledger = Ledger({"a": 1, "b": 2, "c": True})
    check = Check(ledger)
    check.fact("a", 1)
    check.unsupported("c", "a container shares the kernel")
    assert check.settle() == ""
    assert ledger.uncovered() == ["b"]


def test_an_unknown_fact_is_an_error_of_the_test() -> None:
    with pytest.raises(KeyError, match="is not a fact"):
        Check(Ledger({})).fact("host.nobody.tier", "web")
