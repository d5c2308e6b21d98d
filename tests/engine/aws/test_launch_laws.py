"""RunInstances against a launch template that the account has: merged from there, and held to EC2's rules.

No program runs; the rules one by one are in tests/unit/aws.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from standin.account import Account
from standin.laws import launch
from standin.row import Refused

from tests.engine.aws.cloud import REGION, client, credentials


@pytest.fixture
def account(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    for name, value in credentials(endpoint).items():
        monkeypatch.setenv(name, value)
    made = Account(tmp_path)
    made.region = REGION
    return made


@pytest.fixture
def ground(endpoint: str, image: str) -> Any:
    """A subnet, a group, and a template with that group; removed at the end."""
    ec2 = client(endpoint, "ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    group = ec2.create_security_group(GroupName="launch", Description="launch", VpcId=subnet["VpcId"])[
        "GroupId"
    ]
    data = {
        "ImageId": image,
        "InstanceType": "c7g.large",
        "SecurityGroupIds": [group],
        "UserData": base64.b64encode(b"#cloud-config\n").decode(),
        "TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}],
    }
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "own", "Value": "1"}]}]
    ec2.create_launch_template(LaunchTemplateName="launch", LaunchTemplateData=data, TagSpecifications=tags)
    yield subnet["SubnetId"], group
    ec2.delete_launch_template(LaunchTemplateName="launch")
    ec2.delete_security_group(GroupId=group)


def asked(**more: Any) -> dict[str, Any]:
    return {"MinCount": 1, "MaxCount": 1, "LaunchTemplate": {"LaunchTemplateName": "launch"}, **more}


def test_groups_of_the_template_with_an_interface_of_the_request_are_refused(
    account: Account, ground: Any
) -> None:
    subnet, group = ground
    interface = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group]}
    with pytest.raises(
        Refused, match="InvalidParameterCombination: Network interfaces and an instance-level sec"
    ):
        account.call("ec2", "run_instances", **asked(NetworkInterfaces=[interface]))


def test_the_template_gives_what_the_request_lacks(account: Account, ground: Any, image: str) -> None:
    subnet, group = ground
    found = launch.merged(account, asked(SubnetId=subnet))
    assert (found["ImageId"], found["SecurityGroupIds"]) == (image, [group])
    assert [one["ResourceType"] for one in found["TagSpecifications"]] == ["volume"]
    launch.allowed(found)


def test_a_template_is_named_once(account: Account, ground: Any) -> None:
    both = {"LaunchTemplateName": "launch", "LaunchTemplateId": "lt-1"}
    with pytest.raises(Refused, match="not by both"):
        account.call("ec2", "run_instances", **asked(LaunchTemplate=both))
