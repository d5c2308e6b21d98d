#!/usr/bin/python
"""Ansible module: keep a set of files, folders and links as one; all are checked before any is written."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
short_description: Keeps a set of files, folders and links
description:
  - One task for all files that a role writes, since a task costs about 50 ms of processor time a host,
    whatever it does.
  - Every file is rendered on the controller, then validated on the host, before the first is put in
    place; each is replaced by a rename. A set of which one file is refused changes nothing.
  - A handler is notified for an entry that changed, and also for one that did not change now but was
    written after the service last loaded its files, as when an earlier run was killed between the two.
author: flashtier
options:
  files:
    description: The entries, in the order in which they are made.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where it is on the host. Its parent is there already, or is an earlier entry.
        type: path
        required: true
      only_if:
        description: Whether the entry is kept at all; otherwise nothing is compared or written.
        type: bool
        default: true
      template:
        description: The template to render, as ansible.builtin.template finds it.
        type: str
      variables:
        description: Variables of the template in addition to the variables of the task.
        type: dict
      source:
        description: A file of the controller whose text it has, by its whole path, instead of a template.
        type: path
      content:
        description: The text of the file, instead of a template.
        type: str
      target:
        description: Makes the entry a link, to this path.
        type: str
      state:
        description: >-
          What the entry is, where neither template, content nor target says so. Of folders only an empty
          one can be made absent. A watched file is written by another role and only compared with what the
          unit has loaded.
        type: str
        choices: [directory, absent, watched]
      owner:
        description: The account it belongs to.
        type: str
        default: root
      group:
        description: The group it belongs to.
        type: str
        default: root
      mode:
        description: Its permissions, octal; by default 0644 for a file and 0755 for a folder.
        type: str
      validate:
        description: >-
          A command that must succeed, with %s in place of the new file's path. No shell reads it. It has
          one minute. The new file has its own name and lies in a folder that holds all files of the task,
          each where it is on the host from its root, so that a relative path in it leads to the new version
          of another.
        type: str
      notify:
        description: Handlers of this entry, instead of those of the task.
        type: list
        elements: str
      unit:
        description: The unit that reads this entry, instead of that of the task; "" for none.
        type: str
      applied_by:
        description: How the unit loads a change of this entry, instead of what the task says.
        type: str
        choices: [reload, restart]
  notify:
    description: Handlers to notify when an entry changed.
    type: list
    elements: str
    default: []
  unit:
    description: The systemd unit that reads the files.
    type: str
  applied_by:
    description: How the unit loads a change of its files.
    type: str
    choices: [reload, restart]
    default: restart
"""

EXAMPLES = r"""
- name: Write the configuration
  host_files:
    unit: nginx.service
    applied_by: reload
    notify: [Reload nginx]
    files:
      - {path: /etc/nginx/sites-enabled/default, state: absent}
      - path: /etc/nginx/nginx.conf
        template: nginx/nginx.conf.j2
        validate: /usr/sbin/nginx -t -q -c %s
      - {path: /etc/flashtier/tls/host.crt, state: watched}
"""

RETURN = r"""
changes:
  description: Path and what was changed of it, for each entry that changed.
  returned: always
  type: dict
outdated:
  description: Files that the unit has not loaded since they were written.
  returned: always
  type: list
notify:
  description: The handlers that are notified.
  returned: always
  type: list
"""

import os
import shlex
import shutil
import tempfile
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_entries import Entry, compare, describe_change, ids, parse, put, remove_remains
from ansible.module_utils.host_paths import Refused

#: Seconds for one check of a file.
VALIDATION = 60
#: A unit changes its state when it starts and when it reloads; it becomes active only when it starts.
LOADED = {"reload": "StateChangeTimestampMonotonic", "restart": "ActiveEnterTimestampMonotonic"}


