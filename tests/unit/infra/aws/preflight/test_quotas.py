"""Quotas: what an environment needs, what others in the account have; the account is moto, a simulation."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from infra import catalogue, topology
from infra.aws.preflight import account, quotas
from infra.aws.preflight.account_use import Account
from infra.errors import FlashtierError
from tests.support.aws.account import REGION, images, refused, seen
from tests.support.aws.whole import whole
from tests.support.aws_environments import parsed


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
