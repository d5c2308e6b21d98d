#!/usr/bin/python
"""Whether a running service has taken what lies on the disk.

A handler is notified by the task that writes a file. Where the run is killed between the two, the next run
finds the file as it should be and notifies nobody: the service would go on with the old content for ever.
"""

from __future__ import annotations

import os
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: service_outdated
short_description: Tells whether files are newer than what a running service has loaded
description:
  - Changed if a file was written after the service last took its files, so that the task notifies the
    handler of a run that was killed before it came to it. It changes nothing itself, and tells the same in
    check mode.
  - Belongs before the tasks that write the files, so that it speaks of earlier runs only.
  - A service that does not run takes everything when it starts, and is never outdated.
options:
  unit:
    description: The unit, with its type.
    type: str
    required: true
  files:
    description: What the service reads. A link counts itself and its target. What is missing is left out.
    type: list
    elements: path
    required: true
  taken_by:
    description: How the service takes a change of these files.
    type: str
    choices: [reload, restart]
    required: true
"""

EXAMPLES = """
- name: Look for what a killed run has written and not loaded
  service_outdated:
    unit: nginx.service
    files: [/etc/nginx/nginx.conf]
    taken_by: reload
  notify: Reload nginx
"""

RETURN = """
newer:
  description: The files that the service has not taken.
  type: list
  returned: always
"""

#: A unit changes its state when it starts and when it reloads.
TIMES = {"reload": "StateChangeTimestampMonotonic", "restart": "ActiveEnterTimestampMonotonic"}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "path", "required": True},
            "taken_by": {"type": "str", "choices": list(TIMES), "required": True},
        },
        supports_check_mode=True,
    )
    wanted = TIMES[module.params["taken_by"]]
    command = ["systemctl", "show", "--property", f"ActiveState,{wanted}", module.params["unit"]]
    code, out, error = module.run_command(command, check_rc=False)
    if code != 0:
        module.fail_json(msg=f"{' '.join(command)} ended with {code}: {error.strip() or out.strip()}")
    state = dict(line.partition("=")[::2] for line in out.splitlines())
    newer = []
    if state.get("ActiveState") == "active":
        # Microseconds since the boot; files have the time of day.
        taken = time.time() - (time.monotonic() - int(state[wanted]) / 1e6)
        newer = [file for file in module.params["files"] if written(file) > taken]
    module.exit_json(changed=bool(newer), newer=newer)


def written(path: str) -> float:
    """When the file was written, or the link to it was set."""
    times = []
    for look in (os.lstat, os.stat):
        try:
            times.append(look(path).st_mtime)
        except FileNotFoundError:
            continue
    return max(times, default=0.0)


if __name__ == "__main__":
    main()
