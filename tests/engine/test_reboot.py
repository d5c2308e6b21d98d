"""The machine reboots: devices are gone or come back in another order, and hosts are started before them.

This machine cannot be rebooted by a test. The reboot is simulated: hosts stopped, every loop device
detached, its servers ended, and its files in /dev and /run removed.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from infra.local import guard, loops, names, processes, routes
from tests.engine.stacks import Engine, until

MOUNTS = ("/vol/flash", "/vol/network")


def reboot(engine: Engine) -> None:
    engine.lxc("stop", "--force", "db1", "control1")
    runtime = names.runtime_directory(engine.stack)
    served = sorted((runtime / "throttled").iterdir())
    assert [directory.name for directory in served] == ["db1-network"]
    processes.end(list(processes.serving(runtime)))
    for link in names.link_directory(engine.stack).iterdir():
        device = link.readlink()
        subprocess.run(["losetup", "--detach", device], check=True, timeout=10)
        until(f"{device} is free", lambda device=device: loops.backing_path(device) is None)
    mount = served[0] / "mount"
    if mount.is_mount():
        subprocess.run(["umount", mount], check=True, timeout=10)
    shutil.rmtree(names.link_directory(engine.stack))
    shutil.rmtree(runtime)
    routes.remove_unreachable("10.90.2.0/24")
    guard.unload(engine.stack)


def start(engine: Engine, host: str) -> subprocess.CompletedProcess[str]:
    command = ["lxc", "--project", f"flashtier-{engine.stack}", "start", host]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def point(engine: Engine, volume: str, device: Path) -> None:
    link = names.volume_link(engine.stack, "db1", volume)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(device)


def inside(engine: Engine, command: str) -> str:
    """The output of a command in db1, which may be too broken for SSH."""
    return engine.lxc("exec", "db1", "--", "sh", "-c", f"{command} 2>&1; true").strip()


def refused(engine: Engine) -> str:
    """Check that nothing is mounted in the started db1; return its journal about it."""
    booted = ("running", "degraded")
    until("db1 has booted", lambda: inside(engine, "systemctl is-system-running") in booted, seconds=60)
    assert inside(engine, "systemctl is-system-running") == "degraded"
    assert inside(engine, "findmnt --noheadings --types xfs") == ""
    for mount in MOUNTS:
        assert "Permission denied" in inside(engine, f"sudo -u operator touch {mount}/file"), mount
        assert "Operation not permitted" in inside(engine, f"touch {mount}/file"), mount
    return inside(engine, "journalctl --boot --output=cat --unit='flashtier-volume-*'")


def test_only_the_declared_file_system_is_mounted(engine: Engine) -> None:
    contract = engine.contract()
    uuids = {volume.name: volume.uuid for volume in contract.host("db1").volumes}
    engine.ssh("db1", "echo flash | sudo tee /vol/flash/whose && echo network | sudo tee /vol/network/whose")
    reboot(engine)

    # The links are gone: LXD does not start the host at all.
    done = start(engine, "db1")
    assert done.returncode != 0
    assert 'Failed to start device "flash": The required device path does' in done.stderr, done.stderr

    # The devices exist and nothing is bound to them.
    for volume in uuids:
        free = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=True, timeout=10)
        point(engine, volume, Path(free.stdout.strip()))
    assert start(engine, "db1").returncode == 0
    said = refused(engine)
    for volume in uuids:
        assert (
            f"volume {volume}: /dev/flashtier/{volume} carries no file system that blkid identifies" in said
        )
    assert "Not mounted. On the controller: pulumi up --refresh" in said
    engine.lxc("stop", "--force", "db1")

    # The files are bound under each other's path.
    shutil.rmtree(names.link_directory(engine.stack))
    for volume, other in (("flash", "network"), ("network", "flash")):
        point(engine, volume, loops.bind(names.volume_file(engine.stack, "db1", other)).path)
    assert start(engine, "db1").returncode == 0
    said = refused(engine)
    assert f"/dev/flashtier/flash carries xfs with UUID {uuids['network']}; declared is" in said
    assert f"/dev/flashtier/network carries xfs with UUID {uuids['flash']}; declared is" in said

    engine.up("--refresh")
    whole(engine)
    engine.ssh("db1", "sudo systemctl start vol-flash.mount vol-network.mount")
    for volume in uuids:
        assert engine.ssh("db1", f"cat /vol/{volume}/whose") == volume


def test_one_run_repairs_a_rebooted_machine(engine: Engine) -> None:
    engine.ssh("db1", "echo before | sudo tee /vol/flash/when /vol/network/when")
    reboot(engine)
    engine.up("--refresh")
    whole(engine)
    assert engine.ssh("db1", "systemctl is-system-running --wait") == "running"
    for mount in MOUNTS:
        assert engine.ssh("db1", f"cat {mount}/when") == "before"


def whole(engine: Engine) -> None:
    """Each volume has one device, and a further run finds nothing to do."""
    directory = names.volume_directory(engine.stack)
    throttled = names.throttled_directory(engine.stack, "db1", "network") / "mount/db1-network"
    bound = [file for file in loops.bound().values() if file.parent == directory or file == throttled]
    flash = {file for file in directory.iterdir() if file.name != "db1-network.img"}
    assert sorted(bound) == sorted({*flash, throttled})
    engine.up("--refresh", "--expect-no-changes")
