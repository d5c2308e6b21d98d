"""What roles and their templates read, make and are given, from their syntax trees."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment as Jinja
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from infra.paths import ROOT


class AnyName(dict[str, Any]):
    """Every filter and test there may be: names of variables are looked at, nothing is evaluated."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, str)


@cache
def parser() -> Jinja:
    made = Jinja()  # noqa: S701 - configuration files
    made.filters, made.tests = AnyName(made.filters), AnyName(made.tests)
    return made


@cache
def parsed(text: str) -> nodes.Template:
    return parser().parse(text)


def texts(tree: Any) -> Iterator[str]:
    """Every text of a YAML tree that may be a template."""
    if isinstance(tree, dict):
        for item in tree.values():
            yield from texts(item)
    elif isinstance(tree, list):
        for item in tree:
            yield from texts(item)
    elif isinstance(tree, str):
        yield tree


CONDITIONS = ("when", "that", "until", "changed_when", "failed_when", "var")


def conditions(tree: Any) -> Iterator[str]:
    """Values of the keys that Ansible evaluates without braces."""
    if isinstance(tree, dict):
        for key, item in tree.items():
            if key in CONDITIONS:
                yield from (f"{{{{ {text} }}}}" for text in texts(item) if "{{" not in text)
            yield from conditions(item)
    elif isinstance(tree, list):
        for item in tree:
            yield from conditions(item)


def role_files(role: str) -> list[Path]:
    folder = ROOT / "ansible" / "roles" / role
    return [path for part in ("tasks", "handlers", "vars") for path in sorted(folder.glob(f"{part}/*.yml"))]


def sources(role: str) -> Iterator[tuple[Path, str]]:
    """Everything that Ansible evaluates for a role: where it stands, and the text."""
    for path in role_files(role):
        tree = yaml.safe_load(path.read_text())
        yield from ((path, text) for text in texts(tree) if "{" in text)
        yield from ((path, text) for text in conditions(tree))
    for path in sorted((ROOT / "templates" / role).glob("*.j2")):
        yield path, path.read_text()


def where(path: Path) -> str:
    return str(path.relative_to(ROOT))


def made_by(role: str) -> set[str]:
    """Variables that the role itself makes: vars/, `vars:`, `register:`, set_fact and names of loops."""
    found: set[str] = set()

    def look(tree: Any) -> None:
        if isinstance(tree, list):
            for item in tree:
                look(item)
        if not isinstance(tree, dict):
            return
        for key, item in tree.items():
            if key in ("register", "loop_var", "index_var") and isinstance(item, str):
                found.add(item)
            elif key in ("vars", "ansible.builtin.set_fact") and isinstance(item, dict):
                found.update(item)
            look(item)

    for path in role_files(role):
        tree = yaml.safe_load(path.read_text())
        if path.parent.name == "vars":
            found.update(tree)
        look(tree)
    return found


def included_by(role: str) -> set[str]:
    """Roles that the role's tasks include."""
    found: set[str] = set()

    def look(tree: Any) -> None:
        if isinstance(tree, dict):
            included = tree.get("ansible.builtin.include_role")
            found.update({included["name"]} if isinstance(included, dict) else ())
        for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
            look(item)

    for path in role_files(role):
        look(yaml.safe_load(path.read_text()))
    return found


def given_by_playbooks(role: str) -> set[str]:
    """Variables that procedures give a role when they run a part of it."""
    found: set[str] = set()
    for path in (ROOT / "ansible" / "playbooks").glob("*.yml"):
        for play in yaml.safe_load(path.read_text()):
            for task in play.get("tasks", []):
                part = task.get("ansible.builtin.import_role") or task.get("ansible.builtin.include_role")
                found.update(task.get("vars", {}) if (part or {}).get("name") == role else {})
    return found


def read_by(role: str) -> dict[str, set[str]]:
    """Variables that the role reads: name -> where."""
    found: dict[str, set[str]] = {}
    for path, text in sources(role):
        tree = parsed(text)
        # Jinja takes a name that `set` gives a value in one branch only for one that comes from outside.
        set_here = {
            one.target.name for one in tree.find_all(nodes.Assign) if isinstance(one.target, nodes.Name)
        }
        for name in find_undeclared_variables(tree) - set_here:
            found.setdefault(name, set()).add(where(path))
    return found
