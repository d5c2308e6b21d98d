"""Rules about a whole stack: accounts, default groups, boundaries, and policies from elsewhere."""

from __future__ import annotations

import pytest

from policy.rules.resource import UNKNOWN, Resource
from tests.support.policy.judge import ACCOUNT, OTHER, allows, lines, resource

ROLE = "iam/role:Role"
PROFILE = "iam/instanceProfile:InstanceProfile"
RULE = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def key(account: str, name: str) -> Resource:
    who = {"AWS": f"arn:aws:iam::{account}:root"}
    return resource("kms/key:Key", name, policy=allows(Principal=who, Action="kms:Decrypt", Resource="*"))


def test_another_account_is_one_that_the_stacks_resources_are_not_in() -> None:
    own = resource("sns/topic:Topic", "topic", arn=f"arn:aws:sns:us-east-1:{ACCOUNT}:t")
    assert lines("open-principal", own, key(ACCOUNT, "data")) == []
    [line] = lines("open-principal", own, key(OTHER, "data"))
    assert f"names account {OTHER}, and the stack is in {ACCOUNT}" in line


def test_another_account_is_one_that_other_policies_do_not_name_where_no_resource_exists_yet() -> None:
    [line] = lines("open-principal", key(ACCOUNT, "a"), key(OTHER, "b"), key(ACCOUNT, "c"))
    assert line.startswith("kms Key b: ")
    condition = {"StringEquals": {"aws:SourceAccount": OTHER}}
    policy = allows(
        Principal={"Service": "cloudwatch.amazonaws.com"}, Action="sns:Publish", Condition=condition
    )
    topic = resource("sns/topicPolicy:TopicPolicy", "t", policy=policy)
    [line] = lines("open-principal", key(ACCOUNT, "a"), key(ACCOUNT, "c"), topic)
    assert line.startswith("sns TopicPolicy t: ")


def test_no_rule_is_in_a_default_group() -> None:
    vpc = resource("ec2/vpc:Vpc", "vpc", id="vpc-1", defaultSecurityGroupId="sg-0")
    group = resource("ec2/defaultSecurityGroup:DefaultSecurityGroup", "closed", id="sg-0", ingress=[])
    rule = resource(RULE, "ssh", securityGroupId="sg-0", cidrIpv4="10.0.0.0/8", fromPort=22, toPort=22)
    for one in (vpc, group):
        [line] = lines("open-ports", one, rule)
        assert "ssh: open-ports: the rule is in a VPC's default security group" in line
    unmade = Resource(
        f"aws:{RULE}",
        "late",
        "urn::late",
        {"securityGroupId": UNKNOWN},
        depends={"securityGroupId": [vpc.urn]},
    )
    assert lines("open-ports", group, unmade) == []


def test_an_address_of_an_interface_is_refused_before_the_interface_exists() -> None:
    assert lines("public-address", resource("ec2/eip:Eip", networkInterface=UNKNOWN)) != []


@pytest.mark.parametrize(
    ("other", "says"), [(None, "is not set"), ("arn:aws:iam::1:policy/b", "is arn:aws:iam::1:policy/b")]
)
def test_all_roles_have_the_same_boundary(other: str | None, says: str) -> None:
    bounded = {"permissionsBoundary": "arn:aws:iam::1:policy/a"}
    roles = [resource(ROLE, "a", **bounded), resource(ROLE, "c", **bounded)]
    assert lines("iam-escalation", *roles) == []
    [line] = lines("iam-escalation", *roles, resource(ROLE, "b", permissionsBoundary=other))
    assert line.startswith("iam Role b: ")
    assert says in line
    assert lines("iam-escalation", resource(ROLE, "a"), resource(ROLE, "b")) == []


def test_a_policy_and_a_role_of_the_stack_are_judged_where_they_are_declared() -> None:
    policy = resource("iam/policy:Policy", "keep", arn=f"arn:aws:iam::{ACCOUNT}:policy/keep")
    role = resource(ROLE, "db", name="db")
    attached = resource("iam/rolePolicyAttachment:RolePolicyAttachment", "keep", policyArn=policy.get("arn"))
    assert lines("managed-policy", policy, role, attached, resource(PROFILE, "db", role="db")) == []
    made = Resource(f"aws:{PROFILE}", "db", "urn::p", {"role": UNKNOWN}, depends={"role": [role.urn]})
    assert lines("managed-policy", role, made) == []
    assert lines("managed-policy", made) != []
