"""Each guard of drives that a stop erases, by an attempt to get past it.

EC2's own attributes are tried against moto, which refuses as EC2 does; the policy by an evaluation of its
statements here, since moto evaluates no conditions. Both are simulations of AWS.
"""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.aws.guards import FATAL, KeepData, erased_by_stop, guards
from infra.aws.instances import Hosts
from tests.support.aws import mocks
from tests.support.aws.hosts import DRIVES, IO2, LOG, STACK, ground, host

REGION = "us-east-1"
INSTANCE = "aws:ec2/instance:Instance"
BREAK_GLASS = f"arn:aws-us-gov:iam:us-gov-west-1:{mocks.ACCOUNT}:flashtier-unit-break-glass"
#: The operation, and how one lifts each attribute first.
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
def keep_data() -> mocks.Recording:
    return mocks.run(
        lambda: KeepData(ground().naming) and None,
        answers={key: mocks.ANSWERS[key] for key in (mocks.IDENTITY, mocks.PARTITIONS, mocks.REGIONS)},
    )


def denies(
    policy: dict[str, Any], action: str, tags: dict[str, str], who: str, keys: tuple[str, ...] = ()
) -> bool:
    """Whether a statement denies `action` on an instance with `tags` to the principal `who`."""

    def holds(operator: str, values: dict[str, Any]) -> bool:
        for key, wanted in values.items():
            if key.startswith("aws:ResourceTag/"):
                met = tags.get(key.removeprefix("aws:ResourceTag/")) == wanted
            elif key == "aws:PrincipalArn":
                met = who != wanted
            else:
                assert (operator, key) == ("ForAnyValue:StringEquals", "aws:TagKeys")
                met = bool(set(keys) & set(wanted))
            if not met:
                return False
        return True

    return any(
        statement["Effect"] == "Deny"
        and action in statement["Action"]
        and all(holds(operator, values) for operator, values in statement["Condition"].items())
        for statement in policy["Statement"]
    )


MEMBER = {"Tier": "database", "Environment": STACK}
ADMINISTRATOR = f"arn:aws-us-gov:iam::{mocks.ACCOUNT}:role/administrator"


@pytest.fixture(scope="module")
def policy(keep_data) -> dict[str, Any]:
    return json.loads(keep_data.one("aws:iam/policy:Policy").inputs["policy"])


@pytest.mark.parametrize(
    "action",
    [
        "ec2:StopInstances",
        "ec2:TerminateInstances",
        # A change of the type needs a stop, and the attributes against stop and end are lifted by it.
        "ec2:ModifyInstanceAttribute",
        "ec2:ModifyInstanceMaintenanceOptions",
        "ec2:DeleteVolume",
    ],
)
def test_the_policy_denies_what_is_fatal_to_all_but_the_break_glass_role(policy, action):
    assert denies(policy, action, MEMBER, ADMINISTRATOR)
    assert not denies(policy, action, MEMBER, BREAK_GLASS)


@pytest.mark.parametrize("tags", [{**MEMBER, "Tier": "web"}, {**MEMBER, "Environment": "dev"}, {}])
def test_the_policy_is_about_this_database_only(policy, tags):
    assert not denies(policy, "ec2:StopInstances", tags, ADMINISTRATOR)


@pytest.mark.parametrize("action", ["ec2:CreateTags", "ec2:DeleteTags"])
def test_the_tags_that_tell_a_member_cannot_be_changed_around_the_policy(policy, action):
    assert denies(policy, action, MEMBER, ADMINISTRATOR, keys=("Tier",))
    assert not denies(policy, action, MEMBER, ADMINISTRATOR, keys=("Owner",))
    assert not denies(policy, action, MEMBER, BREAK_GLASS, keys=("Tier",))


def test_partition_region_and_account_are_the_callers(policy):
    for statement in policy["Statement"]:
        for resource in statement["Resource"]:
            assert resource.startswith(f"arn:{mocks.PARTITION}:ec2:{mocks.REGION}:{mocks.ACCOUNT}:")


def test_the_break_glass_role_wants_a_second_factor_and_may_do_no_more(keep_data):
    role = keep_data.one("aws:iam/role:Role")
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    assert trust["Principal"]["AWS"].endswith(f":{mocks.ACCOUNT}:root")
    assert role.inputs["maxSessionDuration"] == 3600
    (allowed,) = json.loads(keep_data.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"]
    assert set(allowed["Action"]) == set(FATAL)
    assert allowed["Condition"]["StringEquals"]["aws:ResourceTag/Tier"] == "database"
