"""What is looked up in the account before anything is made; the account is moto, a simulation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_environments import parsed
from botocore.exceptions import ClientError
from moto import mock_aws

from infra import account, topology

REGION = "us-east-1"


@pytest.fixture
def ec2(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unit")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unit")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("ec2", region_name=REGION)


def images(ec2: Any) -> dict[str, str]:
    """One of each architecture, of those that every account of moto knows."""
    known = ec2.describe_images(Owners=["amazon"])["Images"]
    return {image["Architecture"]: image["ImageId"] for image in known if image["Architecture"] != "i386"}


def faults(stack="dev", **values) -> list[str]:
    environment = parsed(stack, **values)
    return account.faults(topology.build(stack, environment), environment)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_an_account_that_has_all_has_no_fault(ec2, stack):
    assert faults(stack, aws__images=images(ec2)) == []


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
    assert any(
        "images.arm64: is missing; run `flashtier image -s dev`" in one for one in faults(aws__images={})
    )
    gone = faults(aws__images={"arm64": "ami-00000000000000000"})
    assert any("ami-00000000000000000 is not in us-east-1" in one for one in gone)
    other = faults(aws__images={"arm64": known["x86_64"]})
    assert any("is for x86_64" in one for one in other)


def test_more_vcpus_than_the_account_may_run():
    hosts = topology.build("prod", parsed("prod"))
    needed = sum(host.size.vcpus for host in hosts.hosts)

    def quota(value: float) -> Any:
        return SimpleNamespace(get_service_quota=lambda **_: {"Quota": {"Value": value}})

    assert list(account.quota_faults(quota(needed), hosts)) == []
    [line] = account.quota_faults(quota(needed - 1), hosts)
    assert f"takes {needed} vCPUs and the account may run {needed - 1}" in line


def test_without_credentials_one_line_says_so(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    [line] = faults()
    assert "the AWS account: " in line
    assert "aws sts get-caller-identity" in line


def test_what_cannot_be_looked_up_is_a_fault_and_not_a_trace(ec2, monkeypatch):
    def refused(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "Describe")

    known = images(ec2)
    monkeypatch.setattr(account, "zone_faults", refused)
    [line] = faults(aws__images=known)
    assert "aws.zones: cannot be looked up" in line
