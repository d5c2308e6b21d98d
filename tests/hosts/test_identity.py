"""Each host is the declared one: name, address, keys, size. No two share what must be unique."""

from __future__ import annotations

import ipaddress

import pytest

from infra.contract import Contract, ContractHost
from infra.topology import volume_uuid
from tests.hosts.facts import Check
from tests.hosts.promises import CLOCK, on_aws
from tests.hosts.snapshot import Snapshot

#: What `systemd-detect-virt` calls a platform's hosts.
VIRTUALIZATION = {"local": "lxc", "aws": "amazon"}

#: The part of a type's memory that a kernel has for programs, at least: firmware and kernel take some first,
#: on small types a tenth. Types differ by half and more. A container is given what is declared.
LEAST_MEMORY = 0.85


def test_name_and_system(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    own, name = snapshot["identity"], declared.name
    check.equal(f"{name}: hostname", name, own["hostname"])
    check.fact("domain", own["fqdn"].partition(".")[2], how=f"FQDN of {name} without its name")
    check.equal(f"{name}: distribution", ("debian", "trixie"), (own["distribution"], own["codename"]))
    check.equal(f"{name}: time zone", "Etc/UTC", own["time_zone"], how="/etc/localtime")
    check.equal(f"{name}: locale", "C.UTF-8", own["locale"], how="/etc/locale.conf")
    found = next(
        (platform for platform, kind in VIRTUALIZATION.items() if kind == own["virtualization"]), None
    )
    check.fact("platform", found, how=f"systemd-detect-virt on {name}: {own['virtualization']}")


def test_ssh_host_key(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    keys = snapshot["identity"]["ssh_host_keys"]
    check.fact(f"host.{declared.name}.ssh_host_key", keys.get("ssh_host_ed25519_key.pub"))


def test_names_resolve_alike_everywhere(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    resolved = snapshot["identity"]["names"]
    for host in contract.hosts:
        for name in (host.name, f"{host.name}.{contract.domain}"):
            check.equal(f"{declared.name}: address of {name}", [host.address], resolved[name])


def test_address_and_route(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    addresses = [
        (entry["local"], entry["prefixlen"])
        for link in snapshot["network"]["addresses"]
        for entry in link["addr_info"]
        if link["ifname"] != "lo"
    ]
    check.fact(f"host.{declared.name}.address", addresses[0][0] if len(addresses) == 1 else addresses)
    for address, prefix in addresses:
        network = ipaddress.ip_interface(f"{address}/{prefix}").network
        if contract.platform == "local":
            check.fact("cidr", str(network), how=f"address of {declared.name}")
            continue
        # A host lies in its zone's part of the range.
        metadata = snapshot["instance"]
        networks = metadata["networks"][0] if len(metadata["networks"]) == 1 else metadata["networks"]
        check.fact("cidr", networks, how=f"network of {declared.name}, says EC2")
        check.equal(f"{declared.name}: network of {address}", metadata["subnet"], str(network))
        inside = network.subnet_of(ipaddress.ip_network(contract.cidr))
        check.true(f"{declared.name}: {network} is a part of the range", inside)
    gateways = [route.get("gateway") for route in snapshot["network"]["routes"] if route["dst"] == "default"]
    check.fact(f"host.{declared.name}.gateway", gateways[0] if len(gateways) == 1 else gateways, how="routes")


@pytest.mark.where(lambda host: on_aws(host))
def test_instance(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """What EC2 reports to the host; the firmware of Nitro names the instance as well."""
    name, metadata = declared.name, snapshot["instance"]
    check.fact(f"host.{name}.instance_id", metadata["instance_id"], how="instance metadata service")
    check.fact(f"host.{name}.zone", metadata["zone"], how="instance metadata service")
    check.equal(f"{name}: address, says EC2", declared.address, metadata["address"])
    check.equal(f"{name}: instance, says the firmware", declared.instance_id, metadata["firmware"])
    check.equal(f"{name}: metadata without a session's token", 401, metadata["without_token"])


@pytest.mark.where(lambda host: on_aws(host))
def test_the_time_comes_from_amazon(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """The firewall lets nothing out to another clock."""
    check.equal(
        f"{declared.name}: clock",
        (CLOCK, "yes"),
        (snapshot["clock"]["server"], snapshot["clock"]["synchronized"]),
    )


def test_size(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    capacity = snapshot["capacity"]
    check.fact(f"host.{declared.name}.size.vcpus", capacity["cpus"], how="/proc/cpuinfo")
    check.equal(f"{declared.name}: cores that a program may use", declared.size.vcpus, capacity["nproc"])
    memory = capacity["memory_kib"] / 1024
    if on_aws(declared):
        left = memory / declared.size.memory_mib
        check.true(
            f"{declared.name}: memory for programs", LEAST_MEMORY <= left < 1, found=f"{left:.2f} of it"
        )
    else:
        check.fact(f"host.{declared.name}.size.memory_mib", memory, how="MemTotal")


def test_tier(declared: ContractHost, snapshot: Snapshot, check: Check) -> None:
    """A tier is what a host serves: the program that only this tier runs."""
    running = {name for name, _ in snapshot["processes"]}
    has = {
        tier
        for tier, sign in {
            "edge": "haproxy" in running,
            "web": "nginx" in running,
            "database": "/pg/data" in snapshot["mounts"],
            "control": "/var/lib/etcd" in snapshot["mounts"],
        }.items()
        if sign
    }
    check.fact(f"host.{declared.name}.tier", has.pop() if len(has) == 1 else sorted(has))


def test_nothing_is_shared_that_must_be_unique(
    contract: Contract, snapshots: dict[str, Snapshot], check: Check
) -> None:
    for what, value in {
        "machine-id": lambda snapshot: snapshot["identity"]["machine_id"],
        "SSH host key": lambda snapshot: snapshot["identity"]["ssh_host_keys"].get(
            "ssh_host_ed25519_key.pub"
        ),
        "certificate": lambda snapshot: snapshot["installed"]["host.crt"],
    }.items():
        holders: dict[str, list[str]] = {}
        for name, snapshot in snapshots.items():
            holders.setdefault(value(snapshot), []).append(name)
        shared = [names for names in holders.values() if len(names) > 1]
        check.equal(f"hosts that share one {what}", [], shared)


def test_file_systems_are_named_after_the_stack(contract: Contract, check: Check) -> None:
    """The stack's name is in every volume's identity; the devices themselves are held to it elsewhere."""
    for host in contract.hosts:
        for volume in host.volumes:
            same = volume.uuid == volume_uuid(contract.stack, host.name, volume.name)
            check.fact("stack", contract.stack if same else None, how=f"UUID of {host.name}'s {volume.name}")
