"""Contracts in which one declared value is changed: a verification must report it."""

from __future__ import annotations

import copy
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.contract import Contract
from infra.stack import authority
from tests.hosts.facts import ANNOTATIONS, NAMED, declared_facts

Path = tuple[str | int, ...]

#: The words that some fields may hold, by path or by name; the first that differs from the declared is used.
WORDS = {
    "tier": ("edge", "web", "database", "control"),
    "volume_class": ("flash", "network", "gp3"),
    "credentials": ("keys", "instance-profile"),
    "ca": ("project", "system"),
    "model": ("Amazon Elastic Block Store", "Amazon EC2 NVMe Instance Storage"),
    "synchronous_mode": ("quorum", "asynchronous"),
    "database.patroni.synchronous_mode": ("quorum", "off"),
    "protocol": ("udp", "tcp"),
    "what": ("vm_sysctl", "io_scheduler", "read_ahead", "watchdog", "set_clock"),
    "mode": ("0755", "0700"),
    "exif_location": ("strip", "keep"),
    "kind": ("owner", "application", "person"),
    "access": ("granted", "read-only", "read-write"),
}
PLACED = "hosts.placements.volume"
#: Fields with only one possible value: a contract with another one is refused when it is read.
FIXED = frozenset({"version", "platform", "hosts.volumes.nvme.scheduler"})


@dataclass(frozen=True)
class Altered:
    """One leaf with another value: `facts` are the changed keys; `renamed`: the leaf is an entry's name."""

    path: Path
    field: str
    before: Any
    after: Any
    facts: frozenset[str]
    renamed: bool


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(tree, dict):
        for key, item in tree.items():
            yield from leaves(item, (*path, key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from leaves(item, (*path, index))
    else:
        yield path, tree


def dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


def field_of(path: Path) -> str:
    """The path without positions: `hosts.volumes.uuid`."""
    return ".".join(step for step in path if isinstance(step, str))


def is_annotation(path: Path) -> bool:
    """Whether a field of the path is about the contract itself, as `declared_facts` leaves it out."""
    names = [step for step in path if isinstance(step, str)]
    kinds = ["", *(f"{NAMED.get(name, (name, ()))[0]}." for name in names)]
    return any(f"{kind}{name}" in ANNOTATIONS for kind, name in zip(kinds, names, strict=False))


def replaced(tree: Any, path: Path, value: Any) -> Any:
    """A copy of `tree` with another value at `path`."""
    changed = copy.deepcopy(tree)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return changed


def other(field: str, value: Any, tree: Any) -> Any:
    """Another value of the same kind: plausible rather than invalid, so that only a comparison finds it."""
    name = field.rpartition(".")[2]
    if isinstance(value, bool):
        return not value
    if name == "port":
        return value + 11  # one more is another port of the same hosts: 2379 and 2380
    if isinstance(value, int | float):
        return value + 1
    if words := WORDS.get(field, WORDS.get(name)):
        return next(word for word in words if word != value)
    if name in ("source", "destination", "host", "first") and not value.startswith("/"):
        return next(host["name"] for host in reversed(tree["hosts"]) if host["name"] != value)
    if name == "uuid":
        return str(uuid.uuid5(uuid.NAMESPACE_URL, value))
    if name == "ca_certificate":
        return authority.certificate("another", authority.new_key())
    if re.fullmatch(r"[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+", value):
        return value.rpartition(".")[0] + ".222"
    if match := re.fullmatch(r"([0-9.]+)/([0-9]+)", value):
        return f"{match[1]}/{int(match[2]) - 1}"
    if name == "value" and (match := re.match(r"-?[0-9]+", value)):
        return f"{int(match[0]) + 1}{value[match.end() :]}"
    if value in ("on", "off"):
        return "off" if value == "on" else "on"
    return f"{value}x"


def neighbour(tree: Any, path: Path, volume: str) -> str | None:
    """Another volume of the same host; None for a host with a single one."""
    others = (one["name"] for one in tree["hosts"][path[1]]["volumes"] if one["name"] != volume)
    return next(others, None)


def alterations(contract: Contract) -> Iterator[Altered]:
    """One for each leaf of the contract that describes hosts and can have another value."""
    tree = json.loads(contract.model_dump_json())
    facts = declared_facts(contract)
    for path, value in leaves(tree):
        field = field_of(path)
        if is_annotation(path) or field in FIXED or value is None:  # what a platform lacks is not a fact
            continue
        after = other(field, value, tree) if field != PLACED else neighbour(tree, path, value)
        if after is None:
            continue
        changed = declared_facts(parsed(replaced(tree, path, after)))
        differing = {key for key in {*facts, *changed} if facts.get(key) != changed.get(key)}
        renamed = set(facts) != set(changed)
        yield Altered(path, field, value, after, frozenset(differing), renamed)


def parsed(tree: Any) -> Contract:
    return Contract.from_json(json.dumps(tree))


def doctored(contract: Contract, altered: list[Altered]) -> Contract:
    """The contract with all of these alterations."""
    tree = json.loads(contract.model_dump_json())
    for one in altered:
        tree = replaced(tree, one.path, one.after)
    return parsed(tree)
