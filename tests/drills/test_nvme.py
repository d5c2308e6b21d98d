"""The storage role on NVMe semantics: drives named as on EC2, in a QEMU machine. Nothing here is about speed.

No AWS: files behind the kernel's NVMe target play the drives (tests/drills/nvme). The roles are real, and so
are the cluster on the drives, its unit and the kernel of Debian's images for the cloud.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drills.living import Timer
from tests.drills.nvme import hosts
from tests.drills.nvme.accelerator import accelerator
from tests.drills.nvme.image import image
from tests.drills.nvme.machine import Machine

SERIALS = ("AWS1F1E2D3C4B5A6979", "AWS1F1E2D3C4B5A6978", "AWS1F1E2D3C4B5A6977", "AWS1F1E2D3C4B5A6976")
OTHERS = ("AWS2F1E2D3C4B5A6979", "AWS2F1E2D3C4B5A6978", "AWS2F1E2D3C4B5A6977", "AWS2F1E2D3C4B5A6976")
TUNED = ("none", "128")
PSQL = "runuser -u postgres -- /usr/lib/postgresql/17/bin/psql -h /run/postgresql -Atqc"
#: Files on the root disk at the volume's paths.
FIND = "find /vol/flash /pg/data /pg/wal /pg/temp -xdev -mindepth 1"
#: Open the watchdog, write to it once and no more, as a process that was killed.
STARVE = "sh -c 'echo >/dev/watchdog'"
#: The watchdog's timeout in seconds.
PATIENCE = 15


@pytest.fixture(scope="module")
def installed(figure: Callable[[str], None]) -> None:
    """QEMU, from the machine's own archive."""
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "qemu-system-x86", "qemu-utils"]
    figure("nvme: packages of QEMU")
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=900, check=True)


@pytest.fixture(scope="module")
def accelerated(
    installed: None, tmp_path_factory: pytest.TempPathFactory, figure: Callable[[str], None]
) -> str:
    return accelerator(image(figure), tmp_path_factory.mktemp("trial"), figure)


@pytest.fixture(params=[2, 4])
def machine(
    request: pytest.FixtureRequest, accelerated: str, tmp_path: Path, figure: Callable[[str], None]
) -> Iterator[Machine]:
    made = Machine(image(figure), tmp_path, accelerated)
    made.plug("store", *SERIALS[: request.param])
    made.plug("ebs", hosts.EBS_SERIAL, "vol0ffffffffffffffff")
    made.plug("other", "FREE0001")
    try:
        figure(f"nvme: {request.param} drives: booted in {made.start():.0f} s")
        yield made
    finally:
        made.kill()


def test_drives_in_the_host(machine: Machine, figure: Callable[[str], None]) -> None:
    count = len(list((machine.folder / "store.drives").iterdir()))
    timer = Timer()
    refused(machine, hosts.volumes(count + 1), f"has {count} drives of model", "pulumi up --refresh")
    went(machine, hosts.volumes(count))
    figure(f"nvme: {count} drives made one volume; {timer}")
    assert_as_declared(machine, count)
    again = went(machine, hosts.volumes(count))
    assert "changed=0 " in again, again[-600:]
    keep_a_row(machine, hosts.volumes(count))

    figure(f"nvme: rebooted in {machine.reboot():.0f} s")
    assert_row_kept(machine)
    assert_as_declared(machine, count)

    machine.output(f"modprobe softdog soft_margin={PATIENCE}")
    assert machine.output("cat /sys/class/watchdog/watchdog0/identity") == "Software Watchdog"
    figure(f"nvme: reset by softdog, up again in {machine.reboot(by=STARVE):.0f} s")
    assert_row_kept(machine)

    machine.stop()
    machine.plug("store", *OTHERS[:count])
    figure(f"nvme: stopped, other drives, booted in {machine.start():.0f} s")
    assert machine.ssh("mountpoint -q /vol/flash", check=False).returncode != 0
    assert machine.ssh("mountpoint -q /vol/log", check=False).returncode == 0
    assert_no_server_on_the_root_disk(machine)
    refused(machine, hosts.volumes(count), f"{count} of {count} drives are blank", "acceptBlank db1-flash")
    timer = Timer()
    went(machine, hosts.volumes(count, accept_blank=True))
    figure(f"nvme: {count} blank drives, accepted, made one volume; {timer}")
    assert_as_declared(machine, count)
    refused(machine, hosts.volumes(count, accept_blank=True), "nothing is lost")
    # Accepting a blank volume does not accept a missing cluster.
    assert_not_started(machine, "dependency job")
    said = machine.output("journalctl --boot --output=cat --unit=flashtier-member.service")
    assert "pg_controldata cannot read /pg/data/17. Patroni is not started" in said, said


