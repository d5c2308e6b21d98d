"""The rules of the policy pack, without the engine: what each refuses, and what it lets through."""

from __future__ import annotations

import pulumi_aws
import pytest

from infra import catalogue
from infra.environment import durability
from policy.rules import copies, tags, types
from policy.rules.catalogue import drives_of
from policy.rules.resource import UNKNOWN, Resource
from tests.support.policy.judge import RULES, allows, lines, resource
from tests.support.policy.right_resources import RIGHT
from tests.support.policy.wrong import WRONG as REFUSED

TAGS = {"Environment": "e", "Owner": "o", "CostCenter": "c"}
MEMBER = {"tags": {**TAGS, "Tier": "database"}, "instanceType": "i8g.large"}

INGRESS = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "ec2/instance:Instance"
TEMPLATE = "ec2/launchTemplate:LaunchTemplate"
LISTENER = "lb/listener:Listener"
POLICY = "iam/policy:Policy"
BUCKET_POLICY = "s3/bucketPolicy:BucketPolicy"
IMDS = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
DISK = {"encrypted": True}

WRONG = [
    ("open-ports", resource(INGRESS, cidrIpv4="0.0.0.0/0", fromPort=22, toPort=22), "port 22, open to"),
    (
        "open-ports",
        resource(INGRESS, cidrIpv6="::/0", fromPort=0, toPort=100),
        "ports 0 to 100, SSH among them",
    ),
    ("open-ports", resource(INGRESS, cidrIpv4="0.0.0.0/0", ipProtocol="-1"), "ports 0 to 65535"),
    ("open-ports", resource(INGRESS, cidrIpv4="0.0.0.0/1", fromPort=5432, toPort=5432), "port 5432"),
    ("open-ports", resource(INGRESS, cidrIpv4="0.0.0.0/0", fromPort=443, toPort=443), "no load balancer's"),
    (
        "open-ports",
        resource(
            "ec2/securityGroup:SecurityGroup",
            ingress=[{"cidrBlocks": ["0.0.0.0/0"], "fromPort": 22, "toPort": 22, "protocol": "tcp"}],
        ),
        "port 22, open to 0.0.0.0/0",
    ),
    ("unencrypted", resource("ebs/volume:Volume"), "is not encrypted"),
    ("unencrypted", resource(INSTANCE), "the root disk is as the image has it"),
    (
        "unencrypted",
        resource(INSTANCE, rootBlockDevice=DISK, ebsBlockDevices=[{"encrypted": False}]),
        "a disk of ebsBlockDevices",
    ),
    ("unencrypted", resource(TEMPLATE), "the root disk is as the image has it"),
    (
        "unencrypted",
        resource(TEMPLATE, blockDeviceMappings=[{"ebs": {"encrypted": "false"}}]),
        "a mapped disk",
    ),
    ("unencrypted", resource("s3/bucket:Bucket"), "no encryption is chosen"),
    ("metadata-service", resource(INSTANCE), "http_tokens is not set"),
    (
        "metadata-service",
        resource(TEMPLATE, metadataOptions={**IMDS, "httpTokens": "optional"}),
        "IMDSv1 answers",
    ),
    (
        "metadata-service",
        resource(TEMPLATE, metadataOptions={"httpTokens": "required"}),
        "hop limit is not set",
    ),
    ("public-bucket", resource("s3/bucket:Bucket"), "nothing blocks public access"),
    ("public-bucket", resource("s3/bucketAcl:BucketAcl", acl="public-read"), "the ACL is public-read"),
    (
        "public-bucket",
        resource(
            "s3/bucketPublicAccessBlock:BucketPublicAccessBlock", blockPublicAcls=True, ignorePublicAcls=False
        ),
        "blockPublicPolicy, restrictPublicBuckets, ignorePublicAcls not set",
    ),
    ("missing-tags", resource("kms/key:Key", tags={**TAGS, "Owner": ""}), "tag Owner missing"),
    ("missing-tags", resource("ebs/volume:Volume", tags=TAGS), "tag Tier missing"),
    ("unprotected", resource("ebs/volume:Volume"), "the data volume can be deleted"),
    ("unprotected", resource(INSTANCE, **MEMBER), "the database member can be deleted"),
    ("unprotected", resource(INSTANCE, **MEMBER), "disableApiTermination is off"),
    ("iam-wildcard", resource(POLICY, policy=allows(Action="*", Resource="arn:aws:s3:::b/*")), "action '*'"),
    (
        "iam-wildcard",
        resource(POLICY, policy=allows(Action=["s3:GetObject"], Resource="*")),
        "resource '*' for s3:G",
    ),
    (
        "iam-wildcard",
        resource(POLICY, policy=allows(Action="s3:GetObject", Resource="arn:aws:s3:::*")),
        "resource",
    ),
    ("iam-wildcard", resource(POLICY, policy=allows(NotAction="iam:*", NotResource="b")), "NotAction"),
    ("iam-wildcard", resource(BUCKET_POLICY, policy=allows(Action="s3:*", Resource="b")), "action 's3:*'"),
    (
        "iam-wildcard",
        resource("iam/role:Role", inlinePolicies=[{"policy": allows(Action="kms:*", Resource="k")}]),
        "action 'kms:*'",
    ),
    ("public-address", resource(INSTANCE, associatePublicIpAddress=True), "its hosts get a public address"),
    ("public-address", resource("ec2/subnet:Subnet", mapPublicIpOnLaunch=True), "mapPublicIpOnLaunch"),
    ("public-address", resource("ec2/eip:Eip", instance=UNKNOWN), "is a host's"),
    (
        "public-address",
        resource(TEMPLATE, networkInterfaces=[{"associatePublicIpAddress": "true"}]),
        "its hosts get",
    ),
    ("no-flow-logs", resource("ec2/vpc:Vpc"), "has no flow log"),
    ("old-tls", resource(LISTENER, protocol="HTTPS"), "not set"),
    (
        "old-tls",
        resource(LISTENER, protocol="HTTPS", sslPolicy="ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06"),
        "Ext2",
    ),
    (
        "old-tls",
        resource(LISTENER, protocol="HTTP", port=80, defaultActions=[{"type": "forward"}]),
        "without TLS",
    ),
]


