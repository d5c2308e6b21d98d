"""The member's PostgreSQL server, by its files and its process."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Postmaster:
    """`fd`: a pidfd, which cannot come to mean another process."""

    pid: int
    fd: int

    def ends_within(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def stop(self) -> None:
        """A fast shutdown: sessions are ended, and what was committed is sent to the standbys."""
        signal.pidfd_send_signal(self.fd, signal.SIGINT)

    def close(self) -> None:
        os.close(self.fd)


class Server:
    def __init__(self, data: Path, programs: Path) -> None:
        self.data, self.programs = data, programs

    def is_standby(self) -> bool:
        return (self.data / "standby.signal").exists() or (self.data / "recovery.signal").exists()

    def postmaster(self) -> Postmaster | None:
        """None where it does not run. The file of one that was killed may name another process by now."""
        lines = self._lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            ours = Path(f"/proc/{pid}/cwd").readlink() == self.data.resolve()
        except OSError:
            ours = False
        if not ours:
            os.close(fd)
            return None
        return Postmaster(pid, fd)

    def serves_after(self, before: int) -> bool:
        """Whether one that came after `before` takes writes, by what it says of itself (line 8 of its file).

        A postmaster that was killed leaves its file behind.
        """
        postmaster, lines = self.postmaster(), self._lines()
        if postmaster is None:
            return False
        postmaster.close()
        return postmaster.pid != before and len(lines) > 7 and lines[7].strip() == "ready"

    def ended_as(self) -> str:
        """pg_controldata's word for how it ended, such as `shut down` or `in production`."""
        done = subprocess.run(
            [self.programs / "pg_controldata", f"--pgdata={self.data}"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={"LC_ALL": "C"},
        )
        found = re.search(r"^Database cluster state: +(.*)$", done.stdout, re.MULTILINE)
        return found[1] if found else ""

    def _lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []
