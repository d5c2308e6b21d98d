"""How a run ends: the table of facts for people, and verified.json for `flashtier summary`."""

from __future__ import annotations

import datetime
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from infra.contract import Contract
from infra.paths import state_dir
from tests.hosts.facts import Ledger

#: What a host's facts are about; those that are about itself come under `host`.
PARTS_OF_HOST = ("component", "kernel", "placement", "volume")


def kind(key: str) -> str:
    """The row of the table that a fact belongs to."""
    first, *rest = key.split(".")
    if first == "host":
        return rest[1] if rest[1] in PARTS_OF_HOST else "host"
    if key.startswith("database.setting."):
        return "setting"
    return first if rest else "network"


def counts(ledger: Ledger) -> dict[str, Counter[str]]:
    """By kind: how many facts are declared, verified, failed, unsupported, uncovered."""
    found: dict[str, Counter[str]] = {}
    uncovered = set(ledger.uncovered())
    for key in ledger.declared:
        count = found.setdefault(kind(key), Counter())
        count["declared"] += 1
        count["verified"] += key in ledger.verified
        count["failed"] += key in ledger.failed
        count["unsupported"] += key in ledger.unsupported
        count["uncovered"] += key in uncovered
    return found


COLUMNS = ("declared", "verified", "failed", "unsupported", "uncovered")


def table(terminal: Any, contract: Contract, ledger: Ledger, accepted: dict[str, set[Any]]) -> None:
    """Print the facts by kind, then what is not in effect here and why, and what was accepted of an image."""
    terminal.section(f"facts of stack {contract.stack}")
    terminal.line(f"{'':12}" + "".join(f"{column:>13}" for column in COLUMNS))
    rows = sorted(counts(ledger).items())
    total: Counter[str] = Counter()
    for name, count in rows:
        total.update(count)
        terminal.line(f"{name:12}" + "".join(f"{count[column]:>13}" for column in COLUMNS))
    terminal.line(f"{'all':12}" + "".join(f"{total[column]:>13}" for column in COLUMNS))
    terminal.line(f"{ledger.checks} checks, those of what the kit promises everywhere included")
    for what, (count, why) in unsupported(contract).items():
        terminal.line(f"unsupported on {contract.platform}: {what} ({count} hosts): {why}")
    for key, why in not_in_effect(contract, ledger).items():
        terminal.line(f"not in effect: {key}: {why}")
    if found := ", ".join(f"{len(things)} {kind}" for kind, things in sorted(accepted.items()) if things):
        terminal.line(f"not in a list of the kit, and alike on all hosts of an image: {found}")


def unsupported(contract: Contract) -> dict[str, tuple[int, str]]:
    """What the platform cannot do: on how many hosts, and why."""
    found: dict[str, tuple[int, str]] = {}
    for entry in contract.unsupported:
        found[entry.what] = (found.get(entry.what, (0, ""))[0] + 1, entry.why)
    return found


def not_in_effect(contract: Contract, ledger: Ledger) -> dict[str, str]:
    """Facts that the kit itself does not bring about yet, whatever the platform."""
    reasons = {entry.why for entry in contract.unsupported}
    return {key: why for key, why in sorted(ledger.unsupported.items()) if why not in reasons}


def write(
    contract: Contract, ledger: Ledger, failures: list[str], passed: bool, partial: bool, seconds: float
) -> Path:
    """Leave the run's figures in $FLASHTIER_STATE/<stack>/verified.json, whole or not at all."""
    total: Counter[str] = Counter()
    for count in counts(ledger).values():
        total.update(count)
    content = {
        "stack": contract.stack,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "passed": passed,
        "partial": partial,
        "seconds": round(seconds, 1),
        "checks": ledger.checks,
        **{column: total[column] for column in COLUMNS},
        "unsupported_reasons": {
            what: {"hosts": count, "why": why} for what, (count, why) in unsupported(contract).items()
        },
        "not_in_effect": not_in_effect(contract, ledger),
        "failures": failures,
    }
    path = state_dir(contract.stack) / "verified.json"
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    return fresh.replace(path)
