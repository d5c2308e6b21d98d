"""Daemons take every file that hosts on AWS get, and each look is seen to refuse a spoiled one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.daemons.aws import plan
from tests.daemons.checks import CHECKS, Check

HOSTS = list(plan())


@pytest.mark.parametrize(("stack", "name"), HOSTS, ids=["-".join(key) for key in HOSTS])
def test_daemons_take_the_files(stack: str, name: str, answers: Any) -> None:
    refused = [
        f"{stack}: {name}: {look.path}: {look.check.daemon}: {fault}"
        for look, fault in answers.get((stack, name), {}).items()
        if fault and not look.spoiled
    ]
    if refused:
        pytest.fail("\n".join(refused), pytrace=False)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.daemon} {check.files}")
def test_a_spoiled_file_is_refused(check: Check, answers: Any) -> None:
    faults = [
        (look.path, fault)
        for told in answers.values()
        for look, fault in told.items()
        if look.spoiled and look.check == check
    ]
    assert len(faults) == 1, f"{check.files}: no host on AWS has such a file"
    [(path, fault)] = faults
    assert fault, f"{check.daemon} takes {path} with {check.spoil!r} at its end"
    assert "not looked at" not in fault