def check(module: AnsibleModule, entries: list[Entry], changing: list[Entry]) -> None:
    """Validate the new content; in check mode only by programs that are installed already."""
    validated = [
        (entry, shlex.split(entry.validate)) for entry in changing if entry.validate and entry.kind == "file"
    ]
    if module.check_mode:
        validated = [(entry, command) for entry, command in validated if shutil.which(command[0])]
    if not validated:
        return
    # As they would lie on the host, so that a file is validated with the new versions of those it refers to.
    stage = tempfile.mkdtemp(dir=module.tmpdir)
    try:
        for entry in entries:
            if entry.kind == "file":
                os.makedirs(os.path.dirname(stage + entry.path), exist_ok=True)
                with open(os.open(stage + entry.path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                    file.write(entry.content)
        for entry, command in validated:
            refusal = refusal_of(module, command, stage + entry.path).replace(stage, "")
            # What another role would repair first, such as a certificate, spoils the present content as well.
            if refusal and module.check_mode and refusal_of(module, command, entry.path):
                module.warn(
                    f"{entry.path} cannot be validated in check mode, the present file is refused: {refusal}"
                )
            elif refusal:
                raise Refused(f"{entry.path}: {command[0]} refuses the new content {refusal}")
    finally:
        shutil.rmtree(stage)


def refusal_of(module: AnsibleModule, command: list[str], path: str) -> str:
    """Why the command refuses the file at `path`; empty where it accepts it."""
    words = [word.replace("%s", path) for word in command]
    code, output, error = module.run_command(["timeout", str(VALIDATION), *words], expand_user_and_vars=False)
    if code == 0:
        return ""
    reason = " ".join((error.strip() or output.strip() or "no output").split())
    return f"(exit code {code}): {reason}"


def outdated(module: AnsibleModule, entries: list[Entry]) -> list[Entry]:
    """Those that were written after their unit, which runs, last loaded its files."""
    units = sorted({entry.unit for entry in entries if entry.unit})
    if not units:
        return []
    command = [
        "timeout",
        "30",
        "systemctl",
        "show",
        f"--property=ActiveState,{','.join(LOADED.values())}",
        "--",
        *units,
    ]
    code, output, error = module.run_command(command)
    blocks = output.strip().split("\n\n")
    if code != 0 or len(blocks) != len(units):
        raise Refused(
            f"systemctl show {' '.join(units)} ended with {code}: {error.strip() or output.strip()}"
        )
    states = {
        unit: dict(line.partition("=")[::2] for line in block.splitlines())
        for unit, block in zip(units, blocks, strict=True)
    }
    # Files have the time of day, units microseconds since the boot.
    boot = time.time() - time.monotonic()
    return [
        entry
        for entry in entries
        if entry.unit
        and states[entry.unit].get("ActiveState") == "active"
        and written(entry.path) > boot + int(states[entry.unit][LOADED[entry.applied_by]]) / 1e6
    ]


def written(path: str) -> float:
    """When the file was written, or the link to it was set; 0 where there is none."""
    times = []
    for status in (os.lstat, os.stat):
        try:
            times.append(status(path).st_mtime)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return max(times, default=0.0)


def keep(module: AnsibleModule) -> dict[str, Any]:
    """Compare, check all, then write all; what the module answers."""
    entries = [parse(one, module.params) for one in module.params["files"]]
    for entry in entries:
        compare(entry)
    changing = [entry for entry in entries if entry.changes]
    # Before anything is written: this is about earlier runs.
    late = outdated(module, [entry for entry in entries if entry.kind in ("file", "link", "watched")])
    check(module, entries, changing)
    if not module.check_mode:
        owners = [(0, 0) if entry.kind in ("absent", "link") else ids(entry) for entry in changing]
        remove_remains(entries)
        for entry, (owner, group) in zip(changing, owners, strict=True):
            put(entry, owner, group)
    answer: dict[str, Any] = {
        "changed": bool(changing or late),
        "changes": {entry.path: ", ".join(entry.changes) for entry in changing},
        "outdated": [entry.path for entry in late],
        "notify": sorted({name for entry in changing + late for name in entry.notify}),
    }
    if module._diff:
        answer["diff"] = [describe_change(entry) for entry in changing] + [
            {"prepared": f"{entry.path} is newer than what {entry.unit} has loaded\n"} for entry in late
        ]
    return answer


def main() -> None:
    """Keep the set."""
    text = {"type": "str"}
    entry = {
        "path": {"type": "path", "required": True},
        "content": text,
        "target": text,
        "state": {"type": "str", "choices": ["directory", "absent", "watched"]},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": text,
        "validate": text,
        "notify": {"type": "list", "elements": "str"},
        "unit": text,
        "applied_by": {"type": "str", "choices": list(LOADED)},
    }
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": entry},
            "notify": {"type": "list", "elements": "str", "default": []},
            "unit": text,
            "applied_by": {"type": "str", "choices": list(LOADED), "default": "restart"},
        },
        # Whole files have no place in the host's journal.
        no_log=True,
        supports_check_mode=True,
    )
    try:
        module.exit_json(**keep(module))
    except Refused as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg=f"{error.filename or 'a file'}: {error.strerror}; what was written before it stays, run again"
        )


if __name__ == "__main__":
    main()
