"""A QEMU machine with drives that are named as those of EC2, reached over SSH at a port of the loopback.

Its network is QEMU's own, without a way out. A reboot keeps what the drives hold; `plug` gives it
other, blank ones, as a stop of an instance does.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.drills.nvme.image import Image

#: Seconds. With TCG beside ten other programs on two cores a boot takes more than ten minutes (seen).
BOOT, HALT, COMMAND = 1500, 600, 600
DRIVE_BYTES = 1 << 30
#: KVM in a machine that is one itself may hang or die in the middle of a boot (seen), where TCG is only slow.
ACCELERATOR = os.environ.get("ACCELERATOR", "tcg,thread=multi")
MEMORY_MIB = 2048


class MachineDied(Exception):
    """The machine ended, or never answered; the message has the last lines of its console."""


class Machine:
    """`folder` holds its disks and goes with it."""

    def __init__(self, image: Image, folder: Path, say: Callable[[str], None]) -> None:
        self._image, self.folder, self._say = image, folder, say
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.known_hosts = folder / "known_hosts"
        words = (image.keys / "host.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {' '.join(words)}\n")
        self.key = folder / "operator"
        shutil.copy(image.keys / "operator", self.key)
        self.key.chmod(0o600)
        _run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.root), self._root)

    @property
    def _root(self) -> str:
        return str(self.folder / "root.qcow2")

    def plug(self, kind: str, *serials: str) -> None:
        """Blank drives of a kind (`store`, `ebs`, `other`) in place of those it had; the machine is off."""
        assert self._process is None
        drives, disk = self.folder / f"{kind}.drives", self.folder / f"{kind}.img"
        shutil.rmtree(drives, ignore_errors=True)
        drives.mkdir()
        for serial in serials:
            with (drives / serial).open("wb") as file:
                file.truncate(DRIVE_BYTES)
        disk.unlink(missing_ok=True)
        with disk.open("wb") as file:
            file.truncate((len(serials) + 1) * DRIVE_BYTES)
        # -m 0: a file system that is full would be another fault than the one that is looked for.
        _run("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-d", str(drives), str(disk))

    def start(self) -> float:
        """Seconds until it answers. Raises `MachineDied`."""
        assert self._process is None
        began = time.monotonic()
        disks = [("root", self._root, "qcow2")]
        disks += [(path.stem, str(path), "raw") for path in sorted(self.folder.glob("*.img"))]
        drives: list[str] = []
        for name, path, kind in disks:
            drives += ["-drive", f"if=none,id={name},file={path},format={kind},cache=unsafe,discard=unmap"]
            drives += ["-device", f"virtio-blk-pci,drive={name},serial={name}"]
        command = [
            *("qemu-system-x86_64", "-machine", "q35", "-accel", ACCELERATOR, "-cpu", "max"),
            *("-smp", "2", "-m", str(MEMORY_MIB), "-nodefaults", "-no-user-config"),
            *("-display", "none", "-serial", f"file:{self.folder / 'console.log'}"),
            *("-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd)),
            # The drives of EC2 have one path; the target says that its own may have more.
            "-append",
            "root=/dev/vda rw console=ttyS0 net.ifnames=0 nvme_core.multipath=N",
            *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"),
            *("-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-rng-pci"),
            *drives,
        ]
        log = (self.folder / "qemu.log").open("wb")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        log.close()
        self._wait_for_ssh(began)
        return time.monotonic() - began

    def _wait_for_ssh(self, began: float, boot_before: str = "") -> None:
        told = began
        while time.monotonic() - began < BOOT:
            if self._process is None or self._process.poll() is not None:
                raise MachineDied(f"the machine ended: {self._last_lines()}")
            done = self.ssh("cat /proc/sys/kernel/random/boot_id", deadline=60, check=False)
            if done.returncode == 0 and done.stdout.strip() != boot_before:
                return
            if time.monotonic() - told > 20:
                told = time.monotonic()
                self._say(f"booting for {told - began:.0f} s")
            time.sleep(1)
        raise MachineDied(f"no answer within {BOOT} s: {self._last_lines()}")

    def ssh(
        self, command: str, *, deadline: float = COMMAND, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """A command as the operator. Raises `AssertionError` where it fails and `check` is set."""
        done = subprocess.run(
            [
                *("ssh", "-p", str(self.port), "-i", str(self.key), "-o", "BatchMode=yes"),
                *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "StrictHostKeyChecking=yes"),
                *("-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=45", "-o", "LogLevel=ERROR"),
                *("operator@127.0.0.1", command),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
        return done

    def told(self, command: str) -> str:
        """What a command says, as root."""
        return self.ssh(f"sudo {command}").stdout.strip()

    def reboot(self) -> float:
        """Seconds until it answers again: the drives keep what they hold."""
        began = time.monotonic()
        before = self.told("cat /proc/sys/kernel/random/boot_id")
        self.ssh("sudo systemctl reboot", check=False)
        self._wait_for_ssh(began, before)
        return time.monotonic() - began

    def stop(self) -> None:
        """Power off, as a stop of an instance does it."""
        if self._process is None:
            return
        self.ssh("sudo systemctl poweroff", check=False)
        try:
            self._process.wait(HALT)
        except subprocess.TimeoutExpired:
            raise MachineDied(f"not off within {HALT} s: {self._last_lines()}") from None
        self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def _last_lines(self) -> str:
        said = [
            line
            for name in ("qemu.log", "console.log")
            if (path := self.folder / name).exists()
            for line in path.read_text(errors="replace").splitlines()[-15:]
        ]
        return "\n".join(said)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(*command: str) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=120, check=True)
