"""Each guard against losing data, by an attempt to get past it.

EC2's own attributes are tried against moto, which refuses as EC2 does; the policy is evaluated by
tests/support/iam.py, since moto evaluates no conditions. Both are simulations of AWS.
"""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.aws.guards import erased_by_stop, guards
from infra.aws.instances import Hosts
from infra.aws.keep_data import FATAL_EC2, FATAL_IAM, FATAL_KMS, FATAL_S3
from tests.support.aws import mocks
from tests.support.aws.hosts import DRIVES, IO2, LOG, ground, host
from tests.support.aws.network_parts import OUTPUTS
from tests.support.aws.whole import whole
from tests.support.iam import Request, decide, tagged

REGION = "us-east-1"
INSTANCE = "aws:ec2/instance:Instance"
#: The attribute, the operation that it refuses and the error.
ATTEMPTS = {
    "disableApiTermination": ("terminate_instances", "OperationNotPermitted"),
    "disableApiStop": ("stop_instances", "OperationNotPermitted"),
}


def member(*volumes, **changes) -> mocks.Recorded:
    one = host("database", 0, *volumes)
    return mocks.run(lambda: Hosts(ground(**changes), "database", (one,), True) and None).one(INSTANCE)


def test_a_member_on_drives_has_every_guard():
    found = member(DRIVES, LOG)
    assert found.options.protect
    assert found.inputs["disableApiTermination"] is True
    assert found.inputs["disableApiStop"] is True
    assert found.inputs["maintenanceOptions"] == {"autoRecovery": "disabled"}
    assert found.inputs["instanceInitiatedShutdownBehavior"] == "stop"
    assert {"ami", "userData", "launchTemplate"} <= set(found.options.ignoreChanges)
    # The real provider would lift both attributes by itself before it deletes.
    assert "forceDestroy" not in found.inputs


def test_a_member_on_ebs_may_stop_since_its_volumes_stay():
    found = member(IO2)
    assert found.options.protect
    assert found.inputs["disableApiStop"] is False
    assert found.inputs["maintenanceOptions"] == {"autoRecovery": "default"}
    assert member(IO2, deletion_protection=True).inputs["disableApiTermination"] is True


def test_a_web_host_has_no_guard_anywhere():
    assert guards(host("web", 0), deletion_protection=True) == guards(host("web", 0), False)
    assert not erased_by_stop(host("web", 0))


@pytest.mark.parametrize("attribute", ATTEMPTS)
def test_ec2_refuses_as_long_as_the_attribute_is_set(attribute, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unit")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unit")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    operation, code = ATTEMPTS[attribute]
    given = member(DRIVES).inputs[attribute]
    with mock_aws():
        ec2: Any = boto3.client("ec2", region_name=REGION)
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        parameter = attribute[0].upper() + attribute[1:]
        instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        # moto forgets DisableApiTermination when it is given at the start.
        ec2.modify_instance_attribute(InstanceId=instance, **{parameter: {"Value": given}})
        with pytest.raises(ClientError) as refused:
            getattr(ec2, operation)(InstanceIds=[instance])
        assert refused.value.response["Error"]["Code"] == code
        ec2.modify_instance_attribute(InstanceId=instance, **{parameter: {"Value": False}})
        getattr(ec2, operation)(InstanceIds=[instance])


@pytest.fixture(scope="module")
def prod() -> mocks.Recording:
    return whole("prod").recorded


@pytest.fixture(scope="module")
def policy(prod: mocks.Recording) -> dict[str, Any]:
    return json.loads(prod.named("flashtier-prod-keep-data", "Policy").inputs["policy"])


@pytest.fixture(scope="module")
def role(prod: mocks.Recording) -> mocks.Recorded:
    return prod.named("flashtier-prod-break-glass", "Role")


@pytest.fixture(scope="module")
def may(prod: mocks.Recording) -> dict[str, Any]:
    """What the break-glass role may do."""
    return json.loads(prod.named("flashtier-prod-break-glass", "RolePolicy").inputs["policy"])


