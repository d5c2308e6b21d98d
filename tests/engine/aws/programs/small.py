"""A small program of most types that the stand-in knows. `small:variant` puts a change or a fault into it."""

from __future__ import annotations

import base64
import gc
import json

import pulumi
import pulumi_aws as aws

gc.disable()  # as the kit's own program does
config = pulumi.Config()
VARIANTS = set((config.get("variant") or "").split(","))
STACK = pulumi.get_stack()
REGION = pulumi.Config("aws").require("region")
ZONES = [REGION + letter for letter in "abc"]
tags = {"Environment": STACK, "ManagedBy": "flashtier"}
provider = aws.Provider("aws", region=REGION, default_tags={"tags": tags})


def on(**more):
    return pulumi.ResourceOptions(provider=provider, **more)


def when(variant, value, otherwise):
    return value if variant in VARIANTS else otherwise


image = config.require("image")
vpc = aws.ec2.Vpc(
    "vpc", cidr_block="10.20.0.0/16", enable_dns_hostnames=True, tags={"Name": STACK}, opts=on()
)
aws.ec2.DefaultSecurityGroup("closed", vpc_id=vpc.id, opts=on())
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id, opts=on())
public, private = [], []
for i, zone in enumerate(ZONES):
    public.append(
        aws.ec2.Subnet(
            f"public{i}",
            vpc_id=vpc.id,
            cidr_block=when("overlap", "10.20.0.0/24", f"10.20.{i}.0/24") if i == 2 else f"10.20.{i}.0/24",
            availability_zone=zone,
            opts=on(depends_on=public[:1]),  # which of two overlapping ones is refused is not left to chance
        )
    )
    block = f"10.20.{16 * (i + 1) + ('renumbered' in VARIANTS and i == 2)}.0/24"
    private.append(
        aws.ec2.Subnet(f"private{i}", vpc_id=vpc.id, cidr_block=block, availability_zone=zone, opts=on())
    )
address = aws.ec2.Eip("nat", domain="vpc", opts=on(depends_on=when("no-dependency", None, [gateway])))
nat = aws.ec2.NatGateway(
    "nat",
    allocation_id=address.allocation_id,
    subnet_id=public[0].id,
    opts=on(depends_on=when("no-dependency", None, [gateway]), delete_before_replace=True),
)
out = aws.ec2.RouteTable("private", vpc_id=vpc.id, opts=on())
aws.ec2.Route(
    "out", route_table_id=out.id, destination_cidr_block="0.0.0.0/0", nat_gateway_id=nat.id, opts=on()
)
for i, subnet in enumerate(private):
    aws.ec2.RouteTableAssociation(f"private{i}", route_table_id=out.id, subnet_id=subnet.id, opts=on())
aws.ec2.VpcEndpoint(
    "s3", vpc_id=vpc.id, service_name=f"com.amazonaws.{REGION}.s3", route_table_ids=[out.id], opts=on()
)
groups = {
    tier: aws.ec2.SecurityGroup(
        tier,
        vpc_id=vpc.id,
        description=when("letters", "the tier’s", f"tier {tier}")
        if tier == "access"
        else when("renamed", "renamed", f"tier {tier}")
        if tier == "web"
        else f"tier {tier}",
        opts=on(),
    )
    for tier in ("edge", "web", "database", "access")
}


def rule(name, to, source, port):
    kind = "cidr_ipv4" if isinstance(source, str) else "referenced_security_group_id"
    value = source if isinstance(source, str) else source.id
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=to.id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        **{kind: value},
        opts=on(),
    )


rule("https", groups["edge"], when("host-bits", "10.0.0.5/8", "0.0.0.0/0"), 443)
rule("web", groups["web"], groups["edge"], when("port", 8443, 8080))
rule("database", groups["database"], when("by-address", "10.20.16.0/24", groups["web"]), 5432)
rule("ssh", groups["database"], groups["access"], 22)
for tier, group in groups.items():
    aws.vpc.SecurityGroupEgressRule(
        tier, security_group_id=group.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0", opts=on()
    )
