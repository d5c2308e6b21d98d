#!/usr/bin/python
"""Ansible module: how far a member's medium goes, whether its server runs or not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_position
short_description: Reads timeline and last whole record of WAL from a member's medium
description:
  - Changes nothing, in check mode too. Asks no server; what counts is WAL that is on the medium, also where a
    standby had not replayed it yet.
  - One that cannot be read is an answer, with the reason in C(why), and no failure.
author: flashtier
options:
  bin:
    description: Where PostgreSQL's programs are.
    type: path
    required: true
  data:
    description: The data directory.
    type: path
    required: true
  check:
    description: A program that succeeds where the medium is this member's own.
    type: path
    required: true
  deadline:
    description: Seconds for all of it.
    type: float
    default: 540
"""

EXAMPLES = r"""
- name: Read how far the medium goes
  patroni_position:
    bin: /usr/lib/postgresql/17/bin
    data: /pg/data/17
    check: /usr/local/lib/flashtier/check-member
  register: patroni_position
"""

RETURN = r"""
readable:
  description: Whether the medium is the member's own and its WAL could be read.
  returned: always
  type: bool
why:
  description: Why not, a line; "" where it is readable.
  returned: always
  type: str
identifier:
  description: The cluster's system identifier.
  returned: where it could be read
  type: str
state:
  description: The server's state in the control file. C(in production) takes writes, or was killed.
  returned: where it could be read
  type: str
timeline:
  description: The newest timeline on which there is a record.
  returned: where it could be read
  type: int
record:
  description: Where the last whole record on that timeline begins, such as 0/3000060.
  returned: where it could be read
  type: str
histories:
  description: Text of the history file of each timeline, by its decimal number.
  returned: where it could be read
  type: dict
"""

import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

#: A line of pg_waldump: where a record begins.
RECORD = re.compile(r"\blsn: ([0-9A-F]+/[0-9A-F]+), prev ")
HISTORY = re.compile(r"([0-9A-F]{8})\.history")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Unreadable(Exception):
    """The medium does not say how far it goes; the text says why."""


def number(lsn: str) -> int:
    """A position in WAL as bytes."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def forks(history: str) -> dict[int, int]:
    """Of each timeline before the one of this file, the position at which it was left."""
    found = {}
    for line in history.splitlines():
        words = line.split()
        if len(words) > 1 and words[0].isdigit():
            found[int(words[0])] = number(words[1])
    return found


class Medium:
    """The programs of PostgreSQL on one data directory, with one deadline for all."""

    def __init__(self, binaries: str, data: str, deadline: float) -> None:
        self._bin, self._data = Path(binaries), Path(data)
        self._end = time.monotonic() + deadline

    def _left(self) -> float:
        return max(self._end - time.monotonic(), 0.1)

    def says(self, *command: str) -> str:
        """What a command prints. Raises `Unreadable` with its last line where it fails or hangs."""
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=self._left(), env=ENVIRONMENT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unreadable(f"{command[0]}: {error}") from error
        if done.returncode:
            said = (
                done.stderr.strip() or done.stdout.strip() or f"ended with {done.returncode}"
            ).splitlines()
            raise Unreadable(said[-1])
        return done.stdout

    def control(self) -> dict[str, str]:
        printed = self.says(str(self._bin / "pg_controldata"), f"--pgdata={self._data}")
        pairs = (line.partition(":") for line in printed.splitlines())
        return {name.strip(): value.strip() for name, _, value in pairs}

    def histories(self) -> dict[int, str]:
        try:
            return {
                int(found[1], 16): path.read_text()
                for path in sorted((self._data / "pg_wal").iterdir())
                if (found := HISTORY.fullmatch(path.name))
            }
        except OSError as error:
            raise Unreadable(str(error)) from error

    def last(self, timeline: int, start: int) -> tuple[str, str]:
        """Where the last whole record of a timeline begins, "" without one, and why reading ended there.

        Recovery ends at the same record: pg_waldump checks each one as the server does.
        """
        command = [str(self._bin / "pg_waldump"), f"--path={self._data / 'pg_wal'}"]
        command += [f"--timeline={timeline}", f"--start={lsn(start)}"]
        found, late = "", threading.Event()
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=ENVIRONMENT,
        ) as reading:

            def end() -> None:
                late.set()
                reading.kill()

            timer = threading.Timer(self._left(), end)
            timer.start()
            line = ""
            for line in reading.stdout or ():
                if match := RECORD.search(line):
                    found = match[1]
            timer.cancel()
        if late.is_set():
            raise Unreadable("pg_waldump did not come to the end of WAL in time")
        return found, line.strip()


def position(medium: Medium) -> dict[str, Any]:
    """Raises `Unreadable`."""
    control = medium.control()
    try:
        checkpoint = number(control["Latest checkpoint location"])
        begun = int(control["Latest checkpoint's TimeLineID"])
        answer = {
            "identifier": control["Database system identifier"],
            "state": control["Database cluster state"],
        }
    except (KeyError, ValueError) as error:
        raise Unreadable(f"pg_controldata's answer has no usable {error}") from error
    histories = medium.histories()
    why = ""
    for timeline in sorted({begun, *histories}, reverse=True):
        left = forks(histories.get(timeline, ""))
        if timeline == begun:
            start = checkpoint
        elif begun in left and checkpoint <= left[begun]:
            start = max(checkpoint, *left.values())
        else:  # not one that this server can come to
            continue
        record, why = medium.last(timeline, start)
        if record:
            texts = {str(name): text for name, text in histories.items()}
            return answer | {"timeline": timeline, "record": record, "histories": texts}
    raise Unreadable(f"no WAL from its last checkpoint at {lsn(checkpoint)}, timeline {begun}: {why}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bin": {"type": "path", "required": True},
            "data": {"type": "path", "required": True},
            "check": {"type": "path", "required": True},
            "deadline": {"type": "float", "default": 540},
        },
        supports_check_mode=True,
    )
    asked = module.params
    medium = Medium(asked["bin"], asked["data"], asked["deadline"])
    try:
        medium.says(asked["check"])
        found = position(medium)
    except Unreadable as error:
        module.exit_json(changed=False, readable=False, why=str(error))
        return
    module.exit_json(changed=False, readable=True, why="", **found)


if __name__ == "__main__":
    main()
