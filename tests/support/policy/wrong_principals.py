"""Policies that let in whom they should not: case: (rule, resource, what the rule reports)."""

from __future__ import annotations

from policy.rules.resource import Resource
from tests.support.policy.judge import ACCOUNT, OTHER, ROOT, allows, resource
from tests.support.policy.shapes import BUCKET, ENDPOINT, KEY, OBJECTS, ROLE, TOPIC, oidc, trust

WRONG: dict[str, tuple[str, Resource, str]] = {
    # Who may: trust policies.
    "trust for *": ("open-principal", trust("*"), "allows sts:AssumeRole to everyone"),
    "trust for every account": ("open-principal", trust({"AWS": ["*"]}), "everyone"),
    "trust by NotPrincipal": (
        "open-principal",
        resource(ROLE, assumeRolePolicy=allows(NotPrincipal=ROOT, Action="sts:AssumeRole")),
        "NotPrincipal allows sts:AssumeRole to all others",
    ),
    "trust with a condition that ties nothing": (
        "open-principal",
        trust("*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
        "everyone",
    ),
    "trust with a condition that a request need not meet": (
        "open-principal",
        trust("*", Condition={"StringEqualsIfExists": {"aws:PrincipalAccount": ACCOUNT}}),
        "everyone",
    ),
    "trust with a set operator that holds for no value": (
        "open-principal",
        trust("*", Condition={"ForAllValues:StringEquals": {"aws:PrincipalAccount": ACCOUNT}}),
        "everyone",
    ),
    "trust for all accounts but one": (
        "open-principal",
        trust("*", Condition={"StringNotEquals": {"aws:PrincipalAccount": OTHER}}),
        "everyone",
    ),
    "trust with a wildcard in the condition": (
        "open-principal",
        trust("*", Condition={"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deploy"}}),
        "everyone",
    ),
    "trust with a value that the request gives": (
        "open-principal",
        trust("*", Condition={"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}),
        "everyone",
    ),
    "trust for a service without a source": (
        "open-principal",
        trust({"Service": "vpc-flow-logs.amazonaws.com"}),
        "a condition on aws:SourceAccount",
    ),
    "trust for a service with a condition that ties nothing": (
        "open-principal",
        trust(
            {"Service": "vpc-flow-logs.amazonaws.com"}, Condition={"Bool": {"aws:SecureTransport": "true"}}
        ),
        "a condition on aws:SourceAccount",
    ),
    "trust for what only looks like a service": (
        "open-principal",
        trust({"Service": "ec2.evil.com"}),
        "Service",
    ),
    "trust for each branch of a repository": (
        "open-principal",
        oidc(aud="sts.amazonaws.com", sub="repo:example/flashtier:*"),
        "the whole of its sub",
    ),
    "trust for each audience": ("open-principal", oidc(sub="repo:e/f:environment:prod"), "its aud"),
    "trust for a web identity of anyone": (
        "open-principal",
        trust({"Federated": "cognito-identity.amazonaws.com"}),
        "OIDC provider",
    ),
    "trust that two readers read in two ways": (
        "open-principal",
        resource(
            ROLE, assumeRolePolicy='{"Statement": [], "Statement": [{"Effect": "Allow", "Principal": "*"}]}'
        ),
        "a key stands twice",
    ),
    "trust written with an escape": (
        "open-principal",
        resource(
            ROLE,
            assumeRolePolicy='{"\\u0053tatement": {"Effect": "Allow", "Principal": "*", "Action": "a:b"}}',
        ),
        "everyone",
    ),
    # Who may: resources.
    "key for everyone": (
        "open-principal",
        resource(KEY, policy=allows(Principal={"AWS": "*"}, Action="kms:Decrypt", Resource="*")),
        "allows kms:Decrypt to everyone",
    ),
    "topic for everyone": (
        "open-principal",
        resource(TOPIC, policy=allows(Principal="*", Action="sns:Publish", Resource="t")),
        "allows sns:Publish to everyone",
    ),
    "topic for a service that acts for anyone": (
        "open-principal",
        resource(
            TOPIC, policy=allows(Principal={"Service": "cloudwatch.amazonaws.com"}, Action="sns:Publish")
        ),
        "aws:SourceAccount",
    ),
    "queue for everyone": (
        "open-principal",
        resource("sqs/queuePolicy:QueuePolicy", policy=allows(Principal="*", Action="sqs:SendMessage")),
        "allows sqs:SendMessage to everyone",
    ),
    "bucket for everyone": (
        "open-principal",
        resource(BUCKET, policy=allows(Principal={"AWS": ["*"]}, Action="s3:GetObject", Resource=OBJECTS)),
        "everyone",
    ),
    "bucket for everyone over TLS": (
        "open-principal",
        resource(
            BUCKET,
            policy=allows(
                Principal="*",
                Action="s3:GetObject",
                Resource=OBJECTS,
                Condition={"Bool": {"aws:SecureTransport": "true"}},
            ),
        ),
        "everyone",
    ),
    "bucket with an inline policy for everyone": (
        "open-principal",
        resource("s3/bucket:Bucket", policy=allows(Principal="*", Action="s3:GetObject", Resource=OBJECTS)),
        "everyone",
    ),
    "bucket that any load balancer logs to": (
        "open-principal",
        resource(
            BUCKET,
            policy=allows(
                Principal={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                Action="s3:PutObject",
                Resource=OBJECTS,
            ),
        ),
        "aws:SourceAccount",
    ),
    "bucket granted to all users": (
        "public-access",
        resource(
            "s3/bucket:Bucket",
            grants=[{"uri": "http://acs.amazonaws.com/groups/global/AllUsers", "type": "Group"}],
        ),
        "a grant is for AllUsers",
    ),
    "endpoint without a policy": ("open-principal", resource(ENDPOINT), "has no policy"),
    "endpoint to everyone's buckets": (
        "open-principal",
        resource(ENDPOINT, policy=allows(Principal="*", Action="s3:*", Resource="*")),
        "everyone",
    ),
}
