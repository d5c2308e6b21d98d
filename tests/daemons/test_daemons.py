"""Daemons accept every file that hosts on AWS get, and each check refuses a spoiled one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.daemons.aws import plan
from tests.daemons.checks import CHECKS, Check

HOSTS = list(plan())


@pytest.mark.parametrize(("stack", "name"), HOSTS, ids=["-".join(key) for key in HOSTS])
def test_daemons_accept_the_files(stack: str, name: str, answers: Any) -> None:
    refused = [
        f"{stack}: {name}: {planned.path}: {planned.check.daemon}: {fault}"
        for planned, fault in answers.get((stack, name), {}).items()
        if fault and not planned.spoiled
    ]
    if refused:
        pytest.fail("\n".join(refused), pytrace=False)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.daemon} {check.files}")
def test_a_spoiled_file_is_refused(check: Check, answers: Any) -> None:
    faults = [
        (planned.path, fault)
        for of_host in answers.values()
        for planned, fault in of_host.items()
        if planned.spoiled and planned.check == check
    ]
    assert len(faults) == 1, f"{check.files}: no host on AWS has such a file"
    [(path, fault)] = faults
    assert fault, f"{check.daemon} accepts {path} with {check.spoil!r} at its end"
    assert "not checked" not in fault