@pytest.mark.parametrize(("rule", "given", "says"), WRONG)
def test_refuses(rule: str, given: Resource, says: str) -> None:
    found = lines(rule, given)
    assert any(says in line for line in found), found
    for line in found:
        assert line.startswith(f"{given.short}: {rule}: ")
        assert "; " in line
        assert "\n" not in line


@pytest.mark.parametrize(("rule", "given"), RIGHT)
def test_lets_through(rule: str, given: Resource) -> None:
    assert lines(rule, given) == []


def test_every_rule_has_a_wrong_resource() -> None:
    elsewhere = {rule for rule, _, _ in REFUSED.values()} | {
        "unknown-type",
        "too-few-copies",
    }
    assert {rule for rule, _, _ in WRONG} | elsewhere == set(RULES)


def members(count: int, zones: int, instance_type: str = "i8g.large") -> list[Resource]:
    return [
        resource(
            INSTANCE, f"db{i}", **{**MEMBER, "instanceType": instance_type}, availabilityZone=f"z{i % zones}"
        )
        for i in range(count)
    ]


def test_copies_on_drives() -> None:
    assert lines("too-few-copies", *members(3, 3)) == []
    assert "3 zones" in lines("too-few-copies", *members(3, 2))[0]
    assert "2 database members" in lines("too-few-copies", *members(2, 2))[0]
    assert lines("too-few-copies", *members(1, 1, "t4g.medium")) == []
    assert "not in the catalogue" in lines("too-few-copies", *members(1, 1, "i99.large"))[0]


def test_the_line_is_the_same_in_whatever_order_the_engine_has_the_members() -> None:
    some = members(2, 2)
    assert lines("too-few-copies", *some) == lines("too-few-copies", *reversed(some))


def test_the_zone_of_a_member_is_that_of_its_subnet_also_before_either_exists() -> None:
    subnets = [resource("ec2/subnet:Subnet", f"s{i}", availabilityZone=f"z{i}") for i in range(3)]
    hosts = [
        Resource(
            f"aws:{INSTANCE}",
            f"db{i}",
            f"urn::db{i}",
            {**MEMBER, "subnetId": UNKNOWN},
            True,
            {},
            {"subnetId": [one.urn]},
        )
        for i, one in enumerate(subnets)
    ]
    assert lines("too-few-copies", *subnets, *hosts) == []
    assert "in no known zone" in lines("too-few-copies", *hosts)[0]


def test_the_balancers_group_may_be_open_unless_a_host_is_in_it() -> None:
    group = resource("ec2/securityGroup:SecurityGroup", "edge", id="sg-1")
    rule = resource(
        INGRESS,
        "https",
        securityGroupId="sg-1",
        cidrIpv4="0.0.0.0/0",
        ipProtocol="tcp",
        fromPort=443,
        toPort=443,
    )
    balancer = resource("lb/loadBalancer:LoadBalancer", "alb", securityGroups=["sg-1"])
    host = resource(INSTANCE, "web1", vpcSecurityGroupIds=["sg-1"])
    assert lines("open-ports", group, rule, balancer) == []
    assert "which is an instance's" in lines("open-ports", group, rule, balancer, host)[0]


def test_what_a_vpc_records() -> None:
    vpc = resource("ec2/vpc:Vpc", id="vpc-1")
    log = resource("ec2/flowLog:FlowLog", "log", vpcId="vpc-1", trafficType="ACCEPT")
    assert "records ACCEPT only" in lines("no-flow-logs", vpc, log)[0]
    assert (
        lines("no-flow-logs", vpc, resource("ec2/flowLog:FlowLog", vpcId="vpc-1", trafficType="REJECT")) == []
    )


def test_what_the_pack_repeats_of_the_kit_is_the_same() -> None:
    """The pack has packages of its own, so it reads the catalogue's file and not its module."""
    assert copies.LEAST_COPIES == durability.LEAST_COPIES
    for name, known in catalogue.instance_types().items():
        assert drives_of(name) == known.drives


def test_what_should_have_tags_is_what_the_kit_makes() -> None:
    assert tags.TAGGED <= types.KNOWN


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pulumi-aws, at its import
@pytest.mark.parametrize("kind", sorted(tags.TAGGED))
def test_what_should_have_tags_takes_tags(kind: str) -> None:
    """By pulumi-aws: each type of the list exists and has the argument."""
    module, _, name = kind.removeprefix("aws:").rpartition(":")
    assert "tags" in vars(getattr(getattr(pulumi_aws, module.split("/")[0]), f"{name}Args"))
