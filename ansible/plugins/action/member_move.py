"""The controller's half of the module member_move: starts a move, prints what it is at, waits for its end."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

#: Seconds between two questions, and between two lines about the same phase. How long a move takes is not for
#: this to say: each step of the program has a deadline of its own.
PERIOD, LINES = 1.0, 5.0
MIB = 1 << 20


class ActionModule(ActionBase):
    """With `plan` a move is started and waited for, without it one that may still run is waited for."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fails with the line that the program gives."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        plan = self._task.args.get("plan")
        host = variables.get("inventory_hostname", "")
        try:
            result = self._ask(variables, plan)
            if self._task.check_mode:
                return result
            waited = result["running"]
            state = self._until_it_ends(variables, host, result)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        if plan is None:
            return {"changed": waited, "state": state}
        if state.get("number") != plan["number"] or state.get("phase") != "ended":
            at = state.get("phase") or "its start"
            raise AnsibleActionFail(
                f"{host}: the move was ended from outside at '{at}'; the member runs on what its mounts"
                " show. Run the playbook again: it goes on from there"
            )
        if state["error"]:
            raise AnsibleActionFail(state["error"])
        return {"changed": True, "state": state}

    def _until_it_ends(self, variables: dict[str, Any], host: str, result: dict[str, Any]) -> dict[str, Any]:
        shown, next_line = "", 0.0
        while result["running"]:
            state = result["state"]
            phase = state.get("phase", "")
            if phase and (phase != shown or time.monotonic() >= next_line):
                Display().display(f"{host}: {self._line(state)}")
                shown, next_line = phase, time.monotonic() + LINES
            time.sleep(PERIOD)
            result = self._ask(variables, None)
        return dict(result["state"])

    @staticmethod
    def _line(state: dict[str, Any]) -> str:
        if not state["all"]:
            return str(state["phase"])
        seconds = max(time.time() - state["since"], 0.1)
        rate = state["done"] / seconds
        left = (state["all"] - state["done"]) / rate if rate else 0
        done, whole = state["done"] // MIB, state["all"] // MIB
        return f"{state['phase']}: {done} of {whole} MiB, {rate / MIB:.0f} MiB/s, about {left:.0f} s left"

    def _ask(self, variables: dict[str, Any], plan: dict[str, Any] | None) -> dict[str, Any]:
        arguments = {} if plan is None else {"plan": plan}
        result: dict[str, Any] = self._execute_module(
            module_name="member_move", module_args=arguments, task_vars=variables
        )
        if result.get("failed"):
            raise AnsibleActionFail(result.get("msg", "member_move failed"))
        return result
