"""What a small stack on AWS declares so that every rule of the pack is content, and what breaks each one."""

from __future__ import annotations

import json
from typing import Any

Declared = dict[str, dict[str, Any]]

TAGS = {"Environment": "pol", "Owner": "team", "CostCenter": "1"}
IMDS = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
PROFILE = {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "arn:aws:s3:::flashtier-pol-backups/*"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _tagged(kind: str, protect: bool | None = None, tier: str = "", **props: Any) -> dict[str, Any]:
    tags = {**TAGS, **({"Tier": tier} if tier else {})}
    return {"type": kind, "props": {"tags": tags, **props}, "protect": protect}


def right() -> Declared:
    """Nothing of it is wrong: a balancer, a web host, three members on drives, a bucket."""
    found: Declared = {
        "vpc": _tagged("aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16"),
        "log": _tagged("aws:ec2/flowLog:FlowLog", vpcId={"$id": "vpc"}, trafficType="ALL"),
        "hosts": _tagged("aws:ec2/securityGroup:SecurityGroup", vpcId={"$id": "vpc"}),
        "edge": _tagged("aws:ec2/securityGroup:SecurityGroup", vpcId={"$id": "vpc"}),
        "edge-443": _tagged(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            securityGroupId={"$id": "edge"},
            cidrIpv4="0.0.0.0/0",
            ipProtocol="tcp",
            fromPort=443,
            toPort=443,
        ),
        "balancer": _tagged("aws:lb/loadBalancer:LoadBalancer", securityGroups=[{"$id": "edge"}]),
        "https": _tagged(
            "aws:lb/listener:Listener",
            loadBalancerArn={"$id": "balancer"},
            port=443,
            protocol="HTTPS",
            sslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        ),
        "bucket": _tagged("aws:s3/bucket:Bucket"),
        "bucket-block": {
            "type": "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            "props": {
                "bucket": {"$id": "bucket"},
                "blockPublicAcls": True,
                "blockPublicPolicy": True,
                "ignorePublicAcls": True,
                "restrictPublicBuckets": True,
            },
        },
        "bucket-key": {
            "type": "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "props": {"bucket": {"$id": "bucket"}, "rules": []},
        },
        "writes": {
            "type": "aws:iam/rolePolicy:RolePolicy",
            "props": {"role": "db", "policy": document(PROFILE)},
        },
    }
    for index, zone in enumerate("abc", 1):
        found[f"subnet{index}"] = _tagged(
            "aws:ec2/subnet:Subnet", vpcId={"$id": "vpc"}, availabilityZone=f"eu-central-1{zone}"
        )
        found[f"db{index}"] = _tagged(
            "aws:ec2/instance:Instance",
            protect=True,
            tier="database",
            instanceType="i8g.large",
            subnetId={"$id": f"subnet{index}"},
            vpcSecurityGroupIds=[{"$id": "hosts"}],
            metadataOptions=IMDS,
            rootBlockDevice={"encrypted": True},
            disableApiTermination=True,
            disableApiStop=True,
        )
        found[f"db{index}-log"] = _tagged(
            "aws:ebs/volume:Volume",
            protect=True,
            tier="database",
            availabilityZone=f"eu-central-1{zone}",
            encrypted=True,
        )
    return found


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


ADMIN = document({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::flashtier-pol/*"})

#: case: (the change, the rule, and what its line says: resource and fix).
WRONG: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "SSH open to the world": (
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
        "public-bucket",
        ("s3 BucketPolicy open", "allows s3:GetObject to everyone", "name the principals"),
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
        ("ec2 Instance db1", "gets a public address", "remove it"),
    ),
    "nothing recorded": (
        _drop("log"),
        "no-flow-logs",
        ("ec2 Vpc vpc", "no flow log", "add a FlowLog"),
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
