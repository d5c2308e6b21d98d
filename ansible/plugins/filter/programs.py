"""Filters of roles that bring a program of their own to a host. They only compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

DOCUMENTATION = r"""
name: programs
short_description: Entries of host_files for the modules of a program
description:
  - C(program_files) gives the folder of each package and the file of each module.
  - C(program_left) gives what is to go of the files that are found on the host.
options:
  _input:
    description: The modules' whole paths on the controller; the folder that each lies in is its package.
    type: list
    elements: path
    required: true
  library:
    description: The folder on the host that packages lie in.
    type: path
    required: true
  options:
    description: What each entry has besides, such as C(unit).
    type: dict
"""

EXAMPLES = r"""
files: "{{ query('fileglob', role_path ~ '/files/moving/*.py') | program_files('/usr/local/lib/flashtier') }}"
"""

RETURN = r"""
_value:
  description: Entries of C(host_files), folders first.
  type: list
  elements: dict
"""


def program_files(
    modules: list[str], library: str, options: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Entries of `host_files` for these modules. No unit reads a folder, so none is notified of one."""
    files = [(PurePosixPath(path).parent.name, PurePosixPath(path).name, path) for path in sorted(modules)]
    folders = dict.fromkeys(package for package, _, _ in files)
    return [
        *({"path": f"{library}/{package}", "state": "directory", "notify": []} for package in folders),
        *(
            {"path": f"{library}/{package}/{name}", "source": path, **(options or {})}
            for package, name, path in files
        ),
    ]


def program_left(found: list[str], modules: list[str]) -> list[dict[str, Any]]:
    """Entries that remove what is `found` in a program's folder, by its whole path, and is none of `modules`.

    Modules that a checkout no longer has would still be imported.
    """
    names = {PurePosixPath(path).name for path in modules}
    return [{"path": path, "state": "absent"} for path in found if PurePosixPath(path).name not in names]


class FilterModule:
    """The filters, by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates may call."""
        return {"program_files": program_files, "program_left": program_left}