access = aws.ec2transitgateway.InstanceConnectEndpoint(
    "access",
    subnet_id=private[0].id,
    security_group_ids=[groups["access"].id],
    preserve_client_ip=False,
    opts=on(),
)

key = aws.kms.Key(
    "data", description="volumes", enable_key_rotation=True, deletion_window_in_days=7, opts=on()
)
aws.kms.Alias(
    "data", name=f"alias/{STACK}{when('pattern', ' ', '-')}data", target_key_id=key.key_id, opts=on()
)
trust = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
role = aws.iam.Role("host", assume_role_policy=when("not-json", "{not json", json.dumps(trust)), opts=on())
archive = aws.s3.Bucket("archive", force_destroy=True, object_lock_enabled=True, opts=on())
versioned = aws.s3.BucketVersioning(
    "archive", bucket=archive.bucket, versioning_configuration={"status": "Enabled"}, opts=on()
)
aws.s3.BucketServerSideEncryptionConfiguration(
    "archive",
    bucket=archive.bucket,
    rules=[
        {
            "apply_server_side_encryption_by_default": {
                "sse_algorithm": "aws:kms",
                "kms_master_key_id": key.arn,
            },
            "bucket_key_enabled": True,
        }
    ],
    opts=on(),
)
closed = dict.fromkeys(
    ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True
)
aws.s3.BucketPublicAccessBlock("archive", bucket=archive.bucket, **closed, opts=on())
aws.s3.BucketLifecycleConfiguration(
    "archive",
    bucket=archive.bucket,
    rules=[
        {
            "id": "old",
            "status": "Enabled",
            "noncurrent_version_expiration": {"noncurrent_days": when("retention", 60, 30)},
        }
    ],
    opts=on(depends_on=[versioned]),
)
aws.s3.BucketObjectLockConfiguration(
    "archive",
    bucket=archive.bucket,
    rule={"default_retention": {"mode": "GOVERNANCE", "days": 1}},
    opts=on(depends_on=[versioned]),
)
policy = aws.iam.Policy(
    "write",
    policy=archive.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": [when("policy", "s3:GetObject", "s3:PutObject")],
                        "Resource": arn + "/*",
                    }
                ],
            }
        )
    ),
    opts=on(),
)
aws.iam.RolePolicyAttachment("write", role=role.name, policy_arn=policy.arn, opts=on())
profile = aws.iam.InstanceProfile("host", role=role.name, opts=on())

metadata = {
    "http_endpoint": "enabled",
    "http_tokens": when("enum", "mandatory", "required"),
    when("unknown-property", "http_token", "http_put_response_hop_limit"): 1,
}
template = aws.ec2.LaunchTemplate(
    "web",
    image_id=image,
    instance_type="c7g.large",
    user_data=base64.b64encode(b"#cloud-config\n").decode(),
    vpc_security_group_ids=[groups["web"].id],
    metadata_options={
        "http_endpoint": "enabled",
        "http_tokens": "required",
        "http_put_response_hop_limit": 1,
    },
    iam_instance_profile={"arn": profile.arn},
    block_device_mappings=[
        {"device_name": "/dev/xvda", "ebs": {"volume_type": "gp3", "volume_size": 20, "encrypted": "true"}}
    ],
    update_default_version=True,
    opts=on(),
)
spread = aws.ec2.PlacementGroup("database", strategy="spread", opts=on())
members = []
for i, zone in enumerate(ZONES):
    mine = {"Name": f"{STACK}-db{i}", **({"wave": "2"} if "retag" in VARIANTS else {})}
    member = aws.ec2.Instance(
        f"db{i}",
        ami=image,
        instance_type=when("type", "r7g.xlrage", when("resize", "r7g.2xlarge", "r7g.xlarge")),
        subnet_id=private[i].id,
        availability_zone=when("zone", ZONES[0], zone) if i == 2 else zone,
        private_ip=when("reserved", "10.20.16.3", None) if i == 0 else None,
        placement_group=spread.id,
        vpc_security_group_ids=[groups["database"].id],
        iam_instance_profile=profile.name,
        metadata_options=metadata,
        ephemeral_block_devices=when(
            "drives", [{"device_name": "/dev/sdb", "virtual_name": "ephemeral0"}], None
        ),
        root_block_device={
            "volume_type": "gp3",
            "volume_size": when("root", 30, 20),
            "encrypted": True,
            "kms_key_id": key.arn,
        },
        disable_api_termination="protected" in VARIANTS,
        tags=mine,
        opts=on(),
    )
    members.append(member)
    if i:
        continue
    volume = aws.ebs.Volume(
        "data",
        availability_zone=when("volume-zone", ZONES[1], zone),
        type="io2",
        size=when("grow", 200, when("shrink", 50, 100)),
        iops=when("iops", 300_000, 20_000),
        encrypted=True,
        kms_key_id=key.arn,
        tags={"Name": f"{STACK}-db{i}-data"},
        opts=on(),
    )
    aws.ec2.VolumeAttachment(
        "data", device_name="/dev/sdf", instance_id=member.id, volume_id=volume.id, opts=on()
    )

