#!/usr/bin/python
"""Ansible module: starts the move of a member's directories to other volumes, or reads what it is at."""

from __future__ import annotations

DOCUMENTATION = r"""
module: member_move
short_description: Moves directories of a standby to other volumes of its host
description:
  - The unit C(flashtier-move.service) does it, with the program of the role C(patroni). It goes on, and ends
    with the member running, whatever becomes of the playbook.
  - The action plugin of the same name starts it, prints what it is at and waits for its end.
author: flashtier
options:
  plan:
    description: What is moved, as C(patroni_move_plan) makes it. Without it the module only reads.
    type: dict
"""

EXAMPLES = r"""
- name: Move the member's directories
  member_move:
    plan: "{{ patroni_move_plan }}"
"""

RETURN = r"""
state:
  description: What the unit's program wrote of what it is at; {} where it never ran.
  returned: always
  type: dict
running:
  description: Whether the unit runs.
  returned: always
  type: bool
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

FOLDER = Path("/run/flashtier-move")
UNIT = "flashtier-move.service"


def is_running() -> bool:
    """Whether the unit runs, or ends."""
    shown = subprocess.run(
        ["systemctl", "show", "--property=ActiveState", "--value", UNIT],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return shown.stdout.strip() in ("activating", "active", "deactivating")


def state() -> dict[str, Any]:
    """What the program wrote last; {} where there is nothing."""
    try:
        found: dict[str, Any] = json.loads((FOLDER / "state.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def start(plan: dict[str, Any]) -> None:
    """Raises `OSError` and `subprocess.SubprocessError`."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    (FOLDER / "state.json").unlink(missing_ok=True)
    unfinished = FOLDER / "plan.json.new"
    unfinished.write_text(json.dumps(plan))
    os.replace(unfinished, FOLDER / "plan.json")
    subprocess.run(
        ["systemctl", "start", "--no-block", UNIT], capture_output=True, text=True, timeout=30, check=True
    )


def main() -> None:
    module = AnsibleModule(argument_spec={"plan": {"type": "dict"}}, supports_check_mode=True)
    plan = module.params["plan"]
    try:
        running = is_running()
        if plan is not None and running:
            module.fail_json(msg="an earlier run's move is not over yet; wait for it: this playbook does")
        if plan is not None and not module.check_mode:
            start(plan)
            running = True
        module.exit_json(changed=plan is not None, running=running, state=state())
    except subprocess.CalledProcessError as error:
        module.fail_json(msg=f"{' '.join(error.cmd)}: {error.stderr.strip()}")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        module.fail_json(msg=f"{UNIT}: {error}")


if __name__ == "__main__":
    main()
