"""Each value has one home: the contract has it, group_vars pass it on, roles and templates read it.

The ways in which a second one could come in are looked for in the syntax trees of all templates: a variable
that nobody declared, an option that nobody reads, a default beside a declared value, a number or a path of
the contract written out again.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from infra.environment import Environment
from infra.topology import MOUNT_OPTIONS
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import MAPPINGS, ROOT, mapping
from tests.support.role_sources import (
    given_by_playbooks,
    included_by,
    made_by,
    parsed,
    read_by,
    sources,
    where,
)
from tests.support.role_specs import MAPPED, ROLES, options

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
#: Ansible's own names.
BUILT_IN = {
    "ansible_check_mode", "ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all", "dict",
    "hostvars", "inventory_hostname", "item", "lookup", "now", "omit", "query", "range", "role_path", "undef",
}  # fmt: skip
#: What an entry of host_files gives its template in `variables`.
PASSED = {"placement": {"placement"}, "storage": {"volume", "volumes"}}
#: The contract as the inventory gives it; group_vars alone may read it, and conditions of the plays.
GIVEN = {"contract", "flashtier_host"}
#: Variables of group_vars that say nothing of the contract, each with its reason.
NOT_OF_THE_CONTRACT = {
    **{
        f"{role}_web_path": "the one table of waits and shares"
        for role in ("app", "follower", "haproxy", "nginx", "pgbouncer")
    },
    **{f"{role}_pools": "the one table of pools" for role in ("follower", "pgbouncer")},
    "app_release": "which release to serve is said on the command line; empty is that of the checkout",
    "patroni_convert": "which environment may be converted is said on the command line",
    "s3_program": "where the controller has built it",
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_only_what_is_declared_for_it(role: str) -> None:
    known = BUILT_IN | set(options(role)) | made_by(role) | PASSED.get(role, set())
    # What a role that it includes leaves for it.
    known = known.union(given_by_playbooks(role), *(made_by(one) for one in included_by(role)))
    assert {name: places for name, places in read_by(role).items() if name not in known} == {}


@pytest.mark.parametrize("role", ROLES)
def test_every_declared_variable_is_read(role: str) -> None:
    assert set(options(role)) - set(read_by(role)) == set()


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_makes_hides_nothing_that_it_is_given(role: str) -> None:
    """A variable of vars/ or set_fact wins over group_vars: it would be the second home."""
    assert made_by(role) & (set(options(role)) | GIVEN) == set()


@pytest.mark.parametrize("role", ROLES)
def test_nothing_declared_has_a_second_default(role: str) -> None:
    declared = set(options(role)) | GIVEN
    found = [
        f"{where(path)}: default() on {root}"
        for path, text in sources(role)
        for one in parsed(text).find_all(nodes.Filter)
        if one.name in ("default", "d") and (root := root_of(one.node)) in declared
    ]
    assert found == []


def root_of(node: Any) -> str:
    """The variable that an expression starts from."""
    while node is not None and not isinstance(node, nodes.Name):
        node = getattr(node, "node", None)
    return node.name if node is not None else ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=name)
        for role in MAPPED
        for name, value in mapping(role).items()
        if name not in NOT_OF_THE_CONTRACT
    ],
)
def test_group_vars_only_pass_the_contract_on(name: str, value: Any) -> None:
    tree = parsed(str(value))
    assert find_undeclared_variables(tree) - GIVEN == set()
    assert find_undeclared_variables(tree) & GIVEN, f"{name} = {value!r} is a value of its own"
    assert [one.name for one in tree.find_all(nodes.Filter) if one.name in ("default", "d")] == []


def test_the_exceptions_exist() -> None:
    every = {name for role in MAPPED for name in mapping(role)}
    assert set(NOT_OF_THE_CONTRACT) <= every
    assert {path.stem for path in MAPPINGS.glob("*.yml")} == set(MAPPED)


def test_plays_give_no_values() -> None:
    """site.yml names roles; conditions may read the contract."""
    for play in yaml.safe_load((ROOT / "ansible" / "site.yml").read_text()):
        for part in [play, *play.get("roles", []), *play.get("tasks", [])]:
            assert "vars" not in part, part.get("name")
            assert "vars_files" not in part, part.get("name")


#: What is written out in a file although the contract has it, with the reason.
WRITTEN_OUT = {
    ("templates/prometheus/rules.yml.j2", "/vol/"): "a pattern for whatever is mounted below it",
}


def test_ports_paths_and_options_of_the_contract_are_nowhere_written_out() -> None:
    ports = {rf"(?<![\w.:-]){port}(?![\w.-])" for port in CONTRACT.ports.values() if port > 1024}
    placed = {re.escape(one.path) + r"(?![\w-])" for host in CONTRACT.hosts for one in host.placements}
    patterns = (
        ports | placed | {r"/vol/", r"\.flashtier\.internal"} | {rf"\b{one}\b" for one in MOUNT_OPTIONS}
    )
    files = [*ROOT.glob("templates/*/*.j2"), *ROOT.glob("ansible/roles/*/*/*.yml"), *MAPPINGS.glob("*.yml")]
    assert len(files) > 50
    found = {
        (where(path), match[0])
        for path in files
        if path.parent.name != "meta"
        for line in path.read_text().splitlines()
        if not line.lstrip().startswith("#")
        for pattern in patterns
        if (match := re.search(pattern, line))
    }
    assert found == set(WRITTEN_OUT)
