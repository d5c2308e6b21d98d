"""An obstacle ends `make up` soon, with a line that names it; after its removal a rerun finishes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.paths import ROOT
from tests.drills.runs import complete, down, environment, nothing_left, running
from tests.support.declared import alone

#: A file system of this size satisfies the kit's reserve; its sparse file uses no space until it is written.
DISK = 40 << 30
#: Linux: bind to an address that no interface has yet.
IP_FREEBIND = 15
BUSY = 75


@pytest.fixture(scope="module")
def settings(stack: str) -> Path:
    return Path(os.environ.get("FLASHTIER_CONFIG_FILE") or ROOT / f"Pulumi.{stack}.yaml")


def declared(settings: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(settings.read_text())["config"]["flashtier:environment"]
    return read


@contextmanager
def disk(directory: Path) -> Iterator[Path]:
    """A file system of its own, mounted in a directory; removed as a whole."""
    file, mount = directory / "disk.img", directory / "mount"
    mount.mkdir(parents=True)
    file.touch()
    os.truncate(file, DISK)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1", file], check=True, timeout=120)
    subprocess.run(["mount", "-o", "loop", file, mount], check=True, timeout=30)
    try:
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True, timeout=30)
        shutil.rmtree(directory)


def fill(mount: Path) -> Path:
    """Use up the whole disk."""
    filler = mount / "filler"
    free = shutil.disk_usage(mount).free

    def write_the_rest(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_END)
        while True:
            os.write(descriptor, bytes(4096))

    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - (1 << 20))
        with pytest.raises(OSError, match="No space left"):
            write_the_rest(file.fileno())
    return filler


def test_the_disk_fills_while_volumes_are_made(
    stack: str, settings: Path, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Pulumi can no longer write its state; the next run adopts what exists by then."""
    down(stack)
    # On the machine's disk: loop devices with direct I/O do not work on a memory file system.
    base = Path("/var/tmp") / f"flashtier-drill-{stack}"  # noqa: S108 - a fixed name, found again after a kill
    own = tmp_path / settings.name
    own.write_text(yaml.safe_dump({"config": {"flashtier:environment": declared(settings)}}))
    with disk(base) as mount:
        state = mount / "state"
        variables = {
            "FLASHTIER_STATE": str(state),
            "FLASHTIER_CONFIG_FILE": str(own),
            "PULUMI_BACKEND_URL": f"file://{state}/pulumi",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / "passphrase"),
        }
        try:
            with running(stack, "edges-full", "provision", **variables) as run:
                volumes = state / stack / "volumes"
                while run.running() and not (volumes.is_dir() and any(volumes.iterdir())):
                    time.sleep(0.02)
                filler = fill(mount)
                code = run.wait(300)
                assert code != 0, run.tail()
                assert "no space left on device" in run.text().lower(), run.tail(60)
                assert "Traceback" not in run.text(), run.tail(60)
                figure(f"disk full while volumes were made: exit code {code} after {run.seconds:.0f} s")
            filler.unlink()
            with running(stack, "edges-full-finished", "provision", **variables) as again:
                assert again.wait(600) == 0, again.tail(60)
                figure(f"with space again: finished in {again.seconds:.0f} s")
        finally:
            subprocess.run(
                [ROOT / "tools/down", stack],
                env={**environment(stack), **variables},
                check=True,
                capture_output=True,
                timeout=600,
            )


def test_port_53_of_the_gateway_is_in_use(stack: str, settings: Path, figure: Callable[[str], None]) -> None:
    """Another program answers DNS on the address that the bridge is to get, so that LXD's dnsmasq cannot."""
    down(stack)
    gateway = declared(settings)["network"]["cidr"].replace(".0/24", ".1")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
    ):
        for squatter in (datagrams, stream):
            squatter.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            squatter.bind((gateway, 53))
        stream.listen()
        with running(stack, "edges-port", "provision") as run:
            code = run.wait(300)
            assert code != 0, run.tail()
            lines = [line for line in run.text().splitlines() if gateway in line and "53" in line]
            assert lines, run.tail(60)
            figure(f"port 53 of {gateway} in use: exit code {code} after {run.seconds:.0f} s")
            figure(f"  {lines[-1].strip()}")
    with running(stack, "edges-port-finished", "provision") as again:
        assert again.wait(600) == 0, again.tail(60)
        figure(f"with the port free: finished in {again.seconds:.0f} s")


def test_two_runs_on_one_stack(stack: str, figure: Callable[[str], None]) -> None:
    """The second one names the running one and does nothing; the first one finishes."""
    with running(stack, "edges-first") as first:
        while first.running() and first.of_kind("pulumi") is None:
            time.sleep(0.1)
        with running(stack, "edges-second") as second:
            code = second.wait(120)
            assert code != 0
            lines = [line for line in second.text().splitlines() if line.startswith("hold: error: ")]
            assert len(lines) == 1, second.tail()
            assert f"hold: error: {stack} is in use by pid " in lines[0]
            assert "wait for its end, or stop it" in lines[0]
            figure(f"a second run on the stack: refused after {second.seconds:.0f} s")
        assert first.wait() == 0, first.tail(40)


def test_two_stacks_at_once(
    stack: str, settings: Path, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Another stack comes up in parallel: what they share (set-up, wheels, LXD) serves both."""
    other = "drill2"
    environment_of_other = declared(settings)
    environment_of_other["network"]["cidr"] = "10.90.5.0/24"
    alone(environment_of_other)
    own = tmp_path / f"Pulumi.{other}.yaml"
    own.write_text(yaml.safe_dump({"config": {"flashtier:environment": environment_of_other}}))
    try:
        with (
            running(stack, "edges-one") as one,
            running(other, "edges-other", FLASHTIER_CONFIG_FILE=str(own)) as two,
        ):
            assert one.wait(1800) == 0, one.tail(40)
            assert two.wait(1800) == 0, two.tail(40)
            figure(f"two stacks at once: {one.seconds:.0f} s and {two.seconds:.0f} s")
    finally:
        down(other)
    nothing_left(other)
    complete(stack, "edges-again")
