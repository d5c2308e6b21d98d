"""The life of a stack through the real Pulumi CLI and provider, in order: each test continues the last."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import names, processes
from infra.local.loops import FileIdentity, backing_path, bound, inspect
from infra.local.sweep import sweep
from infra.paths import ROOT
from infra.stack.secret_table import SECRET_NAMES
from tests.engine.stacks import STACK, Engine, changed, fresh, until

GIB = 1 << 30


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    stack = fresh(STACK, "10.90.1.0/24")
    yield stack
    stack.run("state", "unprotect", "--all", "--yes")
    stack.run("destroy", "--yes", "--skip-preview")
    sweep(STACK, check=False)
    shutil.rmtree(stack.base)


def volume(engine: Engine, host: str, name: str) -> Path:
    """The loop device of a volume, by the link that LXD gets."""
    return names.volume_link(engine.stack, host, name).readlink()


def test_a_preview_makes_nothing(engine: Engine) -> None:
    text = engine.pulumi("preview")
    assert "to create" in text
    assert engine.traces() == []


def test_up_makes_what_is_declared(engine: Engine) -> None:
    """An earlier run was killed midway: its half-made things are adopted."""
    kill_in_the_middle(engine)
    engine.pulumi("cancel", "--yes", STACK)
    engine.up()
    contract = engine.contract()
    assert [host.name for host in contract.hosts] == ["edge1", "web1", "db1", "control1"]
    assert "unreachable 10.90.1.0/24 proto 170 metric 4294967295" in "\n".join(engine.traces())
    for host in contract.hosts:
        said = engine.ssh(host.name, "hostname; sudo id --user; nproc")
        assert said == f"{host.name}\n0\n{host.size.vcpus}"
        memory = int(engine.ssh(host.name, "awk '/MemTotal/ { print $2 }' /proc/meminfo"))
        assert memory == host.size.memory_mib * 1024, "a host must report its own memory"
        for declared in host.volumes:
            size = engine.ssh(host.name, f"sudo blockdev --getsize64 {declared.device}")
            assert int(size) == declared.size_bytes
            link = names.volume_link(engine.stack, host.name, declared.name)
            number = link.stat().st_rdev
            device = engine.ssh(host.name, f"stat --format=%t:%T {declared.device}")
            assert device == f"{os.major(number):x}:{os.minor(number):x}"
    keys = {host.ssh_host_key for host in contract.hosts}
    assert len(keys) == len(contract.hosts), "two hosts share an SSH host key"


def test_a_second_up_changes_nothing(engine: Engine) -> None:
    engine.up("--refresh", "--expect-no-changes")


def test_the_volume_belongs_to_its_host_alone(engine: Engine) -> None:
    """The device cgroup: a host that makes a node of a neighbour's device cannot open it."""
    number = names.volume_link(engine.stack, "db1", "flash").stat().st_rdev
    node = f"sudo mknod /root/neighbour b {os.major(number)} {os.minor(number)}"
    said = engine.ssh("web1", f"{node}; sudo dd if=/root/neighbour of=/dev/null bs=512 count=1 2>&1; true")
    assert "Operation not permitted" in said


def test_secrets_are_ciphertext_in_the_state(engine: Engine) -> None:
    values = json.loads(engine.pulumi("stack", "output", "secrets", "--json", "--show-secrets"))
    assert set(values) == set(SECRET_NAMES)
    plain = json.loads(engine.pulumi("stack", "output", "secrets", "--json"))
    assert plain == "[secret]"
    needles = [value.splitlines()[-2] if "\n" in value else value for value in values.values()]
    files = [path for path in engine.base.rglob("*") if path.is_file() and path.suffix != ".img"]
    assert any("stacks" in path.parts for path in files)
    for path in files:
        text = path.read_bytes().decode(errors="replace")
        assert not [name for name, needle in zip(values, needles, strict=True) if needle in text], path


def test_memory_and_volumes_grow_in_place(engine: Engine) -> None:
    started = engine.ssh("db1", "stat --format=%Y /proc/1")
    uuid = next(v.uuid for v in engine.contract().host("db1").volumes if v.name == "network")
    engine.ssh("db1", f"sudo mkfs.xfs -q -m uuid={uuid} /dev/flashtier/network")
    engine.ssh("db1", "sudo mount /dev/flashtier/network /mnt")
    engine.ssh("db1", "sudo dd if=/dev/urandom of=/mnt/data bs=1M count=8 conv=fsync status=none")
    before = engine.ssh("db1", "sha256sum /mnt/data")
    database = engine.environment["database"]
    database["size"]["memory_mib"] += 256
    for declared in database["volumes"]:
        declared["size_gib"] += 1
    text = engine.up()
    assert changed(text) == dict.fromkeys(("db1", "db1-flash", "db1-network"), "updated"), text
    for declared in database["volumes"]:
        size = engine.ssh("db1", f"sudo blockdev --getsize64 /dev/flashtier/{declared['name']}")
        assert int(size) == declared["size_gib"] * GIB
    assert int(engine.ssh("db1", "free --mebi | awk '/Mem:/ { print $2 }'")) == database["size"]["memory_mib"]
    engine.ssh("db1", "sudo xfs_growfs /mnt")
    engine.ssh("db1", "sudo dd if=/dev/zero of=/mnt/more bs=1M count=16 conv=fsync status=none")
    assert engine.ssh("db1", "sha256sum /mnt/data") == before
    assert engine.ssh("db1", "stat --format=%Y /proc/1") == started, "the host was restarted"
    engine.ssh("db1", "sudo umount /mnt")


