"""Resources of the shapes that wrong cases share, each made wrong by its arguments."""

from __future__ import annotations

from typing import Any

from policy.rules.resource import Resource
from tests.support.policy.judge import ACCOUNT, allows, resource

ROLE = "iam/role:Role"
POLICY = "iam/policy:Policy"
KEY = "kms/key:Key"
TOPIC = "sns/topicPolicy:TopicPolicy"
BUCKET = "s3/bucketPolicy:BucketPolicy"
ENDPOINT = "ec2/vpcEndpoint:VpcEndpoint"
INGRESS = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ACL = "ec2/defaultNetworkAcl:DefaultNetworkAcl"
OBJECTS = "arn:aws:s3:::flashtier-x-photos/*"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"


def trust(principal: Any, **more: Any) -> Resource:
    return resource(ROLE, assumeRolePolicy=allows(Principal=principal, Action="sts:AssumeRole", **more))


def may(**statement: Any) -> Resource:
    return resource(POLICY, policy=allows(**statement))


def oidc(**claims: Any) -> Resource:
    condition = {
        "StringLike": {f"token.actions.githubusercontent.com:{key}": value for key, value in claims.items()}
    }
    return trust({"Federated": PROVIDER}, Condition=condition)


def opened(**props: Any) -> Resource:
    return resource(INGRESS, ipProtocol="tcp", fromPort=5432, toPort=5432, **props)


def acl(**entry: Any) -> Resource:
    return resource(ACL, ingress=[{"ruleNo": 1, "action": "allow", **entry}])
