"""What is looked up in the account before anything is made; the account is moto, a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pulumi
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.ec2.models import ec2_backends

from infra import catalogue, topology
from infra.aws.platform import AwsPlatform
from infra.aws.preflight import account, quotas
from infra.environment.aws import Domain
from infra.errors import FlashtierError
from tests.support.aws_environments import parsed

REGION = "us-east-1"
#: The account that moto plays, and whose images the environments take here.
OWN = "123456789012"


@pytest.fixture
def ec2(monkeypatch):
    """An account that has all that dev and prod need."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unit")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unit")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # moto's own are thousands, made anew for each test.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        zone("example.com")
        yield boto3.client("ec2", region_name=REGION)


def zone(name: str, **more: Any) -> str:
    route53 = boto3.client("route53")
    reference = f"{name} {len(route53.list_hosted_zones()['HostedZones'])}"
    made = route53.create_hosted_zone(Name=name, CallerReference=reference, **more)
    return str(made["HostedZone"]["Id"])


def image(ec2: Any, architecture: str, state: str = "available") -> str:
    made: str = ec2.register_image(Name=architecture, RootDeviceName="/dev/xvda")["ImageId"]
    its = ec2_backends[OWN][REGION].amis[made]
    its.architecture, its.state = architecture, state  # moto keeps neither
    return made


def images(ec2: Any) -> dict[str, str]:
    return {architecture: image(ec2, architecture) for architecture in ("arm64", "x86_64")}


def seen(stack="dev", **values) -> account.Seen:
    environment = parsed(stack, **{"aws__image_owner": OWN, **values})
    return account.look(topology.build(stack, environment), environment)


def faults(stack="dev", **values) -> tuple[str, ...]:
    return seen(stack, **values).faults


