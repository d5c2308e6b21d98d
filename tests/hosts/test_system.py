"""Kernel settings, logs and updates: in effect, not only written down."""

from __future__ import annotations

from infra.contract import Contract, ContractHost
from tests.hosts import promises
from tests.hosts.facts import Check
from tests.hosts.snapshot import Seen


def test_kernel_settings(declared: ContractHost, contract: Contract, seen: Seen, check: Check) -> None:
    reasons = {entry.what: entry.why for entry in contract.unsupported if entry.host == declared.name}
    for setting in declared.kernel:
        key = f"host.{declared.name}.kernel.{setting.name}.value"
        if setting.name.startswith("vm.") and "vm_sysctl" in reasons:
            check.unsupported(key, reasons["vm_sysctl"])
        else:
            check.fact(key, seen["kernel"][setting.name], how=f"/proc/sys on {declared.name}")


def test_what_the_platform_cannot_do_is_said(contract: Contract, check: Check) -> None:
    for entry in contract.unsupported:
        check.unsupported(f"unsupported.{entry.host}.{entry.what}", entry.why)
        check.true(f"{entry.host}: {entry.what} has a reason", bool(entry.why.strip()))


def test_journal(declared: ContractHost, seen: Seen, check: Check) -> None:
    """What journald announced when it opened its files: a limit that it has not read does not count."""
    machine = seen["identity"]["machine_id"]
    limits = {path.removesuffix(f"/{machine}"): size for path, size in seen["journal"].items()}
    check.equal(
        f"{declared.name}: limit of the journal on disk",
        promises.JOURNAL_BYTES,
        limits.get("/var/log/journal"),
    )


def test_updates(declared: ContractHost, seen: Seen, check: Check) -> None:
    packages = seen["packages"]
    for key, value in promises.UPDATES.items():
        check.equal(f"{declared.name}: {key}", value, packages["settings"].get(key), how="apt-config dump")
    check.equal(f"{declared.name}: packages held back", [], packages["held"])
