"""Every field of the contract changes what some role reads, or is listed here with who reads it instead."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from typing import Any

from ansible.template import trust_as_template

from infra.environment import Environment
from tests.support.declared import Tree, alone, contract_of, leaves, local_environment
from tests.support.rendered import ROOT, templar
from tests.support.role_sources import sources
from tests.support.role_specs import MAPPED, TIERS, options


def smallest() -> Any:
    """One host of each tier: enough for every field."""
    declared = alone(local_environment())
    declared["web"]["count"] = declared["control"]["count"] = 1
    return declared


CONTRACT = contract_of("unit", Environment.parse(smallest()))
#: Leaves of the contract that no role reads, each with who does.
NOT_FOR_ROLES = {
    "access.private_key_file": "the inventory: how Ansible logs in",
    "hosts.ssh_host_key": "known_hosts, which infra/stack/outputs.py writes",
    "version": "whoever reads the contract",
    "release": "whoever reads the contract",
    "ports.ssh": "the firewall, which reads flows: no role sets the port of SSH",
    "url": "whoever asks the API from outside: the summary and verification",
    "durability.synchronous_mode": "database.patroni, which follows from it",
    "durability.synchronous_mode_strict": "database.patroni, which follows from it",
    "hosts.volumes.volume_class": "the platform has made the volume; what follows from it are settings",
}


#: Given to a program as it is: the role names none of its parts.
WHOLE = {"patroni_cluster_settings"}


def test_every_leaf_of_the_contract_reaches_a_role() -> None:
    """Altered in every entry at once, it must change what a role is given and names in its files."""
    tree = json.loads(CONTRACT.model_dump_json())
    before = {role: given(tree, role) for role in MAPPED}
    fields: dict[str, list[Any]] = {}
    for path, value in leaves(tree):
        if value is None:  # what this platform lacks
            continue
        fields.setdefault(".".join(step for step in path if isinstance(step, str)), []).append((path, value))
    unread = {field for field, found in fields.items() if not reaches(altered(tree, found), before)}
    # The table of components: roles get the ports and flows that follow from it; the verification reads it.
    unread = {field for field in unread if not field.startswith("components.")}
    assert unread == set(NOT_FOR_ROLES)


def altered(tree: Tree, found: list[Any]) -> Tree:
    changed = json.loads(json.dumps(tree))
    for path, value in found:
        at = changed
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = f"{value}-altered" if isinstance(value, str) else value + 1
    return changed


def reaches(tree: Tree, before: dict[str, str]) -> bool:
    return any(given(tree, role) != before[role] for role in MAPPED)


def given(tree: Tree, role: str) -> str:
    """What the role is given on its first host, without the parts that its files do not name."""
    known, found = templar_of(tree, role), {}
    for name in options(role):
        try:
            value = known.template(trust_as_template(f"{{{{ {name} }}}}"))
        except Exception as error:
            value = f"cannot be given: {type(error).__name__}"
        found[name] = value if name in WHOLE else named_parts(value, words(role))
    return json.dumps(found, default=str, sort_keys=True)


@cache
def words(role: str) -> frozenset[str]:
    queries = (ROOT / "ansible" / "roles" / role / "files").glob("*.sql")
    texts = [*(text for _, text in sources(role)), *(path.read_text() for path in queries)]
    named = {word for text in texts for word in re.findall(r"\w+", text)}
    filters = (ROOT / "ansible" / "plugins" / "filter").glob(f"{role}*.py")
    return frozenset(named.union(*(keys_read(path.read_text()) for path in filters)))


def keys_read(program: str) -> set[str]:
    """Keys that a program asks mappings for: `host["name"]`."""
    slices = [node.slice for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Subscript)]
    return {one.value for one in slices if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def named_parts(value: Any, named: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [named_parts(item, named) for item in value]
    if isinstance(value, dict):
        return {key: named_parts(item, named) for key, item in value.items() if key in named}
    return value


def templar_of(tree: Tree, role: str) -> Any:
    """Ansible's templating with another contract, on the first host that runs the role."""
    known, index = first_templar(role)
    variables = known.available_variables | {"contract": tree, "flashtier_host": tree["hosts"][index]}
    return known.copy_with_new_env(available_variables=variables)


@cache
def first_templar(role: str) -> tuple[Any, int]:
    tiers = [tier for tier, roles in TIERS.items() if role in roles] or ["database"]
    index = next(index for index, host in enumerate(CONTRACT.hosts) if host.tier in tiers)
    return templar(CONTRACT, CONTRACT.hosts[index].name, role), index
