"""Changes of the small stack, each of which breaks one rule of the pack."""

from __future__ import annotations

from typing import Any

from tests.engine.policy.declared import IMDS, TAGS, Declared, document


def _change(name: str, **props: Any) -> Any:
    def change(found: Declared) -> None:
        found[name]["props"].update(props)

    return change


def _option(name: str, **options: Any) -> Any:
    def change(found: Declared) -> None:
        found[name].update(options)

    return change


def _drop(*names: str) -> Any:
    def change(found: Declared) -> None:
        for name in names:
            del found[name]

    return change


def _add(name: str, kind: str, **props: Any) -> Any:
    def change(found: Declared) -> None:
        found[name] = {"type": kind, "props": props}

    return change


def _declare(name: str, kind: str, **props: Any) -> Any:
    """As `_add`, with the tags that the kind must have."""
    return _add(name, kind, tags=TAGS, **props)


TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
CDN = {
    "defaultCacheBehavior": {"viewerProtocolPolicy": "redirect-to-https"},
    "viewerCertificate": {"minimumProtocolVersion": "TLSv1.2_2021"},
    "origins": [{"originId": "photos", "originAccessControlId": "E1"}],
}
ADMIN = document({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::flashtier-pol/*"})

#: case: (the change, the rule, and parts of its line: resource and fix).
WRONG: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "SSH open to the internet": (
        _change("edge-443", fromPort=22, toPort=22),
        "open-ports",
        ("SecurityGroupIngressRule edge-443", "port 22, open to 0.0.0.0/0", "name the security group"),
    ),
    "443 in a group that no balancer has": (
        _change("edge-443", securityGroupId={"$id": "hosts"}),
        "open-ports",
        ("edge-443", "in security group hosts, which is an instance's", "open it in the load balancer's own"),
    ),
    "volume in the clear": (
        _change("db1-log", encrypted=False),
        "unencrypted",
        ("ebs Volume db1-log", "is not encrypted", "set encrypted=True"),
    ),
    "root disk in the clear": (
        _change("db1", rootBlockDevice={"encrypted": False}),
        "unencrypted",
        ("ec2 Instance db1", "rootBlockDevice", "set encrypted=True"),
    ),
    "bucket without a choice of key": (
        _drop("bucket-key"),
        "unencrypted",
        ("s3 Bucket bucket", "BucketServerSideEncryptionConfiguration"),
    ),
    "IMDSv1": (
        _change("db1", metadataOptions={**IMDS, "httpTokens": "optional"}),
        "metadata-service",
        ("ec2 Instance db1", "IMDSv1 answers", "http_tokens='required'"),
    ),
    "answers that go two hops": (
        _change("db1", metadataOptions={**IMDS, "httpPutResponseHopLimit": 2}),
        "metadata-service",
        ("ec2 Instance db1", "hop limit is 2", "http_put_response_hop_limit=1"),
    ),
    "bucket that nothing keeps private": (
        _drop("bucket-block"),
        "public-bucket",
        ("s3 Bucket bucket", "nothing blocks public access", "add a BucketPublicAccessBlock"),
    ),
    "bucket for everyone": (
        _add(
            "open",
            "aws:s3/bucketPolicy:BucketPolicy",
            bucket="b",
            policy=document({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}),
        ),
        "open-principal",
        ("s3 BucketPolicy open", "allows s3:GetObject to everyone", "name an account"),
    ),
    "two members on drives": (
        _drop("db3", "db3-log"),
        "too-few-copies",
        ("ec2 Instance db1", "2 database members on drives", "database.members: 3"),
    ),
    "members in two zones": (
        _change("db3", subnetId={"$id": "subnet1"}),
        "too-few-copies",
        ("all in eu-central-1a, eu-central-1b", "spread them over 3 zones"),
    ),
    "no owner, no tier": (
        _change("db1-log", tags={"Environment": "pol", "CostCenter": "1"}),
        "missing-tags",
        ("ebs Volume db1-log", "tags Owner, Tier missing", "naming.tags"),
    ),
    "unprotected volume": (
        _option("db1-log", protect=False),
        "unprotected",
        ("ebs Volume db1-log", "can be deleted or replaced", "set protect=True"),
    ),
    "member that an API call stops": (
        _change("db1", disableApiStop=False),
        "unprotected",
        ("ec2 Instance db1", "disableApiStop is off", "set disable_api_stop=True"),
    ),
    "role that may do everything": (
        _change("writes", policy=ADMIN),
        "iam-wildcard",
        ("iam RolePolicy writes", "action 's3:*' is allowed", "list the actions"),
    ),
    "host with a public address": (
        _change("db1", associatePublicIpAddress=True),
        "public-address",
        ("ec2 Instance db1", "get a public address", "remove it"),
    ),
    "nothing recorded": (
        _drop("log"),
        "no-flow-logs",
        ("ec2 Vpc vpc", "has no flow log", "add a FlowLog"),
    ),
    "database that the kit does not make": (
        _add("rds", "aws:rds/instance:Instance", engine="postgres"),
        "unknown-type",
        ("rds Instance rds", "type aws:rds/instance:Instance", "policy/rules/types.py"),
    ),
    "trust for everyone": (
        _declare("everyone", "aws:iam/role:Role", assumeRolePolicy=document({**TRUST, "Principal": "*"})),
        "open-principal",
        ("iam Role everyone", "allows sts:AssumeRole to everyone", "name an account"),
    ),
    "key for everyone": (
        _declare(
            "key",
            "aws:kms/key:Key",
            policy=document({"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}),
        ),
        "open-principal",
        ("kms Key key", "allows kms:Decrypt to everyone", "name an account"),
    ),
    "AdministratorAccess": (
        _declare(
            "admin",
            "aws:iam/role:Role",
            assumeRolePolicy=document(TRUST),
            managedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"],
        ),
        "managed-policy",
        ("iam Role admin", "AdministratorAccess is attached", "attach a policy of the stack"),
    ),
    "role that makes roles": (
        _add(
            "makes",
            "aws:iam/rolePolicy:RolePolicy",
            role="db",
            policy=document(
                {
                    "Effect": "Allow",
                    "Action": "iam:PutRolePolicy",
                    "Resource": "arn:aws:iam::123456789012:role/flashtier-pol-db",
                }
            ),
        ),
        "iam-escalation",
        ("iam RolePolicy makes", "iam:PutRolePolicy gives others any right", "iam:PermissionsBoundary"),
    ),
    "open default group": (
        _declare(
            "default",
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            vpcId={"$id": "vpc"},
            ingress=[{"self": True, "protocol": "-1", "fromPort": 0, "toPort": 0}],
        ),
        "open-ports",
        ("DefaultSecurityGroup default", "lets traffic through", "set ingress=[]"),
    ),
    "network ACL open to SSH": (
        _declare(
            "acl",
            "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
            ingress=[
                {
                    "ruleNo": 1,
                    "action": "allow",
                    "protocol": "6",
                    "cidrBlock": "0.0.0.0/0",
                    "fromPort": 22,
                    "toPort": 22,
                }
            ],
        ),
        "open-network-acl",
        ("DefaultNetworkAcl acl", "lets 0.0.0.0/0 in to ports 22 to 22", "allow the VPC's range"),
    ),
    "address of a host's interface": (
        _declare("address", "aws:ec2/eip:Eip", networkInterface="eni-1"),
        "public-address",
        ("ec2 Eip address", "is a host's (networkInterface)", "remove it"),
    ),
    "bucket granted to everyone": (
        _change("bucket", grants=[{"uri": "http://acs.amazonaws.com/groups/global/AllUsers"}]),
        "public-access",
        ("s3 Bucket bucket", "a grant is for AllUsers", "remove it"),
    ),
    "CDN without TLS": (
        _declare(
            "cdn",
            "aws:cloudfront/distribution:Distribution",
            **{**CDN, "defaultCacheBehavior": {"viewerProtocolPolicy": "allow-all"}},
        ),
        "old-cdn",
        ("cloudfront Distribution cdn", "serves without TLS", "redirect-to-https"),
    ),
    "TLS of 2016": (
        _change("https", sslPolicy="ELBSecurityPolicy-2016-08"),
        "old-tls",
        ("lb Listener https", "ELBSecurityPolicy-2016-08", "set ssl_policy="),
    ),
}

#: These change what another case changes, so they are a second program; a preview takes seconds.
APART = (
    "443 in a group that no balancer has",
    "answers that go two hops",
    "members in two zones",
    "unprotected volume",
    "bucket for everyone",
)
