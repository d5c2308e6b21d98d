"""Kernel settings, logs and updates: in effect, not only written down."""

from __future__ import annotations

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts import exact, promises
from tests.hosts.facts import Check
from tests.hosts.image import Image
from tests.hosts.snapshot import Snapshot


def test_kernel_settings(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    reasons = {entry.what: entry.why for entry in contract.unsupported if entry.host == declared.name}
    for setting in declared.kernel:
        key = f"host.{declared.name}.kernel.{setting.name}.value"
        if setting.name.startswith("vm.") and "vm_sysctl" in reasons:
            check.unsupported(key, reasons["vm_sysctl"])
        else:
            check.fact(key, snapshot["kernel"][setting.name], how=f"/proc/sys on {declared.name}")


def set_here(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(name, here) for name, (here, _) in snapshot["sysctls"].items()]


def test_no_other_setting_of_the_network_was_changed(
    declared: ContractHost, snapshot: Snapshot, image: Image, check: Check
) -> None:
    """Against a network made just now on the same kernel: what differs is declared, or a person set it."""
    wanted = {setting.name: setting.value for setting in declared.kernel} | exact.SYSCTLS_OF_SYSTEM
    known = image.completed("kernel settings", declared.name, wanted.items(), set_here)
    others = {name: value for name, value in set_here(snapshot) if (name, value) not in known}
    check.equal(f"{declared.name}: kernel settings that are not declared", {}, others)


def test_what_the_platform_cannot_do_is_so_and_is_said(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    """Every exemption holds on its host: what the kernel would allow there is none, and the reverse."""
    name = declared.name
    reasons = {entry.what: entry.why for entry in contract.unsupported if entry.host == name}
    for what, able in snapshot["abilities"].items():
        check.equal(f"{name}: {what} is out of its reach", what in reasons, not able)
    for what, why in reasons.items():
        check.unsupported(f"unsupported.{name}.{what}", why)
        check.true(f"{name}: {what} is something a host can be asked", what in snapshot["abilities"])
        check.true(f"{name}: {what} has a reason", bool(why.strip()))


def test_journal(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """What journald announced when it opened its files: a limit that it has not read does not count."""
    machine = snapshot["identity"]["machine_id"]
    limits = {path.removesuffix(f"/{machine}"): size for path, size in snapshot["journal"].items()}
    check.equal(
        f"{declared.name}: limit of the journal on disk",
        promises.JOURNAL_BYTES,
        limits.get("/var/log/journal"),
    )


def test_updates(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    packages = snapshot["packages"]
    for key, value in promises.UPDATES.items():
        check.equal(f"{declared.name}: {key}", value, packages["settings"].get(key), how="apt-config dump")
    check.equal(f"{declared.name}: packages held back", [], packages["held"])


def asked_for(snapshot: Snapshot) -> list[str]:
    return list(snapshot["installed_packages"]["asked"])


def test_packages(declared: ContractHost, snapshot: Snapshot, image: Image, check: Check) -> None:
    state = snapshot["installed_packages"]["state"]
    known = image.completed("packages", declared.name, exact.asked_for(declared), asked_for)
    broken = {name: status for name, status in state.items() if status != "install ok installed"}
    check.equal(f"{declared.name}: packages that are held, half installed or removed", {}, broken)
    check.equal(
        f"{declared.name}: packages that are missing",
        [],
        sorted(exact.packages(declared) - set(state)),
    )
    check.equal(
        f"{declared.name}: packages that no role installs and no package needs (a person purges them)",
        [],
        sorted({*asked_for(snapshot)} - known),
    )


def test_every_host_has_the_same_packages(
    contract: Contract, snapshots: dict[str, Snapshot], check: Check
) -> None:
    """All come from one image: a package more or less on one host was a person's doing.

    On AWS a host gets those of its tier from the archive, so that there only hosts of a tier are alike.
    """
    if contract.platform == "local":
        same_packages(list(snapshots.values()), check)
        return
    tiers: dict[str, list[Snapshot]] = {}
    for host in contract.hosts:
        tiers.setdefault(host.tier, []).append(snapshots[host.name])
    alike = [snapshot for snapshot in tiers.values() if len(snapshot) > 1]
    if not alike:
        pytest.skip("no tier has two hosts: there are no packages to compare")
    for of_one_tier in alike:
        same_packages(of_one_tier, check)


def same_packages(hosts: list[Snapshot], check: Check) -> None:
    sets = {snapshot.name: set(snapshot["installed_packages"]["state"]) for snapshot in hosts}
    everywhere = set.intersection(*sets.values())
    for name, own in sets.items():
        extra = sorted(
            package
            for package in own - everywhere
            if sum(package in other for other in sets.values()) == 1
            # A new kernel comes to each host at a time of its own, within a day.
            and not package.startswith("linux-image-")
        )
        check.equal(f"{name}: packages that no other host has", [], extra)
