"""The gp3-class device: a file behind nbdkit, which adds delay and limits the rate, shown as a file by
nbdfuse.

    loop device (direct I/O) -> nbdfuse mount -> nbdkit, filters rate and delay -> the volume's file

A request costs one delay. nbdfuse holds four connections, sends over three of them and waits for an answer
before it sends the next request on the same one, so the cap on operations is 3 / (delay + overhead). The
rate lets two seconds' worth pass at once before it limits.

Measured with fio (direct I/O, libaio, 5 s each, two cores that were busy with other work, load 11):
    4 KiB random reads, one at a time    1.3 ms each
    8 KiB random, 32 deep                3,780 reads/s; 3,690 writes/s; 1,810 + 1,810 mixed
    4 KiB write and fdatasync            1.6 ms each
    1 MiB                                175 MiB/s over 5 s, which is 250 MiB at once and 125 MiB/s from
    then on
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from infra.errors import FlashtierError
from infra.local import processes
from infra.local.run import CommandFailed, run

#: nbdkit's worker threads and the delay of each request; see the module's text for what they give together.
THREADS = 4
DELAY = "1ms"
#: Bits a second: 125 MiB/s.
RATE = 125 * 1024 * 1024 * 8

#: Size that is exported whatever the file's own size, so that a volume can grow while it is in use: nbdkit
#: and nbdfuse learn the size once, when they connect. The loop device's size limit is what the host sees.
#: Under 16 TiB, the largest file of ext4.
EXPORTED_SIZE = 15 << 40


class Throttled:
    """The processes and the mount of one volume, all inside `directory` (under /run)."""

    def __init__(self, directory: Path, file: Path) -> None:
        self.directory = directory
        self.file = file
        self.socket = directory / "nbdkit.sock"
        self._log = directory / "nbdfuse.log"
        #: The protections that this machine granted when they were set.
        self._granted = directory / "protection"
        self.mount = directory / "mount"
        #: Named like the volume, so that a loop device bound to it shows which volume it is of.
        self.device_file = self.mount / directory.name

    def fault(self) -> str:
        """What is wrong with it, empty where it serves."""
        if missing := set(processes.PROGRAMS) - set(processes.serving(self.directory).values()):
            return f"{' and '.join(sorted(missing))} not running"
        try:
            # A server that received SIGTERM still runs, and the mount still answers, but nothing can be read.
            block = ["bs=4096", "count=1", "iflag=direct", "status=none"]
            run(["dd", f"if={self.device_file}", "of=/dev/null", *block], seconds=5)
        except CommandFailed as error:
            return f"{self.device_file} cannot be read: {error}"
        return ""

    def differences(self) -> list[str]:
        """How living servers differ from the declared device; empty where they do not, or are not there."""
        found = []
        for pid, program in processes.serving(self.directory).items():
            wanted = self._nbdkit() if program == "nbdkit" else self._nbdfuse()
            given = processes.command_line(pid)
            if given[1:] != wanted[1:]:
                lacks = " ".join(part for part in wanted[1:] if part not in given)
                more = " ".join(part for part in given[1:] if part not in wanted)
                found.append(f"{program} {pid} runs with `{more}`, must be `{lacks}`")
        return found

    def unprotected(self) -> list[str]:
        """The protections of the servers that were taken from them; `start` or `protect` gives them back."""
        granted = set(self._granted.read_text().split()) if self._granted.is_file() else set()
        return [
            f"{program} {pid}: {name} = {value}"
            for pid, program in processes.serving(self.directory).items()
            for name, value in _protection(pid).items()
            if name in granted and f"{name}={value}" not in _PROTECTED
        ]

    def start(self, *, seconds: float = 20) -> None:
        """Start what does not serve. The processes outlive the caller and belong to no terminal."""
        if not self.fault():
            return
        self.stop()
        self.directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        self.mount.mkdir(mode=0o700, exist_ok=True)
        deadline = time.monotonic() + seconds
        with _extended(self.file):
            run(self._nbdkit(), seconds=seconds)
            self._wait_for_mount(self._spawn_nbdfuse(), deadline)
            size = int(run(["stat", "--format=%s", "--", str(self.device_file)], seconds=5))
        self.protect()
        if size != EXPORTED_SIZE:
            raise FlashtierError(
                f"{self.device_file}: shows {size} bytes, expected {EXPORTED_SIZE}; run it again"
            )

    def stop(self) -> None:
        """Unmount and end the processes; finishes where half is gone. Nothing may use the device any more."""
        while self._mounted():
            try:
                run(["umount", str(self.mount)], seconds=10)
            except CommandFailed:
                # A dead server's mount answers nothing; a lazy unmount takes it out of sight and harms no
                # data.
                run(["umount", "--lazy", str(self.mount)], seconds=10)
        self.end_processes()
        if self.directory.is_dir():
            if self.mount.is_dir():
                self.mount.rmdir()
            for entry in self.directory.iterdir():
                entry.unlink()
            self.directory.rmdir()

    def end_processes(self) -> None:
        processes.end(list(processes.serving(self.directory)))

    def _nbdkit(self) -> list[str]:
        filters = ["--filter=rate", "--filter=delay"]
        limits = [f"rdelay={DELAY}", f"wdelay={DELAY}", f"rate={RATE}"]
        return [
            # It goes to the background once it listens. In the foreground it would end with its parent.
            *("nbdkit", "--unix", str(self.socket), "--pidfile", str(self.directory / "nbdkit.pid")),
            *("--threads", str(THREADS), *filters),
            *("file", f"file={self.file}", "cache=none", "fadvise=random", *limits),
        ]

    def _mounted(self) -> bool:
        return any(
            line.split()[4] == str(self.mount)
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
        )

    def _nbdfuse(self) -> list[str]:
        return ["nbdfuse", str(self.device_file), f"nbd+unix:///?socket={self.socket}"]

    def _spawn_nbdfuse(self) -> subprocess.Popen[bytes]:
        command = self._nbdfuse()
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )

    def _wait_for_mount(self, nbdfuse: subprocess.Popen[bytes], deadline: float) -> None:
        while not self._mounted():
            ended = nbdfuse.poll() is not None
            if ended or time.monotonic() > deadline:
                said = self._log.read_text(errors="replace").strip().splitlines()
                state = f"ended with {nbdfuse.returncode}" if ended else "is not ready in time"
                last = said[-1] if said else "it said nothing"
                raise FlashtierError(f"nbdfuse for {self.file} {state}: {last}")
            time.sleep(0.02)

    def protect(self) -> None:
        """Writeback depends on the processes: they are the last to be killed when memory runs out, the first
        to get a core.

        A busy machine would lengthen the delays at random. And nbdfuse counts a request in flight only
        after it sent it: were it kept from running for a whole delay in between, it would fail an
        assertion and end.
        """
        granted: set[str] = set()
        for pid in processes.serving(self.directory):
            # Neither is permitted everywhere; it works without.
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/oom_score_adj").write_text("-1000")
                granted.add("oom_score_adj")
            with contextlib.suppress(OSError):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(1))
                granted.add("scheduler")
        self._granted.write_text(" ".join(sorted(granted)))


#: What `protect` sets, as `_protection` reads it.
_PROTECTED = ("oom_score_adj=-1000", f"scheduler={os.SCHED_RR}")


def _protection(pid: int) -> dict[str, str]:
    try:
        adjusted = Path(f"/proc/{pid}/oom_score_adj").read_text().strip()
        return {"oom_score_adj": adjusted, "scheduler": str(os.sched_getscheduler(pid))}
    except OSError:  # has ended: `fault` says so
        return {}


@contextlib.contextmanager
def _extended(file: Path) -> Iterator[None]:
    """Let the file be as large as the export for the moment in which its size is learnt, then as it was.

    It only ever gets holes at its end and loses them again. A kill in that moment leaves the large size
    behind: `restore_size` takes it back.
    """
    size = file.stat().st_size
    os.truncate(file, EXPORTED_SIZE)
    try:
        yield
    finally:
        os.truncate(file, size)


def restore_size(file: Path, size: int) -> None:
    """Undo what a kill inside `_extended` leaves; `size` is the declared one, bytes.

    Refuses to cut off data.
    """
    if file.stat().st_size != EXPORTED_SIZE:
        return
    with file.open("rb") as opened:
        try:
            data_at = os.lseek(opened.fileno(), size, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        else:
            raise FlashtierError(
                f"{file}: was left extended by a killed run, but holds data at byte {data_at}, beyond the "
                "declared "
                f"{size}; set the volume's size_gib back to what it was"
            )
    os.truncate(file, size)