def refused(code: str) -> Any:
    """What boto3 does where AWS answers with an error."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Describe")

    return refuse


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_an_account_that_has_all_has_no_fault(ec2, stack):
    assert seen(stack, aws__images=images(ec2)) == account.Seen()


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


def test_an_image_of_somebody_else(ec2):
    known = images(ec2)
    [line] = faults(aws__images=known, aws__image_owner="136693071363")
    assert f"images.arm64: {known['arm64']} is of account {OWN}, not of image_owner 136693071363" in line


def test_an_image_that_no_host_can_be_made_from(ec2):
    pending = image(ec2, "arm64", "pending")
    [line] = faults(aws__images={"arm64": pending})
    assert f"{pending} is pending" in line


def test_a_hosted_zone_that_is_not_there(ec2):
    [line] = faults(aws__images=images(ec2), aws__domain={"name": "a.example.org", "zone": "example.org"})
    assert "aws.domain.zone: example.org is no hosted zone of this account; make a public one" in line


def test_a_hosted_zone_whose_name_comes_after_the_one_asked_for_is_another():
    """AWS lists from that name on; moto lists that name."""
    listed = [{"Id": "/hostedzone/Z1", "Name": "www.example.org.", "Config": {"PrivateZone": False}}]
    route53 = SimpleNamespace(list_hosted_zones_by_name=lambda DNSName: {"HostedZones": listed})
    [line] = account.domain_faults(route53, Domain(name="a.example.org", zone="example.org"))
    assert "example.org is no hosted zone of this account" in line


def test_a_hosted_zone_that_only_a_network_sees(ec2):
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    zone("example.org", VPC={"VPCRegion": REGION, "VPCId": vpc}, HostedZoneConfig={"PrivateZone": True})
    declared = {"name": "a.example.org", "zone": "example.org"}
    [line] = faults(aws__images=images(ec2), aws__domain=declared)
    assert "example.org is a private hosted zone" in line
    zone("example.org")  # beside the private one, as where inside and outside see different names
    assert faults(aws__images=images(ec2), aws__domain=declared) == ()


def test_a_hosted_zone_that_is_there_twice(ec2):
    first = boto3.client("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    ids = sorted(one.rpartition("/")[2] for one in (first, zone("example.com")))
    [line] = faults(aws__images=images(ec2))
    assert f"example.com has 2 public hosted zones ({', '.join(ids)})" in line


@pytest.mark.parametrize("away", ["dev.photos.example.com", "photos.example.com"])
def test_a_name_that_the_zone_leaves_to_other_servers(ec2, away):
    route53 = boto3.client("route53")
    record = {"Name": away, "Type": "NS", "TTL": 60, "ResourceRecords": [{"Value": "ns.example.net."}]}
    beside = {"Name": f"z{away}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": one} for one in (record, beside)]}
    zones = route53.list_hosted_zones()["HostedZones"]
    route53.change_resource_record_sets(HostedZoneId=zones[0]["Id"], ChangeBatch=batch)
    [line] = faults(aws__images=images(ec2))
    assert "aws.domain.name: dev.photos.example.com is not answered by zone example.com" in line
    assert f"gives {away} to other servers" in line


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
    assert "aws.region: us-east-7 is none that AWS has; it has af-south-1, " in line
    [line] = faults(aws__region="xx-east-1", aws__zones=["xx-east-1a", "xx-east-1b"])
    assert "aws.region: xx-east-1: Unknown region" in line
    assert "\n" not in line


def test_who_may_not_ask_which_regions_are_enabled_is_judged_by_the_regions_own_answers(ec2, monkeypatch):
    known = images(ec2)
    monkeypatch.setattr(account, "region_faults", refused("UnauthorizedOperation"))
    assert seen(aws__images=known) == account.Seen()


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


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("i8g.8xlarge", "L-1216C47A"),
        ("im4gn.4xlarge", "L-1216C47A"),
        ("is4gen.2xlarge", "L-1216C47A"),
        ("x2idn.16xlarge", "L-7295265B"),
        ("x2iedn.xlarge", "L-7295265B"),
    ],
)
def test_a_type_is_counted_under_the_quota_of_its_family(kind, code):
    assert quotas.quota_of(kind) == code


def test_every_type_of_the_catalogue_is_counted_and_no_other_by_its_first_letter():
    for kind in catalogue.instance_types():
        assert quotas.quota_of(kind)
    for kind in ("inf2.xlarge", "trn1.2xlarge", "mac2.metal", "dl1.24xlarge", "hpc7g.4xlarge"):
        with pytest.raises(FlashtierError, match="no quota is known for its family"):
            quotas.quota_of(kind)


def test_hosts_are_counted_by_quota():
    environment = parsed("prod", database__instance_type="x2iedn.8xlarge", database__expected_data_gib=100)
    hosts = topology.build("prod", environment)
    standard, x = (quotas.quota_of(host) for host in ("i8g.8xlarge", "x2iedn.8xlarge"))
    members = [host.size.vcpus for host in hosts.hosts if host.tier == "database"]
    others = [host.size.vcpus for host in hosts.hosts if host.tier != "database"]
    assert quotas.needed(hosts) == {standard: sum(others), x: sum(members)}


def test_more_vcpus_than_the_account_may_run():
    def quota(value: float) -> Any:
        return SimpleNamespace(get_service_quota=lambda **_: {"Quota": {"Value": value}})

    assert list(quotas.quota_faults(quota(96), "L-7295265B", 96)) == []
    [line] = quotas.quota_faults(quota(95), "L-7295265B", 96)
    assert "takes 96 vCPUs of it and the account may run 95; ask AWS" in line
    assert "L-7295265B" in line


def test_a_quota_that_may_not_be_read_is_a_warning(ec2, monkeypatch):
    known = images(ec2)
    monkeypatch.setattr(account, "quota_faults", refused("AccessDeniedException"))
    found = seen(aws__images=known)
    assert found.faults == ()
    [line] = found.warnings
    assert line.startswith("quota Running On-Demand Standard")
    assert "cannot be looked up: " in line
    assert "AccessDeniedException" in line


def test_a_partition_without_the_quota_has_no_limit_that_we_know():
    answer = SimpleNamespace(get_service_quota=refused("NoSuchResourceException"))
    assert list(quotas.quota_faults(answer, "L-1216C47A", 10_000)) == []


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
def test_what_cannot_be_looked_up_is_a_fault_and_not_a_trace(ec2, monkeypatch, function, what):
    known = images(ec2)
    monkeypatch.setattr(account, function, refused("UnauthorizedOperation"))
    [line] = faults(aws__images=known)
    assert f"{what}: cannot be looked up" in line


@pytest.mark.parametrize("function", ["zone_faults", "region_faults"])
def test_a_mistake_of_ours_is_not_taken_for_an_answer_of_aws(ec2, monkeypatch, function):
    def wrong(*_: Any) -> Iterator[str]:
        raise TypeError("ours")

    monkeypatch.setattr(account, function, wrong)
    with pytest.raises(TypeError, match="ours"):
        faults(aws__images={})


def test_the_platform_shows_warnings_and_ends_with_faults(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    monkeypatch.setattr(account, "look", lambda *_: account.Seen(("a fault",), ("a warning",)))
    environment = parsed("dev")
    assert AwsPlatform().preflight(topology.build("dev", environment), environment) == ["a fault"]
    assert said == ["a warning"]
