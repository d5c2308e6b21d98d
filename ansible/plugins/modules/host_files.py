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
    written after the service last took its files, as when an earlier run was killed between the two.
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
        description: What the template sees in addition to the variables of the task.
        type: dict
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
          unit has taken.
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
      taken_by:
        description: How it takes a change of this entry, instead of how the task says.
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
  taken_by:
    description: How the unit takes a change of its files.
    type: str
    choices: [reload, restart]
    default: restart
"""

EXAMPLES = r"""
- name: Write the configuration
  host_files:
    unit: nginx.service
    taken_by: reload
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
  description: Files that the unit has not taken since they were written.
  returned: always
  type: list
notify:
  description: The handlers that are notified.
  returned: always
  type: list
"""

import glob
import grp
import os
import pwd
import shlex
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule

#: Seconds for one check of a file.
VALIDATION = 60
#: A unit changes its state when it starts and when it reloads; it becomes active only when it starts.
TAKEN = {"reload": "StateChangeTimestampMonotonic", "restart": "ActiveEnterTimestampMonotonic"}
#: Ends the names of files on their way; readers of folders such as sudo, logrotate and apt skip them.
ON_ITS_WAY = ".flashtier~"


class Refused(Exception):
    """An entry cannot be made as declared; the text says why and what to do."""


@dataclass
class Entry:
    """One entry of the set, what is there now, and what has to change."""

    path: str
    kind: str
    content: bytes
    target: str
    owner: str
    group: str
    mode: int
    validate: str
    notify: list[str]
    unit: str
    taken_by: str
    changes: list[str] = field(default_factory=list)
    before: str = ""

    @property
    def after(self) -> str:
        """What a person is shown of the entry as it shall be."""
        return self.content.decode(errors="replace") if self.kind == "file" else describe(self)


def difference(entry: Entry) -> dict[str, str]:
    """The change as Ansible shows it with --diff."""
    if entry.before == entry.after:
        return {"prepared": f"{entry.path}: {', '.join(entry.changes)}\n"}
    return {
        "before_header": entry.path,
        "after_header": f"{entry.path} ({', '.join(entry.changes)})",
        "before": entry.before,
        "after": entry.after,
    }


def describe(entry: Entry) -> str:
    """An entry without content, in a line for people."""
    if entry.kind == "link":
        return f"link to {entry.target}\n"
    return "" if entry.kind == "absent" else f"{entry.kind}\n"


def parse(given: dict[str, Any], task: dict[str, Any]) -> Entry:
    """The entry that its arguments and those of the task describe."""
    ways = [key for key in ("content", "target", "state") if given[key] is not None]
    if len(ways) != 1:
        given_ways = " and ".join(ways) or "none"
        raise Refused(f"{given['path']}: give one of template, content, target and state, not {given_ways}")
    kind = {"content": "file", "target": "link"}.get(ways[0], given["state"])
    mode = given["mode"] or ("0755" if kind == "directory" else "0644")
    try:
        octal = int(mode, 8)
    except ValueError:
        raise Refused(
            f"{given['path']}: mode {mode} is not octal; write it in quotes, such as '0644'"
        ) from None
    if given["validate"] and "%s" not in given["validate"]:
        raise Refused(
            f"{given['path']}: validate needs %s where the file's path belongs: {given['validate']}"
        )
    return Entry(
        path=given["path"],
        kind=kind,
        content=(given["content"] or "").encode(),
        target=given["target"] or "",
        owner=given["owner"],
        group=given["group"],
        mode=octal,
        validate=given["validate"] or "",
        notify=task["notify"] if given["notify"] is None else given["notify"],
        unit=(task["unit"] if given["unit"] is None else given["unit"]) or "",
        taken_by=given["taken_by"] or task["taken_by"],
    )


def compare(entry: Entry) -> None:
    """Note what of the entry differs from what is there."""
    if entry.kind == "watched":
        return
    try:
        found = os.lstat(entry.path)
    except (FileNotFoundError, NotADirectoryError):
        if entry.kind != "absent":
            entry.changes = [f"{entry.kind} is made"]
        return
    if entry.kind == "absent":
        if stat.S_ISDIR(found.st_mode) and os.listdir(entry.path):
            raise Refused(
                f"{entry.path} should be absent but is a folder with files in it; look at them and remove it"
            )
        entry.before, entry.changes = "present\n", ["is removed"]
        return
    if stat.S_ISDIR(found.st_mode) != (entry.kind == "directory"):
        raise Refused(
            f"{entry.path} should be a {entry.kind}, and what is there is not; look at it and remove it"
        )
    if entry.kind == "link":
        if not stat.S_ISLNK(found.st_mode):
            entry.before, entry.changes = "a file\n", ["link is made"]
        elif os.readlink(entry.path) != entry.target:
            entry.before, entry.changes = f"link to {os.readlink(entry.path)}\n", ["target"]
        return
    if entry.kind == "file":
        if not stat.S_ISREG(found.st_mode):
            entry.before, entry.changes = "not a regular file\n", ["file is made"]
            return
        with open(entry.path, "rb") as file:
            now = file.read()
        entry.before = now.decode(errors="replace")
        if now != entry.content:
            entry.changes.append("content")
    if entry.kind == "directory":
        entry.before = "directory\n"
    if owner_of(found) != (entry.owner, entry.group):
        entry.changes.append(f"owner {':'.join(owner_of(found))} to {entry.owner}:{entry.group}")
    if stat.S_IMODE(found.st_mode) != entry.mode:
        entry.changes.append(f"mode {stat.S_IMODE(found.st_mode):04o} to {entry.mode:04o}")


def owner_of(found: os.stat_result) -> tuple[str, str]:
    """Names of owner and group; numbers where they have none."""
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        owner = str(found.st_uid)
    try:
        return owner, grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        return owner, str(found.st_gid)


def ids(entry: Entry) -> tuple[int, int]:
    """Numbers of owner and group."""
    try:
        owner = pwd.getpwnam(entry.owner).pw_uid
    except KeyError:
        raise Refused(
            f"{entry.path}: the host has no account {entry.owner}; its package or role comes first"
        ) from None
    try:
        return owner, grp.getgrnam(entry.group).gr_gid
    except KeyError:
        raise Refused(
            f"{entry.path}: the host has no group {entry.group}; its package or role comes first"
        ) from None


def check(module: AnsibleModule, entries: list[Entry], changing: list[Entry]) -> None:
    """Let the daemons judge the new content; in check mode only where they are there already."""
    validated = [
        (entry, shlex.split(entry.validate)) for entry in changing if entry.validate and entry.kind == "file"
    ]
    if module.check_mode:
        validated = [(entry, command) for entry, command in validated if shutil.which(command[0])]
    if not validated:
        return
    # As they would lie on the host, so that a file is judged with the new versions of those it refers to.
    stage = tempfile.mkdtemp(dir=module.tmpdir)
    try:
        for entry in entries:
            if entry.kind == "file":
                os.makedirs(os.path.dirname(stage + entry.path), exist_ok=True)
                with open(os.open(stage + entry.path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                    file.write(entry.content)
        for entry, command in validated:
            refusal = judge(module, command, stage + entry.path).replace(stage, "")
            # What another role would mend first, such as a certificate, spoils the present content as well.
            if refusal and module.check_mode and judge(module, command, entry.path):
                module.warn(
                    f"{entry.path} cannot be judged in check mode, as what is there is refused: {refusal}"
                )
            elif refusal:
                raise Refused(f"{entry.path}: {command[0]} refuses the new content {refusal}")
    finally:
        shutil.rmtree(stage)


def judge(module: AnsibleModule, command: list[str], path: str) -> str:
    """Why the command refuses the file at `path`; nothing where it takes it."""
    words = [word.replace("%s", path) for word in command]
    code, output, error = module.run_command(["timeout", str(VALIDATION), *words], expand_user_and_vars=False)
    if code == 0:
        return ""
    reason = " ".join((error.strip() or output.strip() or "it says nothing").split())
    return f"(exit code {code}): {reason}"


def put(entry: Entry, owner: int, group: int) -> None:
    """Make the entry as declared; a file and a link appear whole, by a rename."""
    if entry.kind == "absent":
        (os.rmdir if os.path.isdir(entry.path) and not os.path.islink(entry.path) else os.unlink)(entry.path)
        return
    if entry.kind == "directory":
        os.makedirs(entry.path, exist_ok=True)
        os.chown(entry.path, owner, group)
        os.chmod(entry.path, entry.mode)
        return
    folder, name = os.path.split(entry.path)
    staged = os.path.join(folder, f".{name}.{os.getpid()}{ON_ITS_WAY}")
    try:
        if entry.kind == "link":
            os.symlink(entry.target, staged)
        else:
            with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(entry.content)
                os.fchown(file.fileno(), owner, group)
                os.fchmod(file.fileno(), entry.mode)
                file.flush()
                os.fsync(file.fileno())
        os.replace(staged, entry.path)
    except BaseException:
        if os.path.lexists(staged):
            os.unlink(staged)
        raise


def remove_remains(entries: list[Entry]) -> None:
    """Files on their way when an earlier run was killed."""
    for folder in {os.path.dirname(entry.path) for entry in entries}:
        for remains in glob.glob(f"{glob.escape(folder)}/.*{ON_ITS_WAY}"):
            os.unlink(remains)


def outdated(module: AnsibleModule, entries: list[Entry]) -> list[Entry]:
    """Those that were written after their unit, which runs, last took its files."""
    units = sorted({entry.unit for entry in entries if entry.unit})
    if not units:
        return []
    command = [
        "timeout",
        "30",
        "systemctl",
        "show",
        f"--property=ActiveState,{','.join(TAKEN.values())}",
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
        and written(entry.path) > boot + int(states[entry.unit][TAKEN[entry.taken_by]]) / 1e6
    ]


def written(path: str) -> float:
    """When the file was written, or the link to it was set; 0 where there is none."""
    times = []
    for look in (os.lstat, os.stat):
        try:
            times.append(look(path).st_mtime)
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
        answer["diff"] = [difference(entry) for entry in changing] + [
            {"prepared": f"{entry.path} is newer than what {entry.unit} has taken\n"} for entry in late
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
        "taken_by": {"type": "str", "choices": list(TAKEN)},
    }
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "required": True, "options": entry},
            "notify": {"type": "list", "elements": "str", "default": []},
            "unit": text,
            "taken_by": {"type": "str", "choices": list(TAKEN), "default": "restart"},
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
