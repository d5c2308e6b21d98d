"""What decides the content of a file on a host, and which rights files have.

A file is (mode, owner:group, content). The content is one of:

    Template(...)   rendered by a role from templates/, with this host's part of the contract
    Secret(...)     one of the stack's secrets
    Tree(...)       a file of this checkout (the image's own files)
    Built(...)      a program that the controller has built
    Like(...)       a file that a package brought on the same host
    Lines(...)      these lines, comments and blank ones aside
    ALIKE           made by a package's script: the same on all hosts of a stack
    OWN             of this host alone: another check reads it
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.paths import ROOT
from tools.wheelhouse.project import PROJECTS

#: Of Debian 13, which all hosts run.
PYTHON = "3.13"


@dataclass(frozen=True)
class Template:
    path: str
    #: What the task gives the template in addition to the role's own variables.
    variables: Any = None
    #: An expression instead of a template's file: what a task writes by `content`.
    expression: str = ""


@dataclass(frozen=True)
class Release:
    """A file of the release of this checkout that hosts have, as a value of a template's `variables`.

    Its folder is named after what is in it, and after the Python and the machine type that it is for.
    """

    project: str
    path: str

    def on(self, machine: str) -> str:
        """The path on a host of that machine type."""
        name = PROJECTS[self.project].release_name(PYTHON, machine)
        return f"/opt/{self.project}/releases/{name}/{self.path}"


@dataclass(frozen=True)
class Secret:
    name: str


@dataclass(frozen=True)
class Tree:
    path: str


@dataclass(frozen=True)
class Built:
    name: str


@dataclass(frozen=True)
class Like:
    path: str


@dataclass(frozen=True)
class Lines:
    lines: tuple[str, ...] = ()


ALIKE, OWN = "alike", "own"
Content = Template | Secret | Tree | Built | Like | Lines | str
Expected = tuple[str, str, Content]

PLAIN = ("0644", "root:root")
SHADOW = ("0640", "root:shadow")
PRIVATE = ("0600", "root:root")
PROGRAM = ("0755", "root:root")


#: Where the modules of roles' programs lie on hosts, a folder each.
LIBRARY = "/usr/local/lib/flashtier"


def modules(paths: Iterable[Path]) -> dict[str, Expected]:
    """The files of a program, by their path on hosts; each is that of this checkout."""
    return {
        f"{LIBRARY}/{path.parent.name}/{path.name}": (*PLAIN, Tree(str(path.relative_to(ROOT))))
        for path in paths
    }


def template(path: str, mode: tuple[str, str] = PLAIN, **variables: Any) -> Expected:
    return (*mode, Template(path, variables))
