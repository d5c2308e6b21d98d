"""A small stack on AWS that no rule of the pack refuses."""

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
    """No rule refuses it: a load balancer, three members on drives, a bucket."""
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
