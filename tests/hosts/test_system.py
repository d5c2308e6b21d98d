"""Kernel settings, logs and updates: in effect, not only written down."""

from __future__ import annotations

import pytest

from infra.contract import Contract, ContractHost
from tests.hosts import exact, promises
from tests.hosts.facts import Check
from tests.hosts.image import Image
from tests.hosts.snapshot import Seen


def test_kernel_settings(declared: ContractHost, contract: Contract, seen: Seen, check: Check) -> None:
    reasons = {entry.what: entry.why for entry in contract.unsupported if entry.host == declared.name}
    for setting in declared.kernel:
        key = f"host.{declared.name}.kernel.{setting.name}.value"
        if setting.name.startswith("vm.") and "vm_sysctl" in reasons:
            check.unsupported(key, reasons["vm_sysctl"])
        else:
            check.fact(key, seen["kernel"][setting.name], how=f"/proc/sys on {declared.name}")


def set_here(seen: Seen) -> list[tuple[str, str]]:
    return [(name, here) for name, (here, _) in seen["sysctls"].items()]


def test_no_other_setting_of_the_network_was_changed(
    declared: ContractHost, seen: Seen, image: Image, check: Check
) -> None:
    """Against a network made just now on the same kernel: what differs is declared, or somebody set it."""
    wanted = {setting.name: setting.value for setting in declared.kernel} | exact.SYSCTLS_OF_SYSTEM
    known = image.completed("kernel settings", declared.name, wanted.items(), set_here)
    others = {name: value for name, value in set_here(seen) if (name, value) not in known}
    check.equal(f"{declared.name}: kernel settings that nobody declared", {}, others)


def test_what_the_platform_cannot_do_is_so_and_is_said(
    declared: ContractHost, contract: Contract, seen: Seen, check: Check
) -> None:
    """Every exemption holds on its host: what the kernel would allow there is none, and the reverse."""
    name = declared.name
    reasons = {entry.what: entry.why for entry in contract.unsupported if entry.host == name}
    for what, able in seen["abilities"].items():
        check.equal(f"{name}: {what} is out of its reach", what in reasons, not able)
    for what, why in reasons.items():
        check.unsupported(f"unsupported.{name}.{what}", why)
        check.true(f"{name}: {what} is something a host can be asked", what in seen["abilities"])
        check.true(f"{name}: {what} has a reason", bool(why.strip()))


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


def asked_for(seen: Seen) -> list[str]:
    return list(seen["installed_packages"]["asked"])


def test_packages(declared: ContractHost, seen: Seen, image: Image, check: Check) -> None:
    state = seen["installed_packages"]["state"]
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
        sorted({*asked_for(seen)} - known),
    )


def test_every_host_has_the_same_packages(
    contract: Contract, snapshots: dict[str, Seen], check: Check
) -> None:
    """All come from one image: a package more or less on one host was somebody's doing.

    On AWS a host gets those of its tier from the archive, so that there only hosts of a tier are alike.
    """
    if contract.platform == "local":
        same_packages(list(snapshots.values()), check)
        return
    tiers: dict[str, list[Seen]] = {}
    for host in contract.hosts:
        tiers.setdefault(host.tier, []).append(snapshots[host.name])
    alike = [seen for seen in tiers.values() if len(seen) > 1]
    if not alike:
        pytest.skip("no tier has two hosts: there are no packages to compare")
    for of_one_tier in alike:
        same_packages(of_one_tier, check)


def same_packages(hosts: list[Seen], check: Check) -> None:
    sets = {seen.name: set(seen["installed_packages"]["state"]) for seen in hosts}
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
