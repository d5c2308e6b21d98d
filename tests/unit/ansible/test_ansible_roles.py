"""Roles, their argument specifications and the one place that maps the contract to them agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.template import trust_as_template

from infra.environment import Environment
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import ROOT, mapping, templar
from tests.support.role_specs import MAPPED, ROLES, TIERS, options, specs

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
REFUSED_KEYS = ("ignore_errors", "ignore_unreachable", "local_action")
REFUSED_MODULES = ("ansible.builtin.shell", "ansible.builtin.raw", "ansible.builtin.pause")


def first_host(role: str) -> str:
    tiers = [tier for tier, roles in TIERS.items() if role in roles]
    if role in ("storage", "placement"):  # a host without volumes would prove nothing
        tiers = ["database"]
    return next(host.name for host in CONTRACT.hosts if not tiers or host.tier in tiers)


def tasks(role: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    folder = ROOT / "ansible" / "roles" / role
    for path in sorted([*folder.glob("tasks/*.yml"), *folder.glob("handlers/*.yml")]):
        waiting = list(yaml.safe_load(path.read_text()) or [])
        while waiting:
            task = waiting.pop()
            yield path, task
            for key in ("block", "rescue", "always"):
                waiting.extend(task.get(key, []))


def test_roles_were_found() -> None:
    assert {"base", "certificates", "storage", "placement"} <= set(MAPPED)


def passed(role: str) -> set[str]:
    """What roles that include this one give it."""
    return {
        name
        for other in ROLES
        for _, task in tasks(other)
        if (task.get("ansible.builtin.include_role") or {}).get("name") == role
        for name in task.get("vars", {})
    }


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_is_specified_and_mapped(role: str) -> None:
    given = set(mapping(role)) if role in MAPPED else passed(role)
    assert given == set(options(role))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_no_second_value_for_anything(role: str) -> None:
    assert not (ROOT / "ansible" / "roles" / role / "defaults").exists()
    assert [name for name, option in options(role).items() if not option.get("required")] == []
    assert [name for name, option in options(role).items() if "default" in option] == []


@pytest.mark.parametrize("role", MAPPED)
def test_what_the_contract_gives_passes_the_specification(role: str) -> None:
    known = templar(CONTRACT, first_host(role), role)
    for spec in specs(role).values():
        given = {name: known.template(trust_as_template(f"{{{{ {name} }}}}")) for name in spec["options"]}
        assert ArgumentSpecValidator(spec["options"]).validate(given).error_messages == []


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(spec["options"], id=f"{role}-{name}")
        for role in MAPPED
        for name, spec in specs(role).items()
        if spec["options"]
    ],
)
def test_a_missing_variable_does_not_pass(wanted: dict[str, Any]) -> None:
    assert ArgumentSpecValidator(wanted).validate({}).error_messages != []


@pytest.mark.parametrize("role", ROLES)
def test_no_task_hides_a_failure_or_goes_around_the_modules(role: str) -> None:
    for path, task in tasks(role):
        where = f"{path.relative_to(ROOT)}: {task.get('name')}"
        assert not [key for key in REFUSED_KEYS if key in task], where
        assert task.get("failed_when") is not False, where
        assert not [key for key in REFUSED_MODULES if key in task], where


def reads_a_secret(task: dict[str, Any]) -> bool:
    return "pulumi_secret" in yaml.safe_dump({key: value for key, value in task.items() if key != "block"})


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, id=f"{path.relative_to(ROOT)}: {task.get('name')}")
        for role in ROLES
        for path, task in tasks(role)
        if reads_a_secret(task)
    ],
)
def test_a_task_that_reads_a_secret_logs_nothing(task: dict[str, Any]) -> None:
    assert task.get("no_log") is True
