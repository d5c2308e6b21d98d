"""The stack's own record of its database cluster: read, or with `identifier` kept as that."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from infra.errors import FlashtierError
from infra.stack import cluster_record


class ActionModule(ActionBase):
    """Answers with `recorded`: the system identifier, "" where there is none."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Pulumi's CLI is called once or twice, with a deadline."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        stack, identifier = variables["contract"]["stack"], str(self._task.args.get("identifier") or "")
        try:
            found = cluster_record.recorded(stack)
            changed = bool(identifier) and found != identifier
            if changed and not variables.get("ansible_check_mode"):
                cluster_record.record(stack, identifier)
        except FlashtierError as error:
            raise AnsibleActionFail(str(error)) from error
        return {"changed": changed, "recorded": identifier or found}
