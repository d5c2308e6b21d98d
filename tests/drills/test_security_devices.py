"""A host opens its own volumes and no other device, whatever nodes its root makes.

Containers share the machine's device numbers, and nothing prevents root in a privileged one from mknod: the
device cgroup refuses the open. The host's own volumes, which open, prove that it decides.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.contract import Contract
from infra.local import names
from tests.drills.security.living import living
from tests.drills.security.places import everywhere, host_places

PROGRAM = (Path(__file__).parent / "security" / "device_nodes.py").read_text()

Device = tuple[str, int, int]

#: Numbers of devices that give control of a machine (admin-guide/devices.rst). A watchdog is not among them:
#: opening one starts it.
DANGEROUS: dict[Device, str] = {
    ("c", 1, 1): "mem",
    ("c", 1, 2): "kmem",
    ("c", 1, 4): "port",
    ("c", 1, 11): "kmsg",
    ("c", 4, 0): "tty0",
    ("c", 4, 64): "ttyS0",
    ("c", 10, 223): "uinput",
    ("c", 10, 231): "snapshot",
    ("c", 10, 232): "kvm",
    ("c", 10, 236): "mapper/control",
    ("c", 10, 237): "loop-control",
    ("c", 10, 238): "vhost-net",
    ("c", 202, 0): "cpu/0/msr",
}
#: Devices of every container, and fuse and tun, which LXD adds to privileged ones: none leads out of a host.
HARMLESS: set[Device] = {
    ("c", 1, 3),  # null
    ("c", 1, 5),  # zero
    ("c", 1, 7),  # full
    ("c", 1, 8),  # random
    ("c", 1, 9),  # urandom
    ("c", 5, 0),  # tty
    ("c", 5, 1),  # console
    ("c", 5, 2),  # ptmx
    ("c", 10, 200),  # net/tun
    ("c", 10, 229),  # fuse
}
LOOPS = range(64)


@pytest.fixture(scope="module")
def contract(stack: str) -> Contract:
    return living(stack)


def own_volumes(contract: Contract, host: str) -> dict[Device, str]:
    """Device numbers of a host's volumes on the machine now."""
    found: dict[Device, str] = {}
    for volume in contract.host(host).volumes:
        status = names.volume_link(contract.stack, host, volume.name).stat()
        found["b", os.major(status.st_rdev), os.minor(status.st_rdev)] = volume.name
    return found


def block_devices() -> dict[Device, str]:
    """Every block device of the machine, and loop devices that may be added."""
    known = {("b", 7, minor): f"loop{minor}" for minor in LOOPS}
    for link in Path("/sys/dev/block").iterdir():
        major, minor = link.name.split(":")
        known["b", int(major), int(minor)] = link.resolve().name
    return known


def test_a_host_opens_its_own_volumes_only(contract: Contract, figure: Callable[[str], None]) -> None:
    machine = block_devices()
    known = {**machine, **DANGEROUS, ("c", 1, 3): "null"}
    answers = everywhere(host_places(contract), "python3", "-c", PROGRAM, json.dumps(sorted(known)))
    foreign = 0
    for host, answer in answers.items():
        own = own_volumes(contract, host)
        assert set(own) <= set(machine), f"{host}: the machine does not list its volumes {own}"
        expected = {(*device, way) for device in [*own, ("c", 1, 3)] for way in ("read", "write")}
        opened = {tuple(entry) for entry in json.loads(answer)["opened"]}
        shown = {f"{known[entry[:3]]} ({entry[3]})" for entry in opened ^ expected}
        assert opened == expected, f"{host}: foreign and opened, or its own and not opened: {sorted(shown)}"
        foreign += len(known) - len(own) - 1
    figure(
        f"devices: {foreign} opens of foreign devices refused on {len(answers)} hosts, all own ones allowed"
    )


def test_a_host_has_no_node_of_another_device(contract: Contract) -> None:
    answers = everywhere(host_places(contract), "python3", "-c", PROGRAM, "[]")
    for host, answer in answers.items():
        volumes = {f"{names.HOST_DEVICES}/{volume.name}" for volume in contract.host(host).volumes}
        found = json.loads(answer)["nodes"]
        assert {path for path, kind, *_ in found if kind == "b"} == volumes, host
        strange = [
            path
            for path, kind, major, minor in found
            if kind == "c" and major != 136 and (kind, major, minor) not in HARMLESS
        ]
        assert strange == [], f"{host}: nodes of devices that no host needs"


def test_a_host_cannot_change_the_machines_settings(contract: Contract) -> None:
    """/sys and all of /proc/sys but the network's are read-only; files of the machine's memory are absent."""
    script = (
        "for f in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /sys/block/*/queue/scheduler "
        "/sys/kernel/mm/transparent_hugepage/enabled; "
        "do [ ! -e $f ] || ! ( : >> $f ) 2>/dev/null || echo $f; done; "
        "for f in /proc/kcore /proc/sysrq-trigger /dev/mem; do [ ! -e $f ] || echo $f; done"
    )
    for host, answer in everywhere(host_places(contract), "sh", "-c", script).items():
        assert answer.split() == [], host
