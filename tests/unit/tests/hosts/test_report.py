"""How a verification ends: counts that add up, and a file that `flashtier summary` can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.environment import Environment
from tests.hosts.facts import Check, Ledger, declared_facts
from tests.hosts.report import counts, kind, not_in_effect, table, write
from tests.support.declared import contract_of, local_environment

CONTRACT = contract_of("unit", Environment.parse(local_environment()))


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("host.db1.address", "host"),
        ("host.db1.size.vcpus", "host"),
        ("host.db1.volume.flash.uuid", "volume"),
        ("host.db1.placement.wal.volume", "placement"),
        ("host.web1.component.nginx", "component"),
        ("host.db1.kernel.vm.swappiness.value", "kernel"),
        ("flow.web1.db1.postgresql.port", "flow"),
        ("database.setting.work_mem.value", "setting"),
        ("database.version", "database"),
        ("access.user", "access"),
        ("unsupported.db1.watchdog", "unsupported"),
        ("cidr", "network"),
    ],
)
def test_every_fact_has_its_row(key: str, row: str) -> None:
    assert key in declared_facts(CONTRACT) or key in (
        "database.setting.work_mem.value",
        "unsupported.db1.watchdog",
    )
    assert kind(key) == row


def test_rows_add_up_to_the_facts() -> None:
    ledger = Ledger(declared_facts(CONTRACT))
    check = Check(ledger)
    check.fact("database.version", 17)
    check.fact("cidr", "10.0.0.0/8")
    check.unsupported("unsupported.db1.vm_sysctl", "a container shares the kernel")
    rows = counts(ledger)
    assert sum(row["declared"] for row in rows.values()) == len(ledger.declared)
    assert (rows["database"]["verified"], rows["network"]["failed"], rows["unsupported"]["unsupported"]) == (
        1,
        1,
        1,
    )
    outcomes = ("verified", "failed", "unsupported", "uncovered")
    for row in rows.values():
        assert sum(row[outcome] for outcome in outcomes) == row["declared"]


def test_the_result_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHTIER_STATE", str(tmp_path))
    (tmp_path / "unit").mkdir()
    ledger = Ledger(declared_facts(CONTRACT))
    Check(ledger).fact("cidr", "10.0.0.0/8")
    path = write(CONTRACT, ledger, ["test_x: cidr: ..."], passed=False, partial=False, seconds=12.34)
    assert [entry.name for entry in (tmp_path / "unit").iterdir()] == ["verified.json"]
    result = json.loads(path.read_text())
    assert (result["stack"], result["passed"], result["partial"]) == ("unit", False, False)
    assert (result["failed"], result["verified"], result["seconds"]) == (1, 0, 12.3)
    assert result["declared"] == len(ledger.declared) == result["uncovered"] + 1
    assert result["failures"] == ["test_x: cidr: ..."]
    assert result["unsupported_reasons"]["vm_sysctl"] == {"hosts": 9, "why": "a container shares the kernel"}


class Terminal:
    """Takes what a run prints at its end."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, text: str) -> None:
        self.lines.append(text)

    line = section


def test_what_is_not_built_yet_is_distinct_from_what_a_platform_cannot_do() -> None:
    ledger = Ledger(declared_facts(CONTRACT))
    check = Check(ledger)
    check.unsupported("unsupported.db1.vm_sysctl", "a container shares the kernel")
    check.unsupported("database.version", "is not built yet")
    assert not_in_effect(CONTRACT, ledger) == {"database.version": "is not built yet"}
    terminal = Terminal()
    table(terminal, CONTRACT, ledger, {"files": {"/etc/a", "/etc/b"}, "units": {"a"}, "accounts": set()})
    assert "not in effect: database.version: is not built yet" in terminal.lines
    assert "not in a list of the kit, and alike on all hosts of an image: 2 files, 1 units" in terminal.lines
