"""What the roles of CI may do (docs/ci/aws), by the rules of the pack and by requests that are evaluated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.paths import ROOT
from policy.rules import types
from tests.support.iam import Request, decide
from tests.support.policy.judge import lines, resource

FOLDER = ROOT / "docs/ci/aws"
ACCOUNT, REGION = "111122223333", "us-east-1"
IAM = f"arn:aws:iam::{ACCOUNT}"
BOUNDARY = f"{IAM}:policy/flashtier-boundary"
OWN_ROLE = f"{IAM}:role/flashtier-prod-web"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
STATE = "arn:aws:s3:::example-flashtier-state/.pulumi/stacks/flashtier/prod.json"
STATE_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
HERE = {"aws:requestedregion": REGION, "aws:resourceaccount": ACCOUNT}
PROD = {"aws:resourcetag/environment": "prod", "aws:requesttag/environment": "prod"}
BOUNDED = {"iam:permissionsboundary": BOUNDARY}
#: IAM API, CreatePolicy: characters of a managed policy, white space not counted.
LONGEST = 6144


def document(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def may(name: str, action: str, on: str = "*", **context: Any) -> bool:
    """Whether a policy allows a request in the environment's region and account."""
    given = {**HERE, **{key.replace("__", ":"): value for key, value in context.items()}}
    return decide([document(name)], Request(action, on, given)) == "allow"


@pytest.mark.parametrize("name", ["up", "preview", "boundary"])
def test_a_policy_fits_and_gives_itself_no_more(name: str) -> None:
    assert len(json.dumps(document(name), separators=(",", ":"))) <= LONGEST
    assert lines("iam-escalation", resource("iam/policy:Policy", policy=document(name))) == []


@pytest.mark.parametrize("name", ["trust-github-up", "trust-github-preview", "trust-gitlab-up"])
def test_one_identity_may_assume_a_role(name: str) -> None:
    assert lines("open-principal", resource("iam/role:Role", assumeRolePolicy=document(name))) == []


def test_on_gitlab_every_branch_may_assume_the_role_that_reads() -> None:
    """GitLab's `sub` has the branch and no environment (docs/tasks/deploy-to-aws.md)."""
    [line] = lines(
        "open-principal", resource("iam/role:Role", assumeRolePolicy=document("trust-gitlab-preview"))
    )
    assert "on the whole of its sub" in line


def test_the_role_that_makes_is_for_one_environment_of_github_and_one_branch_of_gitlab() -> None:
    def sub(name: str) -> str:
        [statement] = document(name)["Statement"]
        return next(
            value for key, value in statement["Condition"]["StringEquals"].items() if key.endswith(":sub")
        )

    assert sub("trust-github-up") == "repo:example/flashtier:environment:prod"
    assert sub("trust-gitlab-up") == "project_path:example/flashtier:ref_type:branch:ref:main"


def test_up_makes_roles_with_the_boundary_only() -> None:
    for action in (
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:AttachRolePolicy",
        "iam:PutRolePermissionsBoundary",
    ):
        assert may("up", action, OWN_ROLE, iam__permissionsboundary=BOUNDARY)
        assert not may("up", action, OWN_ROLE)
        assert not may("up", action, OWN_ROLE, iam__permissionsboundary=f"{IAM}:policy/other")
        assert not may("up", action, f"{IAM}:role/Administrator", iam__permissionsboundary=BOUNDARY)


@pytest.mark.parametrize(
    ("action", "on", "context"),
    [
        ("iam:DeleteRolePermissionsBoundary", OWN_ROLE, BOUNDED),
        ("iam:CreatePolicyVersion", BOUNDARY, {}),
        ("iam:DeletePolicy", BOUNDARY, {}),
        ("iam:PutRolePolicy", f"{IAM}:role/ci-flashtier-prod-up", BOUNDED),
        ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/ci-flashtier-prod-up", {}),
        ("iam:CreatePolicyVersion", f"{IAM}:policy/ci-flashtier-prod-up", {}),
        ("iam:CreateUser", f"{IAM}:user/flashtier-prod-x", BOUNDED),
        ("iam:CreateAccessKey", f"{IAM}:user/flashtier-prod-x", {}),
        ("iam:CreateOpenIDConnectProvider", f"{IAM}:oidc-provider/x", {}),
        ("iam:PassRole", OWN_ROLE, {"iam:passedtoservice": "lambda.amazonaws.com"}),
        ("iam:PassRole", f"{IAM}:role/Administrator", {"iam:passedtoservice": "ec2.amazonaws.com"}),
        (
            "iam:PassRole",
            f"{IAM}:role/flashtier-prod-break-glass",
            {"iam:passedtoservice": "ec2.amazonaws.com"},
        ),
        ("sts:AssumeRole", f"{IAM}:role/flashtier-prod-break-glass", {}),
        ("sts:AssumeRole", "arn:aws:iam::999988887777:role/x", {}),
        ("kms:ScheduleKeyDeletion", KEY, PROD),
        ("kms:DisableKey", KEY, PROD),
        ("kms:PutKeyPolicy", KEY, {"aws:resourcetag/environment": "dev"}),
        ("s3:GetObject", "arn:aws:s3:::flashtier-prod-backups-1/base", {}),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::flashtier-prod-backups-1/base", {}),
        ("s3:PutObject", "arn:aws:s3:::another-bucket/x", {}),
        ("ec2:RunInstances", "*", {"aws:requestedregion": "eu-west-1"}),
        ("lambda:CreateFunction", "*", {}),
        ("organizations:LeaveOrganization", "*", {}),
    ],
)
def test_up_may_not(action: str, on: str, context: dict[str, str]) -> None:
    assert decide([document("up")], Request(action, on, {**HERE, **context})) != "allow"


