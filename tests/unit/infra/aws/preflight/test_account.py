"""What the account is asked before anything is made; the account is moto, a simulation."""

from __future__ import annotations

import socket
from collections import Counter
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
from infra.aws.preflight import account, domain, public_dns, quotas
from infra.aws.preflight.account_use import Account
from infra.environment.aws import Domain
from infra.errors import FlashtierError
from tests.engine.aws.name_server import Failure, name_server
from tests.support.aws.whole import whole
from tests.support.aws_environments import parsed

REGION = "us-east-1"
#: The account that moto plays, and whose images the environments take here.
OWN = "123456789012"


#: What public DNS answers, by name and type; a test changes it. "SERVFAIL" is what a resolver says of a
#: delegation that leads nowhere.
PUBLIC: dict[tuple[str, str], list[str]] = {}


def answer(name: str, kind: str) -> list[str] | None:
    found = PUBLIC.get((name, kind))
    if found == ["SERVFAIL"]:
        raise Failure
    return found or ([] if any(known == name for known, _ in PUBLIC) else None)


@pytest.fixture(scope="module", autouse=True)
def resolver():
    with name_server(answer) as address:
        yield address


@pytest.fixture
def ec2(monkeypatch, resolver):
    """An account that has all that dev and prod need."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unit")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unit")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv(public_dns.VARIABLE, resolver)
    # moto's own are thousands, made again for each test.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        PUBLIC.clear()
        zone("dev.example.com")
        zone("photos.example.com")
        yield boto3.client("ec2", region_name=REGION)


def zone(name: str, **more: Any) -> str:
    """A hosted zone, delegated to where it is public."""
    route53 = boto3.client("route53")
    reference = f"{name} {len(route53.list_hosted_zones()['HostedZones'])}"
    made = route53.create_hosted_zone(Name=name, CallerReference=reference, **more)
    if "VPC" not in more:
        PUBLIC[name, "NS"] = [f"{one}." for one in made["DelegationSet"]["NameServers"]]
    return str(made["HostedZone"]["Id"])


def image(ec2: Any, architecture: str, state: str = "available", root: str = "/dev/xvda") -> str:
    made: str = ec2.register_image(Name=architecture, RootDeviceName=root)["ImageId"]
    its = ec2_backends[OWN][REGION].amis[made]
    # moto keeps none of them.
    its.architecture, its.state, its.root_device_name = architecture, state, root
    return made


def images(ec2: Any) -> dict[str, str]:
    return {architecture: image(ec2, architecture) for architecture in ("arm64", "x86_64")}


def seen(stack="dev", **values) -> account.Findings:
    environment = parsed(stack, **{"aws__image_owner": OWN, **values})
    return account.ask(topology.build(stack, environment), environment)


def faults(stack="dev", **values) -> tuple[str, ...]:
    return seen(stack, **values).faults


def refused(code: str) -> Any:
    """What boto3 does where AWS answers with an error."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Describe")

    return refuse


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


def test_a_hosted_zone_that_is_not_there(ec2):
    [line] = faults(aws__images=images(ec2), aws__domain={"name": "a.example.org", "zone": "example.org"})
    assert "aws.domain.zone: example.org is not a hosted zone of this account; make a public one" in line


def test_a_hosted_zone_whose_name_comes_after_the_one_asked_for_is_another():
    """AWS lists from that name on; moto lists that name."""
    listed = [{"Id": "/hostedzone/Z1", "Name": "www.example.org.", "Config": {"PrivateZone": False}}]
    route53 = SimpleNamespace(list_hosted_zones_by_name=lambda DNSName: {"HostedZones": listed})
    [line] = domain.domain_faults(route53, Domain(name="a.example.org", zone="example.org"))
    assert "example.org is not a hosted zone of this account" in line


def test_a_hosted_zone_that_only_a_network_sees(ec2):
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    zone("example.org", VPC={"VPCRegion": REGION, "VPCId": vpc}, HostedZoneConfig={"PrivateZone": True})
    declared = {"name": "a.example.org", "zone": "example.org"}
    [line] = faults(aws__images=images(ec2), aws__domain=declared)
    assert "example.org is a private hosted zone" in line
    zone("example.org")  # beside the private one, as where inside and outside see different names
    assert faults(aws__images=images(ec2), aws__domain=declared) == ()


def test_a_hosted_zone_that_is_there_twice(ec2):
    first = zone("twice.example.com")
    ids = sorted(one.rpartition("/")[2] for one in (first, zone("twice.example.com")))
    [line] = faults(
        aws__images=images(ec2), aws__domain={"name": "a.twice.example.com", "zone": "twice.example.com"}
    )
    assert f"twice.example.com has 2 public hosted zones ({', '.join(ids)})" in line


DEEP = {"name": "a.b.dev.example.com", "zone": "dev.example.com"}


