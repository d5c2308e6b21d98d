"""The table of tests/daemons: each file that hosts on AWS get has one check, and no check is for nothing."""

from __future__ import annotations

import pytest

from tests.daemons.aws import plan
from tests.daemons.checks import CHECKS, check_of


def test_each_file_has_one_check_and_each_check_is_seen_to_refuse() -> None:
    looks = [look for planned in plan().values() for look in planned]
    assert {look.check for look in looks} == set(CHECKS)
    spoiled = [look.check for look in looks if look.spoiled]
    assert len(spoiled) == len(set(spoiled)) == len(CHECKS)


def test_a_file_without_a_check_is_named() -> None:
    with pytest.raises(LookupError, match=r"^/etc/new-daemon\.conf: 0 lines of tests/daemons/checks\.py"):
        check_of("/etc/new-daemon.conf")