def went(machine: Machine, volumes: list[dict[str, Any]]) -> str:
    done = hosts.play(machine, volumes)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def refused(machine: Machine, volumes: list[dict[str, Any]], *parts: str, **which: Any) -> None:
    """The role fails with a message that contains all `parts`."""
    done = hosts.play(machine, volumes, **which)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert [part for part in parts if part not in said] == [], said[-3000:]


#: The unit is active when the process has started, and that serves a moment later.
SERVES = f"timeout 60 sh -c 'until {PSQL} \"SELECT 1\" >/dev/null 2>&1; do sleep 0.2; done'"


def keep_a_row(machine: Machine, volumes: list[dict[str, Any]]) -> None:
    """The role's own cluster and unit, enabled as the role enables it, and a row in it."""
    done = hosts.play(machine, volumes, hosts.CLUSTER)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    machine.output("systemctl daemon-reload")
    machine.output(f"systemctl enable --now {hosts.UNIT}")
    machine.output(SERVES)
    machine.output(f"{PSQL} 'CREATE TABLE drill AS SELECT 42 AS kept'")


def assert_row_kept(machine: Machine) -> None:
    machine.output(SERVES)
    assert machine.output(f"{PSQL} 'TABLE drill'") == "42"


def assert_as_declared(machine: Machine, count: int) -> None:
    listing = json.loads(
        machine.output("lsblk --json --bytes --output NAME,PATH,TYPE,MODEL,SERIAL,SIZE,SCHED,RA,MOUNTPOINT")
    )
    disks = {disk["serial"]: disk for disk in listing["blockdevices"]}
    drives = [disk for disk in disks.values() if disk["model"] == "Amazon EC2 NVMe Instance Storage"]
    assert len(drives) == count
    for drive in drives:
        (part,) = drive["children"]
        (array,) = part["children"]
        assert part["size"] == hosts.PARTITION_BYTES
        assert (array["type"], array["mountpoint"]) == ("raid0", "/vol/flash")
        assert (drive["sched"], str(drive["ra"])) == TUNED
        assert str(array["ra"]) == TUNED[1]
    assert disks[hosts.EBS_SERIAL]["mountpoint"] == "/vol/log"
    assert disks[hosts.EBS_SERIAL]["sched"] == TUNED[0]
    for serial in ("FREE0001", "vol0ffffffffffffffff"):
        assert not disks[serial].get("children"), "an undeclared drive was used"
    level = machine.output(f"mdadm --detail --export {hosts.array_device(hosts.IDENTITY)}")
    assert f"MD_DEVICES={count}" in level
    for mount, identity in (("/vol/flash", hosts.IDENTITY), ("/vol/log", hosts.LOG_IDENTITY)):
        assert machine.output(f"findmnt --noheadings --output FSTYPE,UUID {mount}").split() == [
            "xfs",
            str(identity),
        ]


def assert_not_started(machine: Machine, reason: str, *how: str) -> None:
    done = machine.ssh(" ".join(["sudo systemctl start", *how, hosts.UNIT]), check=False)
    assert done.returncode != 0
    assert reason in done.stderr, done.stderr
    assert machine.ssh("pgrep -u postgres", check=False).stdout == ""


def assert_no_server_on_the_root_disk(machine: Machine) -> None:
    """The unit does not start, and even root cannot write to the data's path: no server can start there."""
    assert_not_started(machine, "dependency job")
    said = machine.output("journalctl --boot --output=cat --unit=flashtier-volume-flash.service")
    assert f"volume flash: {hosts.volumes(len(OTHERS))[0]['device']} is not a block device" in said, said
    assert machine.output(FIND) == ""
    # The mount's failure is one guard, the unit's own assertions about its paths another: they hold alone,
    # even where something like a cluster is on the root disk.
    machine.output("chattr -i /pg/data")
    machine.output("install -D /dev/null /pg/data/17/PG_VERSION")
    assert_not_started(machine, "Assertion failed", "--job-mode=ignore-dependencies")
    machine.output("rm -r /pg/data/17")
    machine.output("chattr +i /pg/data")
    for path in ("/vol/flash", "/pg/data"):
        assert machine.ssh(f"sudo touch {path}/x", check=False).returncode != 0, path
    begun = "sudo -u postgres /usr/lib/postgresql/17/bin/initdb -D /pg/data/17"
    assert machine.ssh(begun, check=False).returncode != 0
    assert machine.output(FIND) == ""