@pytest.mark.parametrize("away", ["a.b.dev.example.com", "b.dev.example.com"])
def test_a_name_that_the_zone_leaves_to_other_servers(ec2, away):
    route53 = boto3.client("route53")
    record = {"Name": away, "Type": "NS", "TTL": 60, "ResourceRecords": [{"Value": "ns.example.net."}]}
    beside = {"Name": f"z{away}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": one} for one in (record, beside)]}
    [own] = [one for one in route53.list_hosted_zones()["HostedZones"] if one["Name"] == "dev.example.com."]
    route53.change_resource_record_sets(HostedZoneId=own["Id"], ChangeBatch=batch)
    [line] = faults(aws__images=images(ec2), aws__domain=DEEP)
    assert "aws.domain.name: a.b.dev.example.com is not answered by zone dev.example.com" in line
    assert f"gives {away} to other servers" in line


@pytest.mark.parametrize(
    ("public", "says"),
    [
        (
            ["ns1.example.net.", "ns2.example.net."],
            "public DNS answers ns1.example.net, ns2.example.net, and",
        ),
        (["SERVFAIL"], "public DNS answers no name servers, and"),
        ([], "public DNS answers no name servers, and"),
    ],
    ids=["other servers", "servers that do not answer", "no servers"],
)
def test_a_zone_that_is_not_delegated_to_its_servers(ec2, public, says):
    own = [one.rstrip(".") for one in PUBLIC["dev.example.com", "NS"]]
    PUBLIC["dev.example.com", "NS"] = public
    [line] = faults(aws__images=images(ec2))
    assert line.startswith(f"flashtier:environment.aws.domain.zone: dev.example.com: {says}")
    assert f"is served by {', '.join(sorted(own))}; put these as NS records of dev.example.com" in line


@pytest.mark.parametrize(
    ("at", "records", "says"),
    [
        ("example.com", ['0 issue "letsencrypt.org"'], "of example.com permit only letsencrypt.org"),
        ("photos.dev.example.com", ['0 issue ";"'], "of photos.dev.example.com permit only no authority"),
        ("example.com", ['0 issue "letsencrypt.org"', '0 issue "amazon.com; a=b"'], ""),
        ("example.com", ['0 iodef "mailto:a@example.com"'], ""),
    ],
    ids=["another authority", "no authority", "Amazon, too", "a mail address alone"],
)
def test_authorities_that_may_issue_for_the_name(ec2, at, records, says):
    PUBLIC[at, "CAA"] = records
    found = faults(aws__images=images(ec2))
    if not says:
        assert found == ()
        return
    [line] = found
    assert f"aws.domain.name: photos.dev.example.com: the CAA records {says}" in line.replace("  ", " ")
    assert f'add `0 issue "amazon.com"` at {at}' in line


def test_the_nearest_name_decides_who_may_issue(ec2):
    PUBLIC["example.com", "CAA"] = ['0 issue "letsencrypt.org"']
    PUBLIC["dev.example.com", "CAA"] = ['0 issue "amazontrust.com"']
    assert faults(aws__images=images(ec2)) == ()


def test_public_dns_that_does_not_answer_in_time_is_a_warning(ec2, monkeypatch):
    known = images(ec2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setenv(public_dns.VARIABLE, f"127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(public_dns, "DEADLINE_S", 0.2)
        found = seen(aws__images=known)
    assert found.faults == ()
    assert [line.partition(": cannot be looked up: ")[0] for line in found.warnings] == [
        "flashtier:environment.aws.domain in public DNS"
    ] * 2
    assert all("name another resolver in FLASHTIER_RESOLVER" in line for line in found.warnings)


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
    assert quotas.vcpus_needed(hosts) == {standard: sum(others), x: sum(members)}


def quota(needed: float, used: float = 0) -> quotas.Quota:
    return quotas.Quota("ec2", "L-7295265B", "X", "vCPUs", needed, lambda: used, "declare fewer hosts")


def allowed(value: float) -> Any:
    return SimpleNamespace(get_service_quota=lambda **_: {"Quota": {"Value": value}})


def test_more_than_the_account_may_have_with_what_others_in_it_have():
    assert list(quotas.quota_faults(allowed(96), quota(96))) == []
    assert list(quotas.quota_faults(allowed(96), quota(64, 32))) == []
    [line] = quotas.quota_faults(allowed(95), quota(64, 32))
    assert "takes 64 vCPUs, others in the account have 32, and 95 are allowed; ask AWS for 96" in line
    assert "(ec2, L-7295265B), or declare fewer hosts" in line


def test_a_quota_that_may_not_be_read_is_a_warning(ec2, monkeypatch):
    known = images(ec2)
    monkeypatch.setattr(account, "quota_faults", refused("AccessDeniedException"))
    found = seen(aws__images=known)
    assert found.faults == ()
    standard = [line for line in found.warnings if line.startswith("quota Running On-Demand Standard")]
    assert len(standard) == 1
    assert "cannot be looked up: " in standard[0]
    assert "AccessDeniedException" in standard[0]


def test_a_quota_without_a_value_of_the_account_has_aws_default():
    pages = [
        {"Quotas": [{"QuotaCode": "L-0", "Value": 1}]},
        {"Quotas": [{"QuotaCode": "L-7295265B", "Value": 5}]},
    ]
    answer = SimpleNamespace(
        get_service_quota=refused("NoSuchResourceException"),
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages),
    )
    assert list(quotas.quota_faults(answer, quota(5))) == []
    assert len(list(quotas.quota_faults(answer, quota(6)))) == 1
    pages.pop()
    assert list(quotas.quota_faults(answer, quota(10_000))) == []


def test_a_quota_that_there_is_not_limits_nothing():
    pages = map(refused("NoSuchResourceException"), [None])  # asked page by page
    answer = SimpleNamespace(
        get_service_quota=refused("NoSuchResourceException"),
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages),
    )
    assert list(quotas.quota_faults(answer, quota(10_000))) == []


