"""Resources that no stack may have, each refused by its rule.

On e33be36 the pack let through 74 of the first 80 of them.
"""

from __future__ import annotations

import pytest

from policy.rules.resource import Resource
from tests.support.policy.judge import lines
from tests.support.policy.wrong import WRONG

UNKNOWN_TYPES = (
    "aws:rds/instance:Instance",
    "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission",
    "aws:ec2/amiLaunchPermission:AmiLaunchPermission",
    "aws:lambda/functionUrl:FunctionUrl",
    "aws:iam/user:User",
    "aws:iam/accessKey:AccessKey",
    "aws:ec2/eipAssociation:EipAssociation",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:s3/bucketAcl:BucketAcl",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
    "aws-native:rds:DBInstance",
    "awsx:ec2:Vpc",
    "command:local:Command",
    "pulumi-python:dynamic:Resource",
    "pulumi:providers:kubernetes",
)


@pytest.mark.parametrize("case", WRONG)
def test_is_refused(case: str) -> None:
    rule, given, says = WRONG[case]
    found = lines(rule, given)
    assert any(says in line for line in found), found
    for line in found:
        assert line.startswith(f"{given.short}: {rule}: ")
        assert "; " in line
        assert "\n" not in line


@pytest.mark.parametrize("kind", UNKNOWN_TYPES)
def test_a_type_that_no_rule_judges_is_refused(kind: str) -> None:
    [line] = lines("unknown-type", Resource(kind, "one", "urn::one"))
    assert f"type {kind} is not one that the kit makes" in line
    assert "policy/rules/types.py" in line


@pytest.mark.parametrize(
    "kind",
    [
        "aws:ec2/vpc:Vpc",
        "aws:wafv2/webAcl:WebAcl",
        "lxd:index:Instance",
        "flashtier:aws:Edge",
        "pulumi:pulumi:Stack",
    ],
)
def test_a_type_of_the_kit_is_not(kind: str) -> None:
    assert lines("unknown-type", Resource(kind, "one", "urn::one")) == []