@pytest.mark.parametrize(
    ("action", "on"),
    [
        # A trust policy that names the role would allow it without the role's own policy.
        ("sts:AssumeRole", f"{IAM}:role/flashtier-prod-break-glass"),
        ("iam:PassRole", f"{IAM}:role/flashtier-prod-break-glass"),
        ("iam:CreatePolicyVersion", BOUNDARY),
        ("iam:PutRolePolicy", f"{IAM}:role/ci-flashtier-prod-up"),
        ("iam:UpdateAssumeRolePolicy", f"{IAM}:role/ci-flashtier-prod-preview"),
        ("iam:SetDefaultPolicyVersion", f"{IAM}:policy/ci-flashtier-prod-up"),
        ("iam:DeleteRolePermissionsBoundary", OWN_ROLE),
    ],
)
def test_no_other_policy_can_allow_up(action: str, on: str) -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    assert decide([document("up"), everything], Request(action, on, HERE)) == "deny"


#: A call that makes one of each type of resource, and what it is made on where a policy names it.
MAKES = {
    "acm:RequestCertificate": ("acm/certificate", "acm/certificateValidation"),
    "budgets:ModifyBudget": ("budgets/budget",),
    "cloudfront:CreateDistribution": ("cloudfront/distribution",),
    "cloudfront:CreateCachePolicy": ("cloudfront/cachePolicy",),
    "cloudfront:CreateOriginAccessControl": ("cloudfront/originAccessControl",),
    "cloudfront:CreateOriginRequestPolicy": ("cloudfront/originRequestPolicy",),
    "cloudfront:CreateResponseHeadersPolicy": ("cloudfront/responseHeadersPolicy",),
    "cloudwatch:PutMetricAlarm": ("cloudwatch/metricAlarm",),
    "events:PutRule": ("cloudwatch/eventRule",),
    "events:PutTargets": ("cloudwatch/eventTarget",),
    "logs:CreateLogGroup": ("cloudwatch/logGroup",),
    "ec2:CreateVolume": ("ebs/volume",),
    "ec2:ReplaceNetworkAclEntry": ("ec2/defaultNetworkAcl",),
    "ec2:RevokeSecurityGroupIngress": ("ec2/defaultSecurityGroup",),
    "ec2:AllocateAddress": ("ec2/eip",),
    "ec2:CreateFlowLogs": ("ec2/flowLog",),
    "ec2:RunInstances": ("ec2/instance",),
    "ec2:CreateInternetGateway": ("ec2/internetGateway",),
    "ec2:CreateLaunchTemplate": ("ec2/launchTemplate",),
    "ec2:CreateNatGateway": ("ec2/natGateway",),
    "ec2:CreatePlacementGroup": ("ec2/placementGroup",),
    "ec2:CreateRoute": ("ec2/route",),
    "ec2:CreateRouteTable": ("ec2/routeTable",),
    "ec2:AssociateRouteTable": ("ec2/routeTableAssociation",),
    "ec2:CreateSecurityGroup": ("ec2/securityGroup",),
    "ec2:CreateSubnet": ("ec2/subnet",),
    "ec2:AttachVolume": ("ec2/volumeAttachment",),
    "ec2:CreateVpc": ("ec2/vpc",),
    "ec2:CreateVpcEndpoint": ("ec2/vpcEndpoint",),
    "ec2:CreateInstanceConnectEndpoint": ("ec2transitgateway/instanceConnectEndpoint",),
    "ec2:AuthorizeSecurityGroupEgress": ("vpc/securityGroupEgressRule",),
    "ec2:AuthorizeSecurityGroupIngress": ("vpc/securityGroupIngressRule",),
    f"iam:CreateInstanceProfile {IAM}:instance-profile/flashtier-prod-web": ("iam/instanceProfile",),
    f"iam:CreatePolicy {IAM}:policy/flashtier-prod-keep-data": ("iam/policy",),
    f"iam:CreateRole {OWN_ROLE}": ("iam/role",),
    f"iam:PutRolePolicy {OWN_ROLE}": ("iam/rolePolicy",),
    f"kms:CreateAlias arn:aws:kms:{REGION}:{ACCOUNT}:alias/flashtier-prod-data": ("kms/alias",),
    "kms:CreateKey": ("kms/key",),
    "elasticloadbalancing:CreateListener": ("lb/listener",),
    "elasticloadbalancing:CreateRule": ("lb/listenerRule",),
    "elasticloadbalancing:CreateLoadBalancer": ("lb/loadBalancer",),
    "elasticloadbalancing:CreateTargetGroup": ("lb/targetGroup",),
    "elasticloadbalancing:RegisterTargets": ("lb/targetGroupAttachment",),
    "route53:ChangeResourceRecordSets": ("route53/record",),
    "s3:CreateBucket arn:aws:s3:::flashtier-prod-photos-1": ("s3/bucket",),
    "s3:PutLifecycleConfiguration arn:aws:s3:::flashtier-prod-photos-1": ("s3/bucketLifecycleConfiguration",),
    "s3:PutBucketLogging arn:aws:s3:::flashtier-prod-photos-1": ("s3/bucketLogging",),
    "s3:PutBucketObjectLockConfiguration arn:aws:s3:::flashtier-prod-backups-1": (
        "s3/bucketObjectLockConfiguration",
    ),
    "s3:PutBucketOwnershipControls arn:aws:s3:::flashtier-prod-photos-1": ("s3/bucketOwnershipControls",),
    "s3:PutBucketPolicy arn:aws:s3:::flashtier-prod-photos-1": ("s3/bucketPolicy",),
    "s3:PutBucketPublicAccessBlock arn:aws:s3:::flashtier-prod-photos-1": ("s3/bucketPublicAccessBlock",),
    "s3:PutEncryptionConfiguration arn:aws:s3:::flashtier-prod-photos-1": (
        "s3/bucketServerSideEncryptionConfiguration",
    ),
    "s3:PutBucketVersioning arn:aws:s3:::flashtier-prod-photos-1": ("s3/bucketVersioning",),
    "sns:CreateTopic": ("sns/topic",),
    "sns:SetTopicAttributes": ("sns/topicPolicy",),
    "sns:Subscribe": ("sns/topicSubscription",),
    "wafv2:CreateWebACL": ("wafv2/webAcl",),
    "wafv2:AssociateWebACL": ("wafv2/webAclAssociation",),
    "wafv2:PutLoggingConfiguration": ("wafv2/webAclLoggingConfiguration",),
}


