"""What the account is asked before anything is made; the account is moto, a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from infra import topology
from infra.aws.platform import AwsPlatform
from infra.aws.preflight import account
from tests.support.aws.account import OWN, faults, image, images, refused, seen
from tests.support.aws_environments import parsed


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_an_account_that_has_all_has_no_fault(ec2, stack):
    assert seen(stack, aws__images=images(ec2)) == account.Findings()


def test_a_zone_that_the_account_lacks(ec2):
    said = faults(aws__images=images(ec2), aws__zones=["us-east-1a", "us-east-1z"])
    assert any("aws.zones: us-east-1z is not available" in line and "us-east-1b" in line for line in said)


def test_a_type_that_a_zone_does_not_offer(ec2):
    said = faults(aws__images=images(ec2), aws__zones=["us-east-1a", "us-east-1e"], web__count=2)
    assert [
        line for line in said if "us-east-1e does not offer it; take another type, or zones among" in line
    ]


def test_an_image_that_is_not_pinned_or_gone_or_of_another_kind(ec2):
    known = images(ec2)
    [missing] = faults(aws__images={})
    assert "images.arm64: is missing; run `flashtier image -s dev`" in missing
    [gone] = faults(aws__images={"arm64": "ami-00000000000000000"})
    assert "ami-00000000000000000 is not in us-east-1" in gone
    [other] = faults(aws__images={"arm64": known["x86_64"]})
    assert "is for x86_64" in other


def test_an_image_of_another_account(ec2):
    known = images(ec2)
    [line] = faults(aws__images=known, aws__image_owner="136693071363")
    assert f"images.arm64: {known['arm64']} is of account {OWN}, not of image_owner 136693071363" in line


def test_an_image_that_no_host_can_be_made_from(ec2):
    pending = image(ec2, "arm64", "pending")
    [line] = faults(aws__images={"arm64": pending})
    assert f"{pending} is pending" in line


def test_an_image_with_its_root_elsewhere(ec2):
    other = image(ec2, "arm64", root="/dev/sda1")
    [line] = faults(aws__images={"arm64": other})
    assert f"{other} has its root at /dev/sda1, and the launch templates map /dev/xvda" in line


def test_a_local_zone_is_not_a_zone_for_hosts(ec2):
    zones = [
        {"ZoneName": f"us-east-1{name}", "ZoneType": kind}
        for name, kind in (("a", "availability-zone"), ("b", "local-zone"), ("c", "wavelength-zone"))
    ]
    answer = SimpleNamespace(describe_availability_zones=lambda **_: {"AvailabilityZones": zones})
    settings = parsed("prod").aws
    said = list(account.zone_faults(answer, settings))
    assert [line.partition(", which")[0] for line in said] == [
        "flashtier:environment.aws.zones: us-east-1b is a local-zone",
        "flashtier:environment.aws.zones: us-east-1c is a wavelength-zone",
    ]
    assert all(line.endswith("take Availability Zones among us-east-1a") for line in said)


def test_a_region_that_the_account_has_not_enabled(ec2):
    """moto answers there all the same; AWS takes no credentials, so nothing else is said."""
    said = faults(aws__region="me-south-1", aws__zones=["me-south-1a", "me-south-1b"], aws__images={})
    [line] = said
    assert "aws.region: me-south-1 is not enabled for this account; run `aws account enable-region" in line


def test_aws_lists_regions_that_are_not_enabled_only_when_asked_for_all():
    """moto always lists them."""
    every = {"us-east-1": "opt-in-not-required", "me-south-1": "not-opted-in"}

    def describe(AllRegions: bool = False) -> Any:
        shown = {name: status for name, status in every.items() if AllRegions or status != "not-opted-in"}
        return {"Regions": [{"RegionName": name, "OptInStatus": status} for name, status in shown.items()]}

    [line] = account.region_faults(SimpleNamespace(describe_regions=describe), "me-south-1")
    assert "is not enabled" in line


def test_a_region_that_aws_does_not_have(ec2):
    [line] = faults(aws__region="us-east-7", aws__zones=["us-east-7a", "us-east-7b"])
    assert "aws.region: us-east-7 is not a region of AWS; it has af-south-1, " in line
    [line] = faults(aws__region="xx-east-1", aws__zones=["xx-east-1a", "xx-east-1b"])
    assert "aws.region: xx-east-1: Unknown region" in line
    assert "\n" not in line


def test_who_may_not_ask_which_regions_are_enabled_is_judged_by_the_regions_own_answers(ec2, monkeypatch):
    known = images(ec2)
    monkeypatch.setattr(account, "region_faults", refused("UnauthorizedOperation"))
    assert seen(aws__images=known) == account.Findings()


def test_all_faults_are_said_at_once(ec2):
    said = faults(
        aws__images={},
        aws__zones=["us-east-1a", "us-east-1z"],
        web__count=2,
        aws__domain={"name": "a.example.org", "zone": "example.org"},
    )
    keys = ("aws.zones: ", "instance type ", "aws.images.arm64: ", "aws.domain.zone: ")
    assert [key for key in keys if not any(key in line for line in said)] == []
    assert not [line for line in said if "\n" in line]


def test_without_credentials_one_line_says_so(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    [line] = faults()
    assert "the AWS account: " in line
    assert "aws sts get-caller-identity" in line


@pytest.mark.parametrize(
    ("function", "what"),
    [
        ("zone_faults", "aws.zones"),
        ("type_faults", "instance types"),
        ("image_faults", "aws.images"),
        ("domain_faults", "aws.domain"),
    ],
)
def test_what_cannot_be_read_is_a_fault_and_not_a_traceback(ec2, monkeypatch, function, what):
    known = images(ec2)
    monkeypatch.setattr(account, function, refused("UnauthorizedOperation"))
    [line] = faults(aws__images=known)
    assert f"{what}: cannot be looked up" in line


@pytest.mark.parametrize("function", ["zone_faults", "region_faults"])
def test_a_mistake_of_ours_is_not_reported_as_an_answer_of_aws(ec2, monkeypatch, function):
    def wrong(*_: Any) -> Iterator[str]:
        raise TypeError("ours")

    monkeypatch.setattr(account, function, wrong)
    with pytest.raises(TypeError, match="ours"):
        faults(aws__images={})


def test_the_platform_shows_warnings_and_ends_with_faults(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    monkeypatch.setattr(account, "ask", lambda *_: account.Findings(("a fault",), ("a warning",)))
    monkeypatch.setattr("infra.aws.platform.notices", lambda *_: ["a notice"])
    environment = parsed("dev")
    assert AwsPlatform().preflight(topology.build("dev", environment), environment) == ["a fault"]
    assert said == ["a warning", "a notice"]
