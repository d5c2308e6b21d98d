"""What the machine loses under a running stack is detected, repaired and reported by the next `make up`.

The daemon of LXD and lxcfs are killed here as well (tests marked `machine`), so this drill affects every
environment of the machine: run it where no other one is in use, or leave those tests out with
OPTIONS='-m "not machine"'. Each victim is found by what it serves, never by its name.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local import loops, names, processes
from infra.local.lxd import Lxd
from infra.stack.outputs import forget, read_contract
from tests.drills.hosts import Inside
from tests.drills.killed import assert_no_leftovers
from tests.drills.runs import complete, running, until

LXD_SOCKET = "/var/lib/lxd/unix.socket"
LXCFS_MOUNT = "/var/lib/lxcfs"


@pytest.fixture(scope="module")
def inside(stack: str) -> Inside:
    complete(stack, "daemon-before")
    forget()
    return Inside(read_contract(stack))


def finish(stack: str, name: str, figure: Callable[[str], None]) -> str:
    """Run the `make up` that repairs it; return its output."""
    run = complete(stack, f"daemon-{name}")
    figure(f"{name}: repaired in {run.seconds:.0f} s")
    assert_no_leftovers(stack)
    return run.text()


def throttled(stack: str) -> Path:
    """The directory of the servers of one volume of the network class."""
    found = sorted((names.runtime_directory(stack) / "throttled").iterdir())
    assert found, "the stack has no volume of class network"
    return found[0]


@pytest.mark.parametrize("program", ["nbdkit", "nbdfuse", "both"])
def test_servers_of_a_throttled_volume(
    stack: str, inside: Inside, figure: Callable[[str], None], program: str
) -> None:
    """A host has it mounted, and PostgreSQL logs there: it gets errors until the device is replaced."""
    directory = throttled(stack)
    before = names.volume_link(stack, *directory.name.split("-", 1)).readlink()
    serving = processes.serving(directory)
    assert sorted(serving.values()) == ["nbdfuse", "nbdkit"]
    for pid, served in serving.items():
        if program in (served, "both"):
            os.kill(pid, signal.SIGKILL)
    text = finish(stack, f"killed {program}", figure)
    host, _, volume = directory.name.partition("-")
    assert f"{host}-{volume} updated" in text, "the run does not name the volume that it bound again"
    after = names.volume_link(stack, host, volume).readlink()
    assert loops.answers(after)
    assert not (before != after and loops.backing_path(before)), "the dead device is still bound"


def test_orphaned_loop_devices(stack: str, inside: Inside, figure: Callable[[str], None]) -> None:
    """A second device over a volume's file, one over a deleted file, one over a file outside the stack."""
    file = sorted(names.volume_directory(stack).glob("*.img"))[0]
    gone = names.volume_directory(stack) / "drill-gone.img"
    gone.touch()
    os.truncate(gone, 1 << 20)
    foreign = Path("/var/tmp/flashtier-drill-foreign.img")  # noqa: S108 - a fixed name, found again after a kill
    foreign.touch()
    os.truncate(foreign, 1 << 20)
    devices = [attach(path) for path in (file, gone, foreign)]
    gone.unlink()
    try:
        text = finish(stack, "dangling loop devices", figure)
        for device, path in zip(devices[:2], (file, gone), strict=True):
            assert f"orphaned by an earlier run, removed: {device} ({path})" in text
            assert loops.backing_path(device) != path
        assert loops.backing_path(devices[2]) == foreign, "a device that is not the stack's was removed"
    finally:
        subprocess.run(["losetup", "--detach", devices[2]], check=True, timeout=10)
        foreign.unlink()


def attach(file: Path) -> Path:
    done = subprocess.run(
        ["losetup", "--find", "--show", file], capture_output=True, text=True, timeout=10, check=True
    )
    return Path(done.stdout.strip())


def test_a_locked_state(stack: str, inside: Inside, figure: Callable[[str], None]) -> None:
    """Pulumi killed alone, by hand, so that no watcher notices."""
    config = os.environ.get("FLASHTIER_CONFIG_FILE")
    with running(stack, "daemon-lock", "provision") as run:
        until("pulumi works", lambda: run.of_kind("pulumi") is not None and "Updating" in run.text())
        pulumi = run.of_kind("pulumi")
        assert pulumi is not None
        assert config is None or config in pulumi.arguments
        os.kill(pulumi.pid, signal.SIGKILL)
        run.make.wait(60)
    text = finish(stack, "locked state", figure)
    assert f"stack {stack} was left locked by a pulumi that no longer runs (pid {pulumi.pid} of" in text


