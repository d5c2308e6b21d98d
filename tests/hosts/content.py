"""What the content of a file on a host must be, and in words how it differs where it does.

A template is rendered here by Ansible's own engine, from the contract: an edited file differs from it.
"""

from __future__ import annotations

import functools
import hashlib
import platform
from pathlib import Path
from typing import Any

from ansible.template import Templar, trust_as_template

from infra.contract import Contract
from infra.paths import ROOT, cache_dir
from infra.stack.outputs import read_secrets
from tests.hosts.file_kinds import Built, Like, Lines, Release, Secret, Template, Tree
from tests.support.rendered import AS_FILES, templar

#: What a host reports of a file: `probe.files`.
FileFacts = dict[str, Any]


class Contents:
    """Compares files with what one contract makes of them; what it has rendered once it keeps."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        #: Machine type of each host that has told it; the others are of the controller's.
        self.machines: dict[str, str] = {}
        self._templars: dict[tuple[str, str], Templar] = {}

    def fault(self, content: Any, found: FileFacts, host: str, others: dict[str, FileFacts]) -> str:
        """How a file's content is not the declared one, "" where it is. `others`: files of the same host."""
        match content:
            case Template():
                return self._template(content, found, host)
            case Secret(name):
                same = found.get("sha256") == _digest(read_secrets(self._contract.stack)[name])
                return "" if same else f"is not the stack's secret {name}"
            case Tree(path):
                same = found.get("sha256") == _file_digest(str(ROOT / path))
                return "" if same else f"differs from {path} of this checkout"
            case Built(name):
                return _built(name, found)
            case Like(path):
                same = path in others and found.get("sha256") == others[path].get("sha256")
                return "" if same else f"differs from {path}, which its package brought"
            case Lines(lines):
                return _lines(lines, found)
            case _:
                return ""

    def _template(self, content: Template, found: FileFacts, host: str) -> str:
        wanted = self.rendered(content, host)
        if found.get("sha256") == _digest(wanted):
            return ""
        return f"differs from what templates/{content.path} gives{_difference(wanted, found)}"

    def rendered(self, content: Template, host: str) -> str:
        """What a template gives on a host, as its module writes it."""
        role, _, _ = content.path.partition("/")
        known = self._templars.get((host, role))
        if known is None:
            known = self._templars[host, role] = templar(self._contract, host, role)
        if content.variables:
            machine = self.machines.get(host) or platform.machine()
            given = {
                name: value.on(machine) if isinstance(value, Release) else value
                for name, value in content.variables.items()
            }
            known = templar(self._contract, host, role, **given)
        if content.expression:
            return str(known.template(trust_as_template(content.expression)))
        text = trust_as_template((ROOT / "templates" / content.path).read_text())
        rendered = str(known.template(text, escape_backslashes=False, overrides=AS_FILES))
        return rendered if rendered.endswith("\n") else rendered + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _file_digest(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _built(name: str, found: FileFacts) -> str:
    program = cache_dir() / name
    if not program.is_file():
        return f"cannot be compared: {program} is not there on the controller; run `make setup`"
    same = found.get("sha256") == _file_digest(str(program))
    return "" if same else f"differs from {program}, which the controller has built"


def _lines(declared: tuple[str, ...], found: FileFacts) -> str:
    if "text" not in found:
        return "cannot be read"
    lines = tuple(
        " ".join(line.split())
        for line in found["text"].splitlines()
        if line.strip() and not line.lstrip().startswith(("#", "//"))
    )
    return "" if lines == declared else f"says {list(lines)}, declared is {list(declared)}"


def _difference(wanted: str, found: FileFacts) -> str:
    """The first lines that differ, where the host has found the text: those of secrets are not found."""
    if "text" not in found:
        return ""
    expected, found = wanted.splitlines(), found["text"].splitlines()
    added = [line for line in found if line not in expected][:4]
    gone = [line for line in expected if line not in found][:4]
    parts = [f"; has {' / '.join(map(repr, added))}"] if added else []
    parts += [f"; lacks {' / '.join(map(repr, gone))}"] if gone else []
    return "".join(parts) or "; the order of lines or the end of the file"
