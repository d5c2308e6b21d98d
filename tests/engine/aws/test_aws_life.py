"""The small program's life on the stand-in: up, up again, changes, changes by hand, destroy."""

from __future__ import annotations

from tests.engine.aws.cloud import Stack, account, changed, client, counts


def test_up_makes_all_and_a_second_up_changes_nothing(small: Stack, image: str) -> None:
    small.config["small:image"] = image
    made = counts(small.up())["created"]
    small.up("--expect-no-changes")
    assert made == len(small.resources()) + 2  # the stack and the provider
    ec2 = client(small.endpoint, "ec2")
    group = small.outputs("closed")["id"]
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"] == []


def test_what_aws_changes_in_place_is_updated(small: Stack) -> None:
    small.config["small:variant"] = (
        "resize,retag,grow,root,idle,health,policy,threshold,budget,retention,port,protected"
    )
    found = small.up()
    assert changed(found) == {
        **dict.fromkeys(
            ("db0", "db1", "db2", "data", "edge", "web", "write", "status", "month", "archive"), "updated"
        ),
    }
    ec2 = client(small.endpoint, "ec2")
    assert ec2.describe_volumes(VolumeIds=[small.outputs("Volume::data")["id"]])["Volumes"][0]["Size"] == 200
    member = ec2.describe_instances(InstanceIds=[small.outputs("db0")["id"]])["Reservations"][0]["Instances"][
        0
    ]
    assert member["InstanceType"] == "r7g.2xlarge"
    assert {"Key": "wave", "Value": "2"} in member["Tags"]
    small.up("--expect-no-changes", "--refresh")
    # A protected member is not terminated.
    assert "OperationNotPermitted" in small.refused(
        "destroy", "--yes", "--skip-preview", "--target", _urn(small, "db2")
    )


def test_what_aws_cannot_change_is_replaced(small: Stack) -> None:
    small.config["small:variant"] = "grow,root"  # volumes do not shrink
    assert changed(small.up())["db2"] == "updated"  # its protection is lifted before it is replaced
    small.config["small:variant"] = "grow,root,renumbered"
    found = changed(small.up())
    assert {name for name, what in found.items() if what == "replaced"} >= {"private2", "db2"}
    assert "db0" not in found


def test_a_change_by_hand_is_found_and_repaired(small: Stack) -> None:
    ec2 = client(small.endpoint, "ec2")
    member, rule = small.outputs("db0")["id"], small.outputs("SecurityGroupIngressRule::database")
    ec2.create_tags(Resources=[member], Tags=[{"Key": "Name", "Value": "someone else's"}])
    ec2.revoke_security_group_ingress(GroupId=rule["securityGroupId"], SecurityGroupRuleIds=[rule["id"]])
    ec2.authorize_security_group_egress(
        GroupId=small.outputs("closed")["id"],
        IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )
    ec2.modify_vpc_attribute(VpcId=small.outputs("Vpc::vpc")["id"], EnableDnsHostnames={"Value": False})
    client(small.endpoint, "logs").put_retention_policy(
        logGroupName=small.outputs("logs")["id"], retentionInDays=1
    )
    client(small.endpoint, "sns").delete_topic(TopicArn=small.outputs("Topic::alarms")["id"])
    found = changed(small.up("--refresh"))
    for name in ("db0", "closed", "vpc", "logs"):
        assert found.get(name) == "updated", (name, found)
    assert found["database"] == "created"
    assert found["alarms"] in ("created", "replaced")
    small.up("--refresh", "--expect-no-changes")
    assert (
        ec2.describe_instances(InstanceIds=[member])["Reservations"][0]["Instances"][0]["InstanceType"]
        == "r7g.xlarge"
    )


def test_destroy_leaves_nothing(small: Stack, nothing: set[str]) -> None:
    small.must("destroy", "--yes", "--skip-preview")
    left = account(small.endpoint) - nothing
    assert left == set()
    assert not list((small.base / "records").glob("*.json"))


def _urn(stack: Stack, name: str) -> str:
    return next(one["urn"] for one in stack.resources() if one["urn"].endswith(f"::{name}"))
