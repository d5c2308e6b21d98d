#!/usr/bin/python
"""Ansible module: what a role asks of a host before it does anything, in one call for all questions."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_look
short_description: Reads paths, packages, units and accounts of a host at once
description:
  - Changes nothing, in check mode too. A task costs about 50 ms of processor time a host, whatever it
    does, so a role asks all that it wants to know here and skips what is already so.
author: flashtier
options:
  paths:
    description: Paths to read, without following links. Name to path.
    type: dict
    default: {}
  contents:
    description: Text files to read, of at most 64 KiB. Name to path; a missing file gives null.
    type: dict
    default: {}
  packages:
    description: Debian packages that should be installed.
    type: list
    elements: str
    default: []
  units:
    description: systemd units that should run and be enabled.
    type: list
    elements: str
    default: []
  accounts:
    description: Accounts to read.
    type: list
    elements: str
    default: []
  commands:
    description: >-
      Commands that only read, each a list of words, run without a shell and with one minute. Name to
      command.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Read what the host already has
  host_look:
    paths: {nginx: /usr/sbin/nginx}
    packages: [nginx]
    units: [nginx.service]
  register: nginx_look
"""

RETURN = r"""
paths:
  description: >-
    For each name exists and, where it does, type (file, directory, link, block, other), mode, owner,
    group, uid, gid, size, mtime, target (of a link), device (the number of its file system) and rdev (of
    a device). Of a link, leads_to has exists, type and rdev of what it leads to in the end.
  returned: always
  type: dict
contents:
  description: The text of each file, or null.
  returned: always
  type: dict
missing:
  description: Packages that are not installed, whole and configured.
  returned: always
  type: list
units:
  description: >-
    Of each unit load, active, enabled (as systemd says them), reload, whether its file is newer
    than what systemd read, and command, the words that its main process was started with ([] without one).
  returned: always
  type: dict
idle:
  description: Units that do not run, are not enabled or were changed since systemd read them.
  returned: always
  type: list
accounts:
  description: >-
    Of each account null, or uid, gid, group, comment, home, shell, groups and locked (no password opens it).
  returned: always
  type: dict
commands:
  description: >-
    Of each command code (127 where its program is missing, 124 after a minute), stdout and stderr,
    without the last newline.
  returned: always
  type: dict
system:
  description: The distribution's id and version, the hostname, the machine type and the version of Python.
  returned: always
  type: dict
"""

import grp
import os
import platform
import pwd
import stat
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_paths import Refused, read_bytes

#: Bytes. What is read goes into a variable of the play.
MOST_CONTENT = 64 * 1024
#: Seconds for one command.
COMMAND = 60
TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFBLK: "block"}
UNIT_PROPERTIES = {
    "Id": "id",
    "LoadState": "load",
    "ActiveState": "active",
    "UnitFileState": "enabled",
    "NeedDaemonReload": "reload",
}
#: States of a unit's file in which it starts by itself or by what needs it, as systemctl(1) lists them.
ENABLED = ("enabled", "static", "generated", "alias", "indirect")