def init_of(stack: str, host: str) -> int:
    state = Lxd(names.project(stack)).get("instances", host, "state") or {}
    return int(state.get("pid", 0))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("also_monitor", [False, True], ids=["init", "init and monitor"])
def test_a_killed_host(stack: str, inside: Inside, figure: Callable[[str], None], also_monitor: bool) -> None:
    """Its init, and LXC's process that watches it: LXD records the host as running, and nothing runs."""
    host = inside.first("database")
    init = init_of(stack, host)
    assert init, f"{host} does not run"
    monitor = parent(init)
    assert any(names.project(stack) in word for word in processes.command_line(monitor)), monitor
    if also_monitor:
        os.kill(monitor, signal.SIGKILL)
    os.kill(init, signal.SIGKILL)
    until(f"the init of {host} is gone", lambda: not processes.command_line(init))
    finish(stack, f"killed {host}{' and its monitor' if also_monitor else ''}", figure)
    assert init_of(stack, host) not in (0, init)


def served_by(socket: str) -> int:
    """The process that listens on a unix socket."""
    done = subprocess.run(
        ["ss", "--no-header", "--listening", "--unix", "--processes", "src", f"unix:{socket}"],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert "pid=" in done.stdout, f"no process listens on {socket}"
    return int(done.stdout.split("pid=")[1].split(",")[0])


def lxcfs() -> int:
    """The process that was started to serve this mount."""
    found = [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if (words := processes.command_line(int(entry.name)))
        and Path(words[0]).name == "lxcfs"
        and words[-1] == LXCFS_MOUNT
    ]
    assert len(found) == 1, found
    return found[0]


def kill_and_wait(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(f"process {pid} is gone", lambda: not processes.command_line(pid))


@pytest.mark.machine
def test_the_daemon_of_lxd(stack: str, inside: Inside, figure: Callable[[str], None]) -> None:
    kill_and_wait(served_by(LXD_SOCKET))
    text = finish(stack, "killed LXD daemon", figure)
    assert "start the LXD daemon" in text
    assert "setup: LXD daemon: done in" in text


@pytest.mark.machine
def test_the_daemon_of_lxd_while_pulumi_works(
    stack: str, inside: Inside, figure: Callable[[str], None]
) -> None:
    with running(stack, "daemon-lxd-at-work") as run:
        until("pulumi works", lambda: run.of_kind("provider") is not None, 120)
        time.sleep(1)
        kill_and_wait(served_by(LXD_SOCKET))
        code = run.wait(300)
        if code != 0:  # it may have finished all its calls of LXD before
            assert "Traceback" not in run.text(), run.tail()
    finish(stack, "killed LXD daemon while pulumi worked", figure)


@pytest.mark.machine
def test_lxcfs(stack: str, inside: Inside, figure: Callable[[str], None]) -> None:
    """Hosts that outlived it cannot even read /proc/meminfo: they are restarted."""
    host = inside.first("database")
    kill_and_wait(lxcfs())
    assert "not connected" in inside.run(host, "cat /proc/meminfo", check=False)
    text = finish(stack, "killed lxcfs", figure)
    assert "start lxcfs" in text
    declared = inside.contract.host(host).size.memory_mib
    assert inside.run(host, "awk '/MemTotal/ { print $2 }' /proc/meminfo") == str(declared * 1024)


@pytest.mark.machine
def test_all_at_once(stack: str, inside: Inside, figure: Callable[[str], None]) -> None:
    """As after a crash: daemon, lxcfs, every host with its monitor, and the servers of a throttled volume."""
    hosts = [init_of(stack, host.name) for host in inside.contract.hosts]
    kill_and_wait(served_by(LXD_SOCKET))
    for init in filter(None, hosts):
        monitor = parent(init)
        for pid in (monitor, init):
            os.kill(pid, signal.SIGKILL)
    for pid in processes.serving(throttled(stack)):
        os.kill(pid, signal.SIGKILL)
    kill_and_wait(lxcfs())
    text = finish(stack, "killed daemon, lxcfs, hosts and servers", figure)
    assert "start lxcfs" in text
    assert "start the LXD daemon" in text


def test_the_run_after_all_of_it_changes_nothing(stack: str, inside: Inside) -> None:
    text = complete(stack, "daemon-again").text()
    hosts = [line for line in text.split("PLAY RECAP")[1].splitlines() if "changed=" in line]
    assert len(hosts) == len(inside.contract.hosts)
    assert [line for line in hosts if "changed=0 " not in line] == []
