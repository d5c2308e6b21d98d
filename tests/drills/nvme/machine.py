"""A QEMU machine with drives that are named as those of EC2, reached over SSH at a port of the loopback.

Its network is QEMU's own, without a route out. A reboot keeps the drives' data; `plug` gives it
other, blank drives, as a stop of an instance does.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.drills.nvme.image import Image

#: Seconds. A boot with TCG takes 90 to 110 (measured with ten other programs on two cores).
BOOT, HALT, COMMAND = 900, 600, 600
DRIVE_BYTES = 1 << 30
MEMORY_MIB = 2048
TCG = "tcg,thread=multi"
#: Kernel options: this machine needs no mitigations, which cost time.
QUICK = "mitigations=off nokaslr"
#: The drives of EC2 have one path; the kernel's NVMe target announces that its own may have more.
ONE_PATH = "nvme_core.multipath=N"
#: QEMU's messages when KVM cannot continue; QEMU keeps running, and the machine hangs for ever.
STUCK = ("KVM internal error", "kvm run failed")


class MachineDied(Exception):
    """The machine ended or never answered; the message has the last lines of its console."""


class Machine:
    """`folder` holds its disks and is removed with it. `accelerator` is a value of QEMU's -accel."""

    def __init__(self, image: Image, folder: Path, accelerator: str) -> None:
        self._image, self.folder, self._accelerator = image, folder, accelerator
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
        """Replace the drives of a kind (`store`, `ebs`, `other`) by blank ones; the machine is off."""
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
        # -m 0: a full file system would be another fault than the tested one.
        _run("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-d", str(drives), str(disk))

    def start(self, deadline: float = BOOT) -> float:
        """Seconds until it answers. Raises `MachineDied`, also where `deadline` seconds have passed."""
        assert self._process is None
        began = time.monotonic()
        disks = [("root", self._root, "qcow2")]
        disks += [(path.stem, str(path), "raw") for path in sorted(self.folder.glob("*.img"))]
        drives: list[str] = []
        for name, path, kind in disks:
            drives += ["-drive", f"if=none,id={name},file={path},format={kind},cache=unsafe,discard=unmap"]
            drives += ["-device", f"virtio-blk-pci,drive={name},serial={name}"]
        command = [
            *("qemu-system-x86_64", "-machine", "q35", "-accel", self._accelerator),
            # TCG is faster with fewer features to emulate: 9 s to the kernel's end instead of 13 with `max`.
            *("-cpu", "qemu64" if self._accelerator.startswith("tcg") else "host"),
            *("-smp", "2", "-m", str(MEMORY_MIB), "-nodefaults", "-no-user-config"),
            # A reset ends QEMU: within one process TCG spends minutes on discarding its translations.
            *("-no-reboot", "-display", "none", "-serial", f"file:{self.folder / 'console.log'}"),
            *("-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd)),
            "-append",
            f"root=/dev/vda rw console=ttyS0 net.ifnames=0 {QUICK} {ONE_PATH}",
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
        self._wait_for_ssh(began, deadline)
        return time.monotonic() - began

    def _wait_for_ssh(self, began: float, deadline: float) -> None:
        reported = began
        while time.monotonic() - began < deadline:
            if self._process is None or self._process.poll() is not None:
                raise MachineDied(f"the machine ended: {self._last_lines()}")
            said = (self.folder / "qemu.log").read_text(errors="replace").splitlines()
            if stuck := [line for line in said if any(words in line for words in STUCK)]:
                raise MachineDied(f"the machine hangs: {stuck[0]}\nSet ACCELERATOR={TCG}")
            if self._answers():
                return
            if time.monotonic() - reported > 60:
                reported = time.monotonic()
                print(f"-- booting for {reported - began:.0f} s", flush=True)
            time.sleep(1)
        raise MachineDied(f"no answer within {deadline:.0f} s: {self._last_lines()}")

    def _answers(self) -> bool:
        try:
            return self.ssh("true", deadline=90, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

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

    def output(self, command: str) -> str:
        """The output of a command of root."""
        return self.ssh(f"sudo {command}").stdout.strip()

    def reboot(self, by: str = "systemctl reboot") -> float:
        """Seconds until it answers again after the command `by` of root; the drives keep their data."""
        began = time.monotonic()
        self.stop(by)
        self.start()
        return time.monotonic() - began

    def stop(self, by: str = "systemctl poweroff") -> None:
        """Stop it by the command `by` of root; the default acts as a stop of an instance."""
        assert self._process is not None
        self.ssh(f"sudo {by}", check=False)
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