def test_a_volume_does_not_shrink(engine: Engine) -> None:
    declared = engine.environment["database"]["volumes"][0]
    has = declared["size_gib"]
    declared["size_gib"] = has - 1
    engine.write()
    done = engine.run("preview")
    declared["size_gib"] = has
    engine.write()
    assert done.returncode != 0
    assert f"sizeGib = {has - 1}: volume flash of db1 has {has} GiB and cannot shrink" in done.stdout


def test_up_repairs_what_was_changed_by_hand(engine: Engine) -> None:
    """One drift of each kind at once: refresh reports each, one run repairs all of them."""
    file = names.volume_file(engine.stack, "control1", "etcd")
    engine.lxc("stop", "--force", "control1")
    # The volume's loop device now carries another file, as after a reboot that assigned other numbers.
    device = volume(engine, "control1", "etcd")
    other = engine.base / "other.img"
    other.touch()
    os.truncate(other, GIB)
    subprocess.run(["losetup", "--detach", device], check=True, timeout=10)
    until("the loop device is free", lambda: backing_path(device) is None)
    subprocess.run(["losetup", device, other], check=True, timeout=10)
    # The device of the network class loses its server, a host its limits, the range its route.
    served = processes.serving(names.runtime_directory(engine.stack) / "throttled/db1-network")
    assert sorted(served.values()) == ["nbdfuse", "nbdkit"]
    os.kill(next(pid for pid, program in served.items() if program == "nbdkit"), signal.SIGKILL)
    engine.lxc("config", "set", "web1", "limits.memory=300MiB")
    route = ["ip", "route", "del", "unreachable", "10.90.1.0/24", "metric", "4294967295", "proto", "170"]
    subprocess.run(route, check=True, timeout=10)

    try:
        text = engine.up("--refresh")
    finally:
        subprocess.run(["losetup", "--detach", device], check=True, timeout=10)
    done = changed(text)
    assert {"control1", "control1-etcd", "db1-network", "web1", "network"} <= set(done), text
    assert set(done.values()) == {"updated"}, text
    loop = inspect(volume(engine, "control1", "etcd"))
    assert loop is not None
    assert loop.backing == FileIdentity.of(file)
    assert engine.ssh("control1", "sudo systemctl is-system-running --wait") == "running"
    # nbdfuse unmounts itself when it ends: then only its file's path is left of the mount.
    assert Path("/db1-network") not in bound().values(), "a device whose server has ended is still bound"
    number = names.volume_link(engine.stack, "db1", "network").stat().st_rdev
    assert engine.ssh("db1", "stat --format=%T /dev/flashtier/network") == f"{os.minor(number):x}"
    engine.ssh("db1", "sudo dd if=/dev/flashtier/network of=/dev/null bs=1M count=4 iflag=direct status=none")
    engine.up("--refresh", "--expect-no-changes")


def test_a_protected_volume_is_not_destroyed(engine: Engine) -> None:
    urn = f"urn:pulumi:{STACK}::flashtier::lxd:index:Volume::db1-flash"
    done = engine.run("destroy", "--yes", "--skip-preview", "--target", urn, "--target-dependents")
    assert done.returncode != 0
    assert "protected" in done.stdout
    assert names.volume_file(engine.stack, "db1", "flash").exists()


def test_destroy_leaves_nothing(engine: Engine) -> None:
    engine.destroy()
    assert engine.traces() == []


def test_a_sweep_needs_no_state(engine: Engine) -> None:
    """Pulumi killed midway, its state lost: the sweep removes all of the stack and nothing else."""
    kill_in_the_middle(engine)
    left = engine.traces()
    for trace in ("ft-eng1", "flashtier-eng1", "/run/flashtier/eng1/throttled", "unreachable 10.90.1.0/24"):
        assert any(trace in line for line in left), trace
    shutil.rmtree(engine.base / "state/pulumi")

    foreign = ["lxc", "network", "create", "ft-eng1x", "ipv4.address=none", "ipv6.address=none"]
    subprocess.run(foreign, check=True, capture_output=True, timeout=30)
    try:
        command = [sys.executable, "-m", "infra.local.sweep", "eng1"]
        checked = subprocess.run(
            [*command, "--check", "--json"], cwd=ROOT, capture_output=True, timeout=60, check=False
        )
        assert checked.returncode == 1
        kinds = {leftover["kind"] for leftover in json.loads(checked.stdout)}
        assert kinds >= {
            "host",
            "network",
            "storage pool",
            "project",
            "loop device",
            "mount",
            "process",
            "route",
        }
        subprocess.run(command, cwd=ROOT, check=True, timeout=120)
        subprocess.run([*command, "--check"], cwd=ROOT, check=True, timeout=60)
        assert [line for line in engine.traces() if "ft-eng1x" not in line] == []
        assert Path("/sys/class/net/ft-eng1x").exists(), "the sweep removed a network that is not the stack's"
    finally:
        subprocess.run(["lxc", "network", "delete", "ft-eng1x"], check=True, capture_output=True, timeout=30)


def kill_in_the_middle(engine: Engine) -> None:
    """Start an `up`, kill Pulumi while a host is being made, and wait until its provider ends by itself."""
    started = subprocess.Popen(
        engine.command("up", "--yes", "--skip-preview"),
        cwd=ROOT,
        env=engine.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    instances = Path("/var/lib/lxd/storage-pools/flashtier-eng1/containers")
    until("a host is being made", lambda: instances.is_dir() and any(instances.iterdir()), seconds=90)
    providers = [
        pid for pid in processes_of(started.pid) if "infra.local.provider" in processes.command_line(pid)
    ]
    assert len(providers) == 1
    os.killpg(started.pid, signal.SIGKILL)
    started.wait(timeout=10)
    until("the provider has ended", lambda: not processes.command_line(providers[0]))


def processes_of(parent: int) -> list[int]:
    """The children of a process."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found