MEMBER = {"Tier": "database", "Environment": "prod"}
ADMINISTRATOR = f"arn:aws-us-gov:iam::{mocks.ACCOUNT}:role/administrator"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def ec2(kind: str = "instance") -> str:
    return f"arn:{mocks.PARTITION}:ec2:{mocks.REGION}:{mocks.ACCOUNT}:{kind}/i-0123456789abcdef0"


def bucket(prod: mocks.Recording, name: str) -> str:
    found = prod.named(f"flashtier-prod-{name}", "aws:s3/bucket:Bucket")
    return str(OUTPUTS["aws:s3/bucket:Bucket"](found.name, found.inputs)["arn"])


def denied(policy: dict[str, Any], request: Request) -> bool:
    """Whether an administrator, who else may do everything, is denied it."""
    return decide([EVERYTHING, policy], request) == "deny"


def by(who: str, action: str, resource: str, **context: Any) -> Request:
    return Request(action, resource, {"aws:principalarn": who, **context})


#: How drives are erased, a volume removed, or the guard against it lifted. CreateReplaceRootVolumeTask
#: replaces the root of a running host, DetachVolume takes a volume from under a mounted file system.
WAYS = (
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyInstanceMaintenanceOptions",
    "ec2:CreateReplaceRootVolumeTask",
    "ec2:DetachVolume",
    "ec2:DeleteVolume",
)


@pytest.mark.parametrize("action", WAYS)
def test_the_policy_denies_what_is_fatal_to_a_member_to_all_but_the_break_glass_role(policy, role, action):
    kind = "volume" if action == "ec2:DeleteVolume" else "instance"
    assert denied(policy, by(ADMINISTRATOR, action, ec2(kind), **tagged(MEMBER)))
    assert not denied(policy, by(role.arn, action, ec2(kind), **tagged(MEMBER)))
    assert set(WAYS) == set(FATAL_EC2)


@pytest.mark.parametrize("tags", [{**MEMBER, "Tier": "web"}, {**MEMBER, "Environment": "dev"}, {}])
def test_the_policy_is_about_this_database_only(policy, tags):
    assert not denied(policy, by(ADMINISTRATOR, "ec2:StopInstances", ec2(), **tagged(tags)))


@pytest.mark.parametrize("action", ["ec2:CreateTags", "ec2:DeleteTags"])
@pytest.mark.parametrize("key", ["Tier", "tier", "TIER", "Environment", "environment"])
def test_the_identifying_tags_cannot_be_changed_in_any_case(policy, role, action, key):
    """With a second tag `tier`, IAM may compare either of the two with aws:ResourceTag/Tier."""
    context = tagged(MEMBER, **{"aws:tagkeys": [key, "Name"]})
    assert denied(policy, by(ADMINISTRATOR, action, ec2(), **context))
    assert not denied(policy, by(role.arn, action, ec2(), **context))
    assert not denied(policy, by(ADMINISTRATOR, action, ec2(), **{**context, "aws:tagkeys": ["Owner"]}))


