"""Resources that the rules let through: (rule, resource)."""

from __future__ import annotations

import json

from policy.rules.resource import UNKNOWN
from tests.support.policy.judge import ACCOUNT, ROOT, allows, resource

TAGS = {"Environment": "e", "Owner": "o", "CostCenter": "c"}
INGRESS = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "ec2/instance:Instance"
LISTENER = "lb/listener:Listener"
POLICY = "iam/policy:Policy"
IMDS = {"httpTokens": "required", "httpPutResponseHopLimit": 1}

RIGHT = [
    ("open-ports", resource(INGRESS, cidrIpv4="10.0.0.0/8", fromPort=22, toPort=22)),
    ("open-ports", resource(INGRESS, referencedSecurityGroupId=UNKNOWN, fromPort=22, toPort=22)),
    ("unencrypted", resource("ebs/volume:Volume", encrypted=UNKNOWN)),
    ("unencrypted", resource(INSTANCE, launchTemplate={"id": UNKNOWN})),
    ("metadata-service", resource(INSTANCE, launchTemplate={"id": UNKNOWN})),
    ("metadata-service", resource(INSTANCE, metadataOptions=IMDS)),
    (
        "public-bucket",
        resource("s3/bucketAcl:BucketAcl", acl="private"),
    ),
    ("missing-tags", resource("kms/key:Key", tagsAll=TAGS)),
    ("missing-tags", resource("iam/rolePolicy:RolePolicy")),
    ("unprotected", resource(INSTANCE, tags={"Tier": "web"}, instanceType="c8g.large")),
    ("iam-wildcard", resource(POLICY, policy=UNKNOWN)),
    ("iam-wildcard", resource(POLICY, policy=allows(Action="ec2:DescribeVolumes", Resource="*"))),
    ("iam-wildcard", resource(POLICY, policy=json.dumps({"Statement": [{"Effect": "Deny", "Action": "*"}]}))),
    ("iam-wildcard", resource("kms/key:Key", policy=allows(Principal=ROOT, Action="kms:*", Resource="*"))),
    ("public-address", resource("ec2/eip:Eip", domain="vpc")),
    ("old-tls", resource(LISTENER, protocol="HTTPS", sslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06")),
    (
        "old-tls",
        resource(
            LISTENER,
            protocol="HTTP",
            defaultActions=[{"type": "redirect", "redirect": {"protocol": "HTTPS"}}],
        ),
    ),
]


SOURCE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
OIDC = f"arn:aws:iam::{ACCOUNT}:oidc-provider/gitlab.example.com"
RIGHT += [
    ("open-principal", resource(kind, policy=allows(Principal=who, Action="x:Y", **more)))
    for kind, who, more in (
        ("kms/key:Key", ROOT, {}),
        ("kms/key:Key", {"AWS": ACCOUNT}, {}),
        ("kms/key:Key", {"AWS": [f"arn:aws-cn:iam::{ACCOUNT}:role/path/deploy"]}, {}),
        ("sns/topicPolicy:TopicPolicy", {"Service": "cloudwatch.amazonaws.com"}, {"Condition": SOURCE}),
        (
            "s3/bucketPolicy:BucketPolicy",
            {"Service": "cloudfront.amazonaws.com"},
            {"Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/*"}}},
        ),
        (
            "s3/bucketPolicy:BucketPolicy",
            {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            {"Resource": f"arn:aws:s3:::logs/AWSLogs/{ACCOUNT}/*"},
        ),
        ("s3/bucketPolicy:BucketPolicy", "*", {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}),
        (
            "ec2/vpcEndpoint:VpcEndpoint",
            "*",
            {"Condition": {"StringEquals": {"aws:ResourceAccount": [ACCOUNT, ACCOUNT]}}},
        ),
    )
]
RIGHT += [
    (
        "open-principal",
        resource(
            "s3/bucketPolicy:BucketPolicy",
            policy=json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*"}]}),
        ),
    ),
    (
        "open-principal",
        resource("kms/key:Key", policy={"Statement": {"Effect": "Allow", "Principal": {"AWS": UNKNOWN}}}),
    ),
    ("open-principal", resource("ec2/vpcEndpoint:VpcEndpoint", policy=UNKNOWN)),
    (
        "open-principal",
        resource(
            "iam/role:Role",
            assumeRolePolicy=allows(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole"),
        ),
    ),
    (
        "open-principal",
        resource(
            "iam/role:Role",
            assumeRolePolicy=allows(
                Principal={"Federated": OIDC},
                Action="sts:AssumeRoleWithWebIdentity",
                Condition={
                    "StringEquals": {
                        "gitlab.example.com:aud": "sts.amazonaws.com",
                        "gitlab.example.com:sub": "project_path:example/flashtier:ref_type:branch:ref:main",
                    }
                },
            ),
        ),
    ),
    # Text that is not a policy, in a property of another kind.
    (
        "open-principal",
        resource("cloudwatch/eventRule:EventRule", eventPattern='{"detail": {"statement": ["*"]}}'),
    ),
    ("open-principal", resource("ec2/instance:Instance", userData="{ echo statement; }")),
]
TAGGED = {"StringEquals": {"aws:ResourceTag/Tier": "database"}}
EC2 = f"arn:aws:ec2:us-east-1:{ACCOUNT}"
RIGHT += [
    ("iam-wildcard", resource(POLICY, policy=allows(Action="a:Do", Resource=arn, **more)))
    for arn, more in (
        ("arn:aws:s3:::flashtier-x-photos/*", {}),
        ("arn:aws:s3:::flashtier-x-photos/a*/${aws:username}/*", {}),
        (f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/flashtier-x-refused:*", {}),
        (f"arn:aws:iam::{ACCOUNT}:role/flashtier-x-*", {}),
        (f"arn:aws:iam::{ACCOUNT}:user/accounting/*", {}),
        (f"{EC2}:instance/*", {"Condition": TAGGED}),
        (f"{EC2}:instance/i-1", {}),
        ("arn:aws:s3:::literal-${*}-star", {}),
    )
]
RIGHT += [("iam-wildcard", resource(POLICY, policy=allows(Action="ec2:Describe*", Resource="*")))]
BOUNDARY = {"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary"}}
RIGHT += [
    (
        "iam-escalation",
        resource(POLICY, policy=allows(Action="iam:CreateRole", Resource="r", Condition=BOUNDARY)),
    ),
    (
        "iam-escalation",
        resource(
            POLICY,
            policy=allows(
                Action="iam:PassRole",
                Resource="r",
                Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            ),
        ),
    ),
    ("public-access", resource("ec2/vpc:Vpc", tags={"group": "all", "principal": "*"})),
    (
        "open-network-acl",
        resource("ec2/networkAcl:NetworkAcl", ingress=[{"action": "deny", "cidrBlock": "0.0.0.0/0"}]),
    ),
    ("open-ports", resource("ec2/defaultSecurityGroup:DefaultSecurityGroup", ingress=[], egress=[])),
    ("open-ports", resource("ec2/managedPrefixList:ManagedPrefixList", entries=[{"cidr": "10.1.0.0/16"}])),
]
