"""What was changed by hand on a running stack: a preview reports it, one run repairs it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from infra.local import names, processes
from tests.engine.stacks import Engine, changed, proposed


def lxc(*arguments: str) -> None:
    subprocess.run(["lxc", *arguments], check=True, capture_output=True, timeout=60)


def test_each_drift_is_reported_and_repaired(engine: Engine) -> None:
    """One of each kind at once; stopped hosts, lost devices and routes are in test_life.py."""
    project, bridge = f"flashtier-{engine.stack}", f"ft-{engine.stack}"
    foreign = names.volume_link(engine.stack, "db1", "flash")
    engine.lxc("delete", "--force", "edge1")
    engine.lxc("config", "set", "web1", "limits.cpu=2", "limits.memory=700MiB")
    engine.lxc("config", "device", "set", "control1", "eth0", "ipv4.address=10.90.2.199")
    engine.lxc("config", "device", "set", "control1", "etcd", f"source={foreign}")
    engine.lxc("config", "device", "remove", "control1", "metrics")
    lxc("network", "set", bridge, "ipv4.nat=false", "ipv4.dhcp.ranges=10.90.2.200-10.90.2.201")
    lxc("network", "set", bridge, "ipv4.address=10.90.2.2/24")
    lxc("project", "set", project, "limits.containers=4")
    lxc("storage", "set", project, "rsync.bwlimit=1MiB")
    drifted = {
        "edge1": "create",
        "web1": "update",
        "control1": "update",
        "control1-etcd": "update",
        "control1-metrics": "create",
        "network": "update",
        "project": "update",
        "pool": "update",
    }
    preview = engine.run("preview", "--refresh", "--expect-no-changes")
    assert preview.returncode != 0
    assert proposed(preview.stdout) == drifted, preview.stdout
    assert changed(engine.up("--refresh")) == {name: f"{what}d" for name, what in drifted.items()}
    engine.up("--refresh", "--expect-no-changes")
    assert engine.ssh("edge1", "hostname") == "edge1"
    addresses = engine.ssh("control1", "ip -oneline -4 address show dev eth0")
    assert "10.90.2.150/24" in addresses
    assert "10.90.2.199" not in addresses
    for volume in ("etcd", "metrics"):
        number = names.volume_link(engine.stack, "control1", volume).stat().st_rdev
        device = engine.ssh(
            "control1",
            f"sudo dd if=/dev/flashtier/{volume} of=/dev/null count=1 status=none;"
            f"stat --format=%t:%T /dev/flashtier/{volume}",
        )
        assert device == f"{os.major(number):x}:{os.minor(number):x}"


def test_a_volume_is_not_detached_while_it_is_mounted(engine: Engine) -> None:
    urn = f"urn:pulumi:{engine.stack}::flashtier::lxd:index:VolumeAttachment::db1-flash"
    done = engine.run("destroy", "--yes", "--skip-preview", "--target", urn)
    assert done.returncode != 0
    assert (
        "error: host db1: volume flash is mounted at /vol/flash and is not removed while it is in use; "
        "in the host, stop what uses it and unmount it (umount /vol/flash), then run it again"
    ) in done.stdout
    assert engine.ssh("db1", "findmnt --noheadings --output=TARGET /vol/flash") == "/vol/flash"
    # Another device may not replace it under the mount either.
    other = names.volume_link(engine.stack, "control1", "etcd").readlink()
    link = names.volume_link(engine.stack, "db1", "flash")
    device = link.readlink()
    link.unlink()
    link.symlink_to(other)
    try:
        done = engine.run("up", "--yes", "--skip-preview", "--refresh")
    finally:
        assert link.readlink() == device, "the volume's link was not restored"
    assert done.returncode == 0, done.stdout
    assert engine.ssh("db1", "findmnt --noheadings --output=TARGET /vol/flash") == "/vol/flash"


def test_a_host_whose_volume_has_died_under_its_mount_is_restarted(engine: Engine) -> None:
    """The server of the network class is killed: the host's mount cannot be repaired; the data is intact."""
    engine.ssh("db1", "echo kept | sudo tee /vol/network/kept && sudo sync /vol/network/kept")
    served = processes.serving(names.throttled_directory(engine.stack, "db1", "network"))
    os.kill(next(pid for pid, program in served.items() if program == "nbdkit"), signal.SIGKILL)
    text = engine.up("--refresh")
    assert "host db1: was restarted, because the device of volume network had died under /vol/network" in text
    assert engine.ssh("db1", "cat /vol/network/kept") == "kept"
    assert engine.ssh("db1", "systemctl is-system-running") == "running"
    engine.up("--refresh", "--expect-no-changes")


def test_the_network_of_a_killed_host_is_removed_before_its_restart(engine: Engine) -> None:
    """LXD's record of it and a device of that name remain for a while after a host was killed."""
    link = "ft-killed"
    engine.lxc("stop", "--force", "web1")
    engine.lxc("config", "set", "web1", f"volatile.eth0.host_name={link}")
    pair = ["ip", "link", "add", link, "type", "veth", "peer", "name", f"{link}-end"]
    subprocess.run(pair, check=True, timeout=10)
    try:
        assert changed(engine.up("--refresh")) == {"web1": "updated"}
        assert not Path("/sys/class/net", link).exists()
    finally:
        subprocess.run(["ip", "link", "delete", link], check=False, capture_output=True, timeout=10)
    assert engine.ssh("web1", "hostname") == "web1"
    engine.up("--refresh", "--expect-no-changes")


def test_a_device_that_others_may_open_is_closed_again(engine: Engine) -> None:
    """In the host, while it is mounted: whoever opens the device reads the data past its file system."""
    engine.ssh("db1", "sudo chmod 0666 /dev/flashtier/flash && sudo chown operator /dev/flashtier/flash")
    text = engine.run("preview", "--refresh", "--expect-no-changes")
    assert text.returncode != 0
    assert proposed(text.stdout) == {"db1-flash": "update"}, text.stdout
    assert changed(engine.up("--refresh")) == {"db1-flash": "updated"}
    assert engine.ssh("db1", "stat --format=%a:%U:%G /dev/flashtier/flash") == "660:root:root"
    assert engine.ssh("db1", "findmnt --noheadings --output=TARGET /vol/flash") == "/vol/flash"


def test_direct_io_is_on_again_under_its_mount(engine: Engine) -> None:
    device = names.volume_link(engine.stack, "db1", "flash").readlink()
    subprocess.run(["losetup", "--direct-io=off", device], check=True, timeout=10)
    text = engine.run("preview", "--refresh", "--expect-no-changes")
    assert text.returncode != 0
    assert f"host db1, volume flash: {device}: direct I/O = off, must be on" in text.stdout
    assert changed(engine.up("--refresh")) == {"db1-flash": "updated"}
    shown = ["losetup", "--list", "--noheadings", "--output=DIO", device]
    assert subprocess.run(shown, capture_output=True, text=True, timeout=10, check=True).stdout.strip() == "1"
    engine.up("--refresh", "--expect-no-changes")