def quotas_asked(stack: str = "dev", **values: Any) -> dict[str, tuple[float, float]]:
    """Need and use of every quota of an environment, by code."""
    environment = parsed(stack, **values)
    clients = (boto3.client(name, region_name=REGION) for name in ("ec2", "elbv2"))
    found = quotas.quotas_of(topology.build(stack, environment), environment, Account(*clients, stack))
    return {one.code: (one.needed, one.used()) for one in found}


def test_what_others_in_the_account_have_is_counted_and_what_is_ours_is_not(ec2):
    network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    [subnet] = [
        one["SubnetId"]
        for one in ec2.describe_subnets()["Subnets"]
        if one["AvailabilityZone"] == "us-east-1a"
    ]
    ours = [{"Key": "Project", "Value": "flashtier"}, {"Key": "Environment", "Value": "dev"}]
    before = quotas_asked()
    for tags in (ours, [{"Key": "Environment", "Value": "other"}]):

        def tagged(kind: str, tags: Any = tags) -> Any:
            return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}

        ec2.run_instances(
            ImageId="ami-12345678", InstanceType="m5.xlarge", MinCount=2, MaxCount=2, **tagged("instance")
        )
        address = ec2.allocate_address(Domain="vpc", **tagged("elastic-ip"))["AllocationId"]
        ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, **tagged("natgateway"))
        ec2.create_vpc(CidrBlock="10.9.0.0/16", **tagged("vpc"))
        ec2.create_internet_gateway(**tagged("internet-gateway"))
        for kind in ("gp3", "io2"):
            ec2.create_volume(
                AvailabilityZone="us-east-1a", Size=1024, VolumeType=kind, Iops=4000, **tagged("volume")
            )
    elb = boto3.client("elbv2", region_name=REGION)
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"] if one["VpcId"] == network][:2]
    for name in ("flashtier-dev-edge", "flashtier-prod-edge", "other"):
        elb.create_load_balancer(Name=name, Subnets=subnets, Type="application")
    more = {code: used - before[code][1] for code, (_, used) in quotas_asked().items()}
    assert more == {
        "L-1216C47A": 2 * 4,
        "L-0263D0A3": 1,
        "L-F678F1CE": 1,
        "L-A4707A72": 1,
        "L-FE5A380F": 1,
        "L-0EA8095F": 0,
        "L-53DA6B97": 2,
        "L-7A658B76": 1,
    }
    io2 = {"name": "data", "class": "io2", "size_gib": 512, "iops": 2000}
    with_io2 = quotas_asked(database__volumes__0=io2)
    assert (with_io2["L-09BD8365"], with_io2["L-8D977E7E"]) == ((0.5, 1), (2000, 4000))


def test_an_address_too_few_ends_the_preview(ec2):
    for _ in range(5):
        ec2.allocate_address(Domain="vpc")
    known = images(ec2)
    # moto has no quota of addresses: AWS's default.
    [line] = quotas.quota_faults(allowed(5), one_quota("L-0263D0A3", aws__images=known))
    assert "takes 1 addresses, others in the account have 5, and 5 are allowed" in line


def one_quota(code: str, **values: Any) -> quotas.Quota:
    environment = parsed("dev", **values)
    clients = (boto3.client(name, region_name=REGION) for name in ("ec2", "elbv2"))
    found = quotas.quotas_of(topology.build("dev", environment), environment, Account(*clients, "dev"))
    return next(one for one in found if one.code == code)


def test_the_rules_of_the_fullest_group_are_those_that_the_program_makes():
    made = Counter(
        (one.type, one.inputs["securityGroupId"])
        for one in whole("prod").recorded.resources
        if one.type.endswith(("SecurityGroupIngressRule", "SecurityGroupEgressRule"))
    )
    environment = parsed("prod")
    found = quotas.quotas_of(topology.build("prod", environment), environment, Account(None, None, "prod"))
    [rules] = [one.needed for one in found if one.code == "L-0EA8095F"]
    assert rules == max(made.values())


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
    monkeypatch.setattr(account, "ask", lambda *_: account.Findings(("a fault",), ("a warning",)))
    environment = parsed("dev")
    assert AwsPlatform().preflight(topology.build("dev", environment), environment) == ["a fault"]
    assert said == ["a warning"]