balancer = aws.lb.LoadBalancer(
    "edge",
    name=f"{STACK}-edge",
    load_balancer_type="application",
    security_groups=[groups["edge"].id],
    subnets=[subnet.id for subnet in (public[:1] if "one-zone" in VARIANTS else public)],
    drop_invalid_header_fields=True,
    idle_timeout=when("idle", 90, 60),
    opts=on(depends_on=[gateway]),
)
targets = aws.lb.TargetGroup(
    "web",
    name=f"{STACK}-web",
    port=8080,
    protocol="HTTP",
    vpc_id=vpc.id,
    health_check={
        "path": when("health", "/ready", "/healthz"),
        "interval": 10,
        "timeout": 5,
        "matcher": "200",
    },
    deregistration_delay=30,
    opts=on(),
)
aws.lb.Listener(
    "http",
    load_balancer_arn=balancer.arn,
    port=80,
    protocol=when("no-certificate", "HTTPS", "HTTP"),
    default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
    opts=on(),
)
aws.lb.TargetGroupAttachment(
    "web", target_group_arn=targets.arn, target_id=members[0].id, port=8080, opts=on()
)
logs = aws.cloudwatch.LogGroup("logs", retention_in_days=30, opts=on())
topic = aws.sns.Topic("alarms", display_name=f"alarms of {STACK}", opts=on())
aws.sns.TopicSubscription("alarms", topic=topic.arn, protocol="email", endpoint="ops@example.com", opts=on())
aws.cloudwatch.MetricAlarm(
    "status",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=2,
    metric_name="StatusCheckFailed",
    namespace="AWS/EC2",
    period=60,
    statistic="Maximum",
    threshold=when("threshold", 1, 0),
    dimensions={"InstanceId": members[0].id},
    alarm_actions=[topic.arn],
    opts=on(),
)
events = aws.cloudwatch.EventRule(
    "scheduled", event_pattern=json.dumps({"source": ["aws.health"]}), opts=on()
)
aws.cloudwatch.EventTarget("scheduled", rule=events.name, arn=topic.arn, opts=on())
aws.budgets.Budget(
    "month",
    budget_type="COST",
    time_unit="MONTHLY",
    limit_amount=when("budget", "200", "100"),
    limit_unit="USD",
    notifications=[
        {
            "comparison_operator": "GREATER_THAN",
            "notification_type": "FORECASTED",
            "threshold": 100,
            "threshold_type": "PERCENTAGE",
            "subscriber_email_addresses": ["ops@example.com"],
        }
    ],
    opts=on(),
)
if "unknown-type" in VARIANTS:
    aws.sqs.Queue("queue", opts=on())
if config.get("pasted"):
    # A group's identity as a plain string: the engine cannot know that the rule is about the group.
    rule_of = {"referenced_security_group_id": config.require("pasted"), "ip_protocol": "-1"}
    aws.vpc.SecurityGroupIngressRule("pasted", security_group_id=groups["access"].id, **rule_of, opts=on())
pulumi.export("vpc", vpc.id)