def test_up_may_make_every_type_that_the_kit_makes() -> None:
    made = {kind for kinds in MAKES.values() for kind in kinds}
    assert {kind.removeprefix("aws:").rpartition(":")[0] for kind in types.KNOWN} == made
    for call in MAKES:
        action, _, on = call.partition(" ")
        context = {**HERE, **PROD, **BOUNDED}
        assert decide([document("up")], Request(action, on or "*", context)) == "allow", call


def test_up_reads_and_writes_the_state() -> None:
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert may("up", action, STATE)
    for action in ("kms:Encrypt", "kms:Decrypt"):
        assert may("up", action, STATE_KEY)


def test_a_preview_reads_configuration_and_state_and_no_data() -> None:
    assert may("preview", "ec2:DescribeInstances")
    assert may("preview", "iam:GetRolePolicy", OWN_ROLE)
    assert may("preview", "s3:GetBucketPolicy", "arn:aws:s3:::flashtier-prod-photos-1")
    assert may("preview", "s3:GetObject", STATE)
    assert may("preview", "kms:Decrypt", STATE_KEY)
    assert not may("preview", "s3:PutObject", STATE)
    assert not may("preview", "s3:GetObject", "arn:aws:s3:::flashtier-prod-photos-1/a.jpg")
    assert not may("preview", "kms:Decrypt", KEY)
    for action in ("ec2:RunInstances", "ec2:GetPasswordData", "iam:CreateRole", "sts:AssumeRole"):
        assert not may("preview", action)


def test_only_the_break_glass_role_may_do_within_the_boundary_what_loses_data() -> None:
    tags = {**PROD, "aws:resourcetag/tier": "database"}
    host = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"
    for action, on in (
        ("ec2:TerminateInstances", host),
        ("kms:ScheduleKeyDeletion", KEY),
        ("s3:PutLifecycleConfiguration", "arn:aws:s3:::flashtier-prod-backups-1"),
    ):
        for role, allowed in (("flashtier-prod-break-glass", True), ("flashtier-prod-web", False)):
            context = {**HERE, **tags, "aws:principalarn": f"{IAM}:role/{role}"}
            assert (decide([document("boundary")], Request(action, on, context)) == "allow") is allowed, (
                action
            )
