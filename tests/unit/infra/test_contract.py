"""The contract: survives its journey as JSON, refuses what it does not know, and is never empty."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from infra.contract import Contract
from infra.environment import Environment
from infra.errors import FlashtierError
from infra.settings import kernel
from infra.topology import build
from tests.support.declared import (
    Path_,
    contract_of,
    dotted,
    environments,
    leaves,
    local_environment,
    mappings,
    spoiled,
    wrong_types,
)

LOCAL = contract_of("local", Environment.parse(local_environment()))
TREE = json.loads(LOCAL.model_dump_json())


def refusal(tree: Any) -> str:
    with pytest.raises(FlashtierError) as caught:
        Contract.from_json(json.dumps(tree))
    line = str(caught.value)
    assert "\n" not in line
    return line


@given(environments(max_web=8))
@settings(max_examples=25, deadline=None)
def test_a_contract_survives_json(declared: Any) -> None:
    contract = contract_of("unit", Environment.parse(declared))
    assert Contract.from_json(contract.model_dump_json()) == contract


def test_the_whole_contract_is_plain_json() -> None:
    assert Contract.from_json(json.dumps(TREE)) == LOCAL
    assert json.loads(Contract.from_json(json.dumps(TREE)).model_dump_json()) == TREE


def first_of_each_kind(paths: list[Path_]) -> list[Path_]:
    """One path for each shape: `hosts.3.volumes.0` and `hosts.5.volumes.1` are of the same kind."""
    kinds: dict[Path_, Path_] = {}
    for path in paths:
        kinds.setdefault(tuple("*" if isinstance(step, int) else step for step in path), path)
    return list(kinds.values())


#: Settings of PostgreSQL by name: whatever the kit manages.
OPEN: Path_ = ("database", "patroni", "postgresql", "parameters")


@pytest.mark.parametrize(
    "path",
    [path for path in first_of_each_kind(list(mappings(TREE))) if path != OPEN],
    ids=lambda path: dotted(path) or "root",
)
def test_an_unknown_key_is_refused_at_every_level(path: Path_) -> None:
    line = refusal(spoiled(TREE, (*path, "colour"), "red"))
    assert line.startswith(f"contract.{dotted((*path, 'colour'))}: "), line
    assert "run `pulumi up` with the same checkout" in line


LEAVES = first_of_each_kind([path for path, _ in leaves(TREE)])


VALUES = dict(leaves(TREE))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        pytest.param(path, wrong, id=f"{dotted(path)}={wrong!r}")
        for path in LEAVES
        if VALUES[path] is not None  # what platform local lacks, and AWS has
        for wrong in wrong_types(VALUES[path])
        if wrong != VALUES[path]  # `true` for version 1: equal in Python, and no program writes it
    ],
)
def test_no_value_is_converted_from_another_type(path: Path_, wrong: object) -> None:
    line = refusal(spoiled(TREE, path, wrong))
    assert line.startswith(f"contract.{dotted(path)}: "), line


#: Types of tables written by hand, in which a usual value is left out; `ports` has names for keys.
WITH_DEFAULTS = ("components", "egress", "ports")
#: Keys that environments of an older kit do not have, or that one may leave out.
NEW_KEYS = ("archive", "exif_location", "owner", "read_from_standbys", "write_pool_size")


def needs_a_value(path: Path_) -> bool:
    return isinstance(path[-1], str) and path[0] not in WITH_DEFAULTS and path[-1] not in NEW_KEYS


@pytest.mark.parametrize("path", [path for path in LEAVES if needs_a_value(path)], ids=dotted)
def test_no_value_has_a_default(path: Path_) -> None:
    tree = spoiled(TREE, path, None)
    parent = tree
    for step in path[:-1]:
        parent = parent[step]
    del parent[path[-1]]
    assert refusal(tree).startswith(f"contract.{dotted(path)}: Field required")


def test_an_empty_contract_is_an_error() -> None:
    line = refusal({**TREE, "hosts": []})
    assert "a contract without hosts declares nothing; run `pulumi up` first" in line
    assert refusal({}).startswith("contract.")


def test_another_version_is_refused() -> None:
    line = refusal({**TREE, "version": 1})
    assert line.startswith("contract.version: ")
    assert "this kit reads contract version 2" in line


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '"text"'])
def test_text_that_is_not_a_contract_is_one_line(text: str) -> None:
    with pytest.raises(FlashtierError) as caught:
        Contract.from_json(text)
    assert "\n" not in str(caught.value)


def test_a_host_is_found_by_name() -> None:
    assert LOCAL.host("db1").tier == "database"


def test_hosts_are_those_of_the_topology_with_their_kernel_settings() -> None:
    topology = build("local", Environment.parse(local_environment()))
    fields = ("name", "tier", "address", "gateway", "zone", "size", "components", "placements")
    for declared, host in zip(topology.hosts, LOCAL.hosts, strict=True):
        for field in fields:
            assert getattr(host, field) == getattr(declared, field), field
        assert host.kernel == kernel.settings(declared.tier)
