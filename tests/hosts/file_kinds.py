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

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Template:
    path: str
    #: What the task gives the template in addition to the role's own variables.
    variables: Any = None
    #: An expression instead of a template's file: what a task writes by `content`.
    expression: str = ""


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


def template(path: str, mode: tuple[str, str] = PLAIN, **variables: Any) -> Expected:
    return (*mode, Template(path, variables))
