"""The table of tests/daemons: each file that hosts on AWS get has one check, and every check is used."""

from __future__ import annotations

import pytest

from tests.daemons.aws import plan
from tests.daemons.checks import CHECKS, check_of


def test_each_file_has_one_check_and_each_check_refuses_a_spoiled_file() -> None:
    planned = [one for of_host in plan().values() for one in of_host]
    assert {one.check for one in planned} == set(CHECKS)
    spoiled = [one.check for one in planned if one.spoiled]
    assert len(spoiled) == len(set(spoiled)) == len(CHECKS)


def test_a_file_without_a_check_is_named() -> None:
    with pytest.raises(LookupError, match=r"^/etc/new-daemon\.conf: 0 lines of tests/daemons/checks\.py"):
        check_of("/etc/new-daemon.conf")