@pytest.mark.parametrize("action", ["kms:DisableKey", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy"])
def test_keys_of_data_and_backups_are_neither_disabled_nor_deleted(prod, policy, role, action):
    for name in ("data", "backups"):
        key = prod.named(f"flashtier-prod-{name}", "Key").arn
        assert denied(policy, by(ADMINISTRATOR, action, key))
        assert not denied(policy, by(role.arn, action, key))
        assert not denied(policy, by(ADMINISTRATOR, "kms:Decrypt", key))
    assert not denied(policy, by(ADMINISTRATOR, action, prod.named("flashtier-prod-alarms", "Key").arn))
    assert action in FATAL_KMS


@pytest.mark.parametrize("action", FATAL_S3)
def test_buckets_keep_their_lifecycle_policy_versions_and_locks(prod, policy, role, action):
    assert {"s3:PutLifecycleConfiguration", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"} <= set(FATAL_S3)
    for name in ("photos", "backups"):
        arn = bucket(prod, name)
        resource = f"{arn}/archive/1" if action == "s3:BypassGovernanceRetention" else arn
        assert denied(policy, by(ADMINISTRATOR, action, resource))
        assert not denied(policy, by(role.arn, action, resource))
        assert not denied(policy, by(ADMINISTRATOR, "s3:GetObject", f"{arn}/1"))


@pytest.mark.parametrize("action", FATAL_IAM)
def test_the_guard_itself_is_not_changed_around(policy, role, action):
    itself = f"arn:{mocks.PARTITION}:iam::{mocks.ACCOUNT}:policy/flashtier-prod-keep-data"
    for resource in (role.arn, itself):
        assert denied(policy, by(ADMINISTRATOR, action, resource))
    assert not denied(policy, by(ADMINISTRATOR, action, role.arn.replace("break-glass", "web")))


def test_the_policy_fits_what_iam_takes(prod):
    """Source: IAM user guide, quotas: a managed policy has 6,144 characters without white space."""
    text = prod.named("flashtier-prod-keep-data", "Policy").inputs["policy"]
    assert len(text.replace(" ", "")) < 6144


def test_partition_region_and_account_are_the_callers(policy):
    for statement in policy["Statement"]:
        for resource in statement["Resource"]:
            assert resource.startswith(f"arn:{mocks.PARTITION}:")


SSO = "role/aws-reserved/sso.amazonaws.com"
IAM = f"arn:{mocks.PARTITION}:iam::{mocks.ACCOUNT}"


@pytest.mark.parametrize(
    ("who", "may_assume"),
    [
        # As IAM Identity Center names them, with the region in the path and, in us-east-1, without. Neither
        # session has aws:MultiFactorAuthPresent.
        (f"{IAM}:{SSO}/eu-west-1/AWSReservedSSO_flashtier-break-glass_0123456789abcdef", True),
        (f"{IAM}:{SSO}/AWSReservedSSO_flashtier-break-glass_0123456789abcdef", True),
        (f"{IAM}:{SSO}/AWSReservedSSO_PowerUserAccess_0123456789abcdef", False),
        (f"{IAM}:role/AWSReservedSSO_flashtier-break-glass_0123456789abcdef", False),
        (f"{IAM}:role/deployer", False),
        (f"{IAM}:user/alice", False),
    ],
)
def test_only_the_permission_set_assumes_the_break_glass_role(role, who, may_assume):
    trust = json.loads(role.inputs["assumeRolePolicy"])
    [statement] = trust["Statement"]
    assert statement["Principal"] == {"AWS": f"{IAM}:root"}
    request = Request("sts:AssumeRole", "*", {"aws:principalarn": who})
    assert (decide([trust], request) == "allow") is may_assume
    assert role.inputs["maxSessionDuration"] == 3600


@pytest.mark.parametrize("action", FATAL_EC2)
def test_the_break_glass_role_may_do_what_the_policy_denies_to_members_of_its_database(may, action):
    kind = "volume" if action == "ec2:DeleteVolume" else "instance"
    assert decide([may], Request(action, ec2(kind), tagged(MEMBER))) == "allow"
    assert decide([may], Request(action, ec2(kind), tagged({**MEMBER, "Environment": "dev"}))) != "allow"
    assert decide([may], Request("ec2:RunInstances", ec2(kind), tagged(MEMBER))) != "allow"


def test_the_break_glass_role_gets_around_no_object_lock(may, prod):
    arn = bucket(prod, "backups")
    assert decide([may], Request("s3:PutLifecycleConfiguration", arn)) == "allow"
    assert decide([may], Request("s3:BypassGovernanceRetention", f"{arn}/1")) != "allow"
    assert decide([may], Request("s3:DeleteObjectVersion", f"{arn}/1")) != "allow"