def look_at(path: str) -> dict[str, Any]:
    """What is at `path`, a link not followed; the device number is that of the file system it is on."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"exists": False}
    kind = TYPES.get(stat.S_IFMT(found.st_mode), "other")
    return {
        "exists": True,
        "type": kind,
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "owner": name_of(pwd.getpwuid, found.st_uid),
        "group": name_of(grp.getgrgid, found.st_gid),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "size": found.st_size,
        "mtime": found.st_mtime,
        "device": found.st_dev,
        "rdev": found.st_rdev,
        "target": os.readlink(path) if kind == "link" else "",
        **({"leads_to": end_of(path)} if kind == "link" else {}),
    }


def end_of(link: str) -> dict[str, Any]:
    """What a link leads to in the end, if anything."""
    try:
        found = os.stat(link)
    except OSError:
        return {"exists": False}
    kind = TYPES.get(stat.S_IFMT(found.st_mode), "other")
    return {"exists": True, "type": kind, "rdev": found.st_rdev}


def name_of(lookup: Callable[[int], tuple[Any, ...]], number: int) -> str:
    """The name of an account or a group; its number where it has none."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def account(name: str) -> dict[str, Any] | None:
    """The account, or None; `locked` where no password can open it."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    hashed = ""
    with open("/etc/shadow") as shadow:
        for line in shadow:
            if line.startswith(f"{name}:"):
                hashed = line.split(":")[1]
    return {
        "uid": entry.pw_uid,
        "gid": entry.pw_gid,
        "group": name_of(grp.getgrgid, entry.pw_gid),
        "comment": entry.pw_gecos,
        "home": entry.pw_dir,
        "shell": entry.pw_shell,
        "groups": sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem),
        "locked": hashed.startswith(("!", "*")),
    }


def read(module: AnsibleModule, path: str) -> str | None:
    """A small text file; None where there is none."""
    try:
        text = read_bytes(path, MOST_CONTENT + 1).decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError, Refused) as error:
        module.fail_json(msg=f"{path} cannot be read: {error}")
    if len(text) > MOST_CONTENT:
        module.fail_json(
            msg=f"{path} has more than {MOST_CONTENT} characters; host_look reads small files only"
        )
    return str(text)


def missing_packages(module: AnsibleModule, packages: list[str]) -> list[str]:
    """Those that dpkg does not call installed: half-configured ones are missing, too."""
    if not packages:
        return []
    # Exits with 1 when it does not know one of them, and tells of the others.
    _, output, _ = module.run_command(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *packages]
    )
    installed = {line.split()[0] for line in output.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


def words_of(process: str) -> list[str]:
    """What a process was started with; empty where there is none, or it has ended since it was named."""
    try:
        with open(f"/proc/{int(process)}/cmdline", "rb") as file:
            return file.read(MOST_CONTENT).decode(errors="replace").rstrip("\0").split("\0")
    except (OSError, ValueError):
        return []


def unit_states(module: AnsibleModule, units: list[str]) -> dict[str, dict[str, Any]]:
    """What systemd knows of each unit; one that it does not know has load state `not-found`."""
    if not units:
        return {}
    properties = f"--property=MainPID,{','.join(UNIT_PROPERTIES)}"
    code, output, error = module.run_command(["timeout", "30", "systemctl", "show", properties, "--", *units])
    blocks = output.strip().split("\n\n")
    if code != 0 or len(blocks) != len(units):
        module.fail_json(
            msg=f"systemctl show {' '.join(units)} ended with {code}: {error.strip() or output.strip()}"
        )
    states: dict[str, dict[str, Any]] = {}
    for unit, block in zip(units, blocks, strict=True):
        found = {key: value for key, _, value in (line.partition("=") for line in block.splitlines())}
        states[unit] = {name: found[key] for key, name in UNIT_PROPERTIES.items() if key in found}
        states[unit]["command"] = words_of(found.get("MainPID", "0"))
    return states


def run(module: AnsibleModule, words: list[str]) -> dict[str, Any]:
    """A command's end and output."""
    command = ["timeout", str(COMMAND), *[str(word) for word in words]]
    code, output, error = module.run_command(command, expand_user_and_vars=False)
    return {"code": code, "stdout": output.rstrip("\n"), "stderr": error.strip()}


def is_idle(state: dict[str, Any]) -> bool:
    """Whether something is left to do for a unit that should run, now and at boot."""
    return (
        state.get("load") != "loaded"
        or state.get("active") != "active"
        or state.get("enabled") not in ENABLED
        or state.get("reload") != "no"
    )


def main() -> None:
    """Read what was asked for."""
    names = {"type": "dict", "default": {}}
    words = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "paths": names,
            "contents": names,
            "packages": words,
            "units": words,
            "accounts": words,
            "commands": names,
        },
        supports_check_mode=True,
    )
    asked = module.params
    units = unit_states(module, asked["units"])
    release = platform.freedesktop_os_release()
    module.exit_json(
        changed=False,
        paths={name: look_at(path) for name, path in asked["paths"].items()},
        contents={name: read(module, path) for name, path in asked["contents"].items()},
        missing=missing_packages(module, asked["packages"]),
        units=units,
        idle=[unit for unit, state in units.items() if is_idle(state)],
        accounts={name: account(name) for name in asked["accounts"]},
        commands={name: run(module, words) for name, words in asked["commands"].items()},
        system={
            "distribution": release.get("ID", ""),
            "version": release.get("VERSION_ID", ""),
            "hostname": platform.node(),
            "machine": platform.machine(),
            "python": ".".join(platform.python_version_tuple()[:2]),
        },
    )


if __name__ == "__main__":
    main()
