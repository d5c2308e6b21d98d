"""Limits that are known without asking AWS: each ends the preview in one line, and names fit."""

from __future__ import annotations

from typing import Any

import pytest
from standin.table import TABLE

from infra.aws.naming import LONGEST_STACK
from infra.aws.platform import AwsPlatform
from infra.aws.preflight import account, limits
from infra.environment import Aws, Environment
from infra.topology import build
from tests.support.aws.network_parts import environment as elsewhere
from tests.support.aws.whole import whole
from tests.support.aws_environments import aws_environment, parsed

ZONE = f"{'a' * 40}.example.com"


def faults(**changes: Any) -> list[str]:
    return limits.faults(parsed("dev", **changes))


def test_what_the_kit_ships_keeps_every_limit() -> None:
    for stack in ("dev", "staging", "prod"):
        assert limits.faults(parsed(stack)) == []


def test_a_name_that_acm_does_not_take() -> None:
    at_most = f"{'b' * (64 - len(ZONE) - 1)}.{ZONE}"
    assert faults(aws__domain={"name": at_most, "zone": ZONE}) == []
    [line] = faults(aws__domain={"name": f"b{at_most}", "zone": ZONE})
    assert line.startswith("flashtier:environment.aws.domain.name: ")
    assert "has 65 characters, and ACM takes 64" in line


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-iso-east-1"])
def test_another_partition_is_refused(region: str) -> None:
    [line] = faults(aws__region=region, aws__zones=[f"{region}a", f"{region}b"])
    assert line.startswith(f"flashtier:environment.aws.region: {region}: is in another partition")


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-central-1", "me-central-1", "il-central-1", "mx-central-1"]
)
def test_commercial_regions_are_not(region: str) -> None:
    assert faults(aws__region=region, aws__zones=[f"{region}a", f"{region}b"]) == []


def test_an_address_that_is_too_long() -> None:
    [line] = faults(aws__alarm_email=f"{'a' * 250}@example.com")
    assert "has 262 characters, and an address has at most 254" in line


def test_every_limit_has_a_source() -> None:
    assert all(one.source for one in (*limits.NAMES, *limits.LIMITS))


def lengths(stack: str) -> dict[str, int]:
    """The longest name on AWS of each type, as the program or Pulumi gives it."""
    found: dict[str, int] = {}
    for one in whole(stack, declared="prod", aws__waf=True).recorded.resources:
        known = {limit.resource: limit.name for limit in limits.NAMES}
        if one.type in known:
            name = one.inputs.get(known[one.type]) or one.inputs.get("namePrefix")
            length = len(name) if name else len(one.name) + limits.AUTONAME
            found[one.type] = max(found.get(one.type, 0), length)
    return found


def test_the_longest_stack_fits_every_name_and_one_character_more_does_not() -> None:
    longest = lengths("z" * LONGEST_STACK)
    most = {limit.resource: limit.longest for limit in limits.NAMES}
    assert {kind: length for kind, length in longest.items() if length > most[kind]} == {}
    assert any(length == most[kind] for kind, length in longest.items())


def test_every_type_that_gets_a_name_has_a_limit() -> None:
    named = {
        one.type
        for one in whole("prod").recorded.resources
        if one.type in TABLE and (TABLE[one.type].auto or "name" in one.inputs)
    }
    # A record's name is the domain's; the others' names are their identities, which AWS assigns.
    assert named - {limit.resource for limit in limits.NAMES} == {"aws:route53/record:Record"}


def test_a_limit_ends_the_preview_before_the_account_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any) -> Any:
        raise AssertionError("the account was asked")

    monkeypatch.setattr(account, "ask", asked)
    environment = elsewhere("dev")
    assert isinstance(environment.aws, Aws)
    [line] = AwsPlatform().preflight(build("dev", environment), environment)
    assert "us-gov-west-1: is in another partition" in line


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_data_on_drives_that_a_stop_erases_is_refused_until_there_is_a_copy(
    stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "ask", lambda *_: account.Findings())
    environment = parsed(stack)
    [line] = AwsPlatform().preflight(build(stack, environment), environment)
    assert line.startswith(
        "flashtier:environment.database.placement.data: data and wal would be on instance store"
    )
    assert line.endswith("take class gp3 or io2, or accept the loss with database.accept_single_copy: true")
    accepted = parsed(stack, database__accept_single_copy=True)
    assert AwsPlatform().preflight(build(stack, accepted), accepted) == []


def test_dev_whose_data_is_on_ebs_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "ask", lambda *_: account.Findings())
    environment = parsed("dev")
    assert AwsPlatform().preflight(build("dev", environment), environment) == []


def test_wal_alone_on_such_drives_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = aws_environment("staging")
    declared["database"]["volumes"].append({"name": "data", "class": "io2", "size_gib": 300, "iops": 9000})
    declared["database"]["placement"]["data"] = "data"
    monkeypatch.setattr(account, "ask", lambda *_: account.Findings())
    environment = Environment.parse(declared)
    [line] = AwsPlatform().preflight(build("staging", environment), environment)
    assert "database.placement.wal: wal would be on instance store" in line
