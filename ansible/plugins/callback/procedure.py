"""Prints what became of the lock of procedures, and says to its keeper how the playbook ended."""

from __future__ import annotations

import os
import socket
from typing import Any

from ansible.plugins.callback import CallbackBase

from infra.procedure.keeper import address

DOCUMENTATION = """
name: procedure
type: aggregate
short_description: The lock and the audit of procedures
description:
  - Shows the line that the action C(procedure_lock) answers with.
  - Sends C(finished) or C(failed) to the keeper of the lock when the playbook ends; without it the audit says
    that the playbook was killed or interrupted.
options: {}
"""


class CallbackModule(CallbackBase):
    """Listed in ansible.cfg; silent in a run without the lock."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "procedure"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._audit = ""

    def v2_runner_on_ok(self, result: Any) -> None:  # noqa: ANN401 - Ansible's
        """The task itself is `ok` whatever the lock is, so its line would not be printed."""
        if result.task.action != "procedure_lock":
            return
        self._audit = str(result.result.get("audit", ""))
        self._display.display(f"  {result.result['msg']}")

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ANN401 - Ansible's
        """After the last task, also of a failed run."""
        if not self._audit:
            return
        ends = [stats.summarize(host) for host in stats.processed]
        failed = any(end["failures"] or end["unreachable"] for end in ends)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as keeper:
            try:
                keeper.sendto(b"failed" if failed else b"finished", address(os.getpid()))
            except OSError as error:
                self._display.warning(f"the keeper of the lock of procedures has ended: {error}")
        self._display.display(f"audit of this run: {self._audit}")
