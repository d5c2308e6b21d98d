"""The files of hosts of the shipped environments on AWS, and which of them is checked where."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from infra.aws.user_data import user_data
from infra.contract import Contract, ContractHost
from tests.daemons.checks import Check, check_of
from tests.hosts.content import Contents
from tests.hosts.file_kinds import Built, Expected, Secret, Template, Tree
from tests.hosts.own_files import expected
from tests.support import secret_values
from tests.support.aws_contract import aws_contract
from tests.support.aws_environments import STACKS

#: Where cloud-init keeps its user data, which is the same for all instances of a stack.
USER_DATA = "/var/lib/cloud/instances/any/user-data.txt"
#: mode, owner:group, text
File = tuple[str, str, str]


@dataclass(frozen=True)
class Planned:
    """A check of one file, or of the file with the check's `spoil` at its end."""

    check: Check
    path: str
    spoiled: bool = False


@functools.cache
def _contents(stack: str) -> Contents:
    return Contents(aws_contract(stack))


@functools.cache
def rendered(stack: str, name: str) -> dict[str, File]:
    """The files that roles render on one host, as they are written there, and cloud-init's user data."""
    contract = aws_contract(stack)
    with secret_values.given():
        return {USER_DATA: ("0600", "root:root", user_data(contract.access))} | {
            path: (mode, owner, _contents(stack).rendered(content, name))
            for path, (mode, owner, content) in expected(contract.host(name), contract).items()
            if isinstance(content, Template)
        }


@functools.cache
def plan() -> dict[tuple[str, str], tuple[Planned, ...]]:
    """What is checked on which host of which stack: each text once, and one spoiled file per check."""
    planned: dict[tuple[str, str], tuple[Planned, ...]] = {}
    known: set[tuple[str, str, str]] = set()
    spoiled: set[Check] = set()
    for stack in STACKS:
        for host in aws_contract(stack).hosts:
            of_host: list[Planned] = []
            for path, (_, _, text) in rendered(stack, host.name).items():
                check = check_of(path)
                if (stack, path, text) in known:
                    continue
                known.add((stack, path, text))
                of_host.append(Planned(check, path))
                if check not in spoiled:
                    spoiled.add(check)
                    of_host.append(Planned(check, path, spoiled=True))
            planned[stack, host.name] = tuple(of_host)
    return planned


def question(keys: list[tuple[str, str]], living: Contract, place: ContractHost) -> dict[str, Any]:
    """For the program in inside/: what is planned for these hosts, on `place` of the running stack."""
    checks = [planned.check for key in keys for planned in plan()[key]]
    return {
        "packages": sorted({package for check in checks for package in check.packages}),
        "hosts": [_question(*key, expected(place, living)) for key in keys],
    }


def _question(stack: str, name: str, there: dict[str, Expected]) -> dict[str, Any]:
    contract = aws_contract(stack)
    host = contract.host(name)
    wanted = expected(host, contract)
    return {
        "address": host.address,
        "absent": [
            path
            for path, (_, _, content) in there.items()
            if isinstance(content, Template | Secret | Tree | Built) and path not in wanted
        ],
        "folders": {
            placed.path: [placed.mode, f"{placed.owner}:{placed.group}"] for placed in host.placements
        },
        "files": rendered(stack, name),
        "checks": [
            [one.path, one.check.command, one.check.talks, one.check.spoil if one.spoiled else ""]
            for one in plan()[stack, name]
        ],
    }


def place_for(host: ContractHost, living: Contract) -> ContractHost:
    """The running host that shares most components with `host`."""
    of_tier = [one for one in living.hosts if one.tier == host.tier]
    return max(of_tier, key=lambda one: len(set(one.components) & set(host.components)))
