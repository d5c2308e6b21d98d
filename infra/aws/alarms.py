"""Alarms in CloudWatch: what Prometheus cannot measure from inside, e-mailed to the on-call address.

They monitor hosts, volumes, load balancer and NAT gateways from AWS's side; Prometheus what happens in them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from infra.aws.edge.load_balancer import Edge
from infra.aws.naming import Component, Naming
from infra.aws.network import Network
from infra.aws.policy_document import policy_document
from infra.environment.aws import Aws

Missing = Literal["breaching", "notBreaching", "missing"]


@dataclass(frozen=True)
class Rule:
    """One alarm. `minutes` of one-minute periods in a row must reach `threshold`."""

    name: str
    namespace: str
    metric: str
    statistic: str
    threshold: float
    minutes: int
    why: str
    #: What missing data means: a metric that counts events has none where there are no events.
    missing: Missing = "notBreaching"


#: Each instance. Source: EC2 user guide, "CloudWatch metrics that are available for your instances".
HOST = (
    Rule("system", "AWS/EC2", "StatusCheckFailed_System", "Maximum", 1, 2, "its machine at AWS is at fault"),
    Rule(
        "instance",
        "AWS/EC2",
        "StatusCheckFailed_Instance",
        "Maximum",
        1,
        3,
        "it answers no ARP",
        # A new host has no data yet. A stopped one has none either: the event rule `stopped` reports that.
        missing="missing",
    ),
    Rule(
        "attached-ebs",
        "AWS/EC2",
        "StatusCheckFailed_AttachedEBS",
        "Maximum",
        1,
        2,
        "a volume of it is unreachable",
    ),
)
#: Each database host: its own limit to all of its volumes, which may be lower than the volumes'.
MEMBER = (
    Rule(
        "ebs-iops",
        "AWS/EC2",
        "InstanceEBSIOPSExceededCheck",
        "Maximum",
        1,
        3,
        "its volumes get no more IOPS through it",
    ),
    Rule(
        "ebs-throughput",
        "AWS/EC2",
        "InstanceEBSThroughputExceededCheck",
        "Maximum",
        1,
        3,
        "its volumes get no more MiB/s through it",
    ),
)
#: Each EBS volume, under its host's and its own id. Source: Amazon EBS user guide, "CloudWatch metrics".
VOLUME = (
    Rule("stalled", "AWS/EBS", "VolumeStalledIOCheck", "Maximum", 1, 1, "it completes no request"),
    Rule("iops", "AWS/EBS", "VolumeIOPSExceededCheck", "Maximum", 1, 3, "more IOPS are asked than it has"),
    Rule(
        "throughput",
        "AWS/EBS",
        "VolumeThroughputExceededCheck",
        "Maximum",
        1,
        3,
        "more MiB/s are asked than it has",
    ),
)
#: The load balancer. Source: Application Load Balancers, "CloudWatch metrics".
BALANCER = (
    Rule("5xx", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum", 10, 2, "no web host could answer"),
    Rule("target-5xx", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", 50, 2, "web hosts fail"),
    Rule("slow", "AWS/ApplicationELB", "TargetResponseTime", "p99", 2, 5, "one in a hundred waits over 2 s"),
)
TARGETS = (
    Rule("unhealthy", "AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", 1, 2, "a web host is out"),
)
#: Each NAT gateway. Source: Amazon VPC user guide, "NAT gateway metrics and dimensions".
NAT = (
    Rule("ports", "AWS/NATGateway", "ErrorPortAllocation", "Sum", 1, 1, "no port is left to one destination"),
    Rule("drops", "AWS/NATGateway", "PacketsDropCount", "Sum", 100, 5, "it drops packets"),
)


class Alarms(Component):
    """`topic_arn`: where all alarms go. The address must confirm its subscription once, by a link in a
    mail."""

    def __init__(
        self,
        naming: Naming,
        settings: Aws,
        key_arn: pulumi.Input[str],
        network: Network,
        edge: Edge,
        instances: Mapping[str, aws.ec2.Instance],
        volumes: Mapping[str, Mapping[str, aws.ebs.Volume]],
        members: tuple[str, ...],
        options: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(naming, "Alarms", options)
        self.topic_arn = self._topic(settings, key_arn)
        for host, instance in instances.items():
            rules = (*HOST, *MEMBER) if host in members else HOST
            for rule in rules:
                self._alarm(rule, (host,), {"InstanceId": instance.id})
            for volume, block in volumes.get(host, {}).items():
                for rule in VOLUME:
                    self._alarm(rule, (host, volume), {"InstanceId": instance.id, "VolumeId": block.id})
        balancer = {"LoadBalancer": edge.load_balancer_arn_suffix}
        for rule in BALANCER:
            self._alarm(rule, ("edge",), balancer)
        for rule in TARGETS:
            self._alarm(rule, ("edge",), {**balancer, "TargetGroup": edge.target_group_arn_suffix})
        for zone, gateway in network.nat_gateways.items():
            for rule in NAT:
                self._alarm(rule, ("nat", zone), {"NatGatewayId": gateway.id})
        self._events(
            members=[instances[name].id for name in members], hosts=[one.id for one in instances.values()]
        )
        self.register_outputs({"topicArn": self.topic_arn})

    def _topic(self, settings: Aws, key_arn: pulumi.Input[str]) -> pulumi.Output[str]:
        topic = aws.sns.Topic(
            self.naming.resource("alarms"),
            name=self.naming.resource("alarms"),
            # A key of its own, which the services that publish may use. Whoever publishes to an encrypted
            # topic must do it over TLS. Source: Amazon SNS, "Encryption at rest".
            kms_master_key_id=key_arn,
            tags=self.naming.tags(Name=self.naming.label("alarms"), Tier="control"),
            opts=self.of(),
        )
        aws.sns.TopicPolicy(
            self.naming.resource("alarms"),
            arn=topic.arn,
            policy=pulumi.Output.all(topic.arn, self.naming.account_id(self)).apply(
                lambda known: _publishers(*known)
            ),
            opts=self.of(),
        )
        aws.sns.TopicSubscription(
            self.naming.resource("alarms"),
            topic=topic.arn,
            protocol="email",
            endpoint=settings.alarm_email,
            opts=self.of(),
        )
        return topic.arn

    def _alarm(self, rule: Rule, of: tuple[str, ...], dimensions: Mapping[str, pulumi.Input[str]]) -> None:
        name = self.naming.resource(*of, rule.name)
        # A percentile is given in another field than the plain statistics.
        percentile = rule.statistic.startswith("p")
        aws.cloudwatch.MetricAlarm(
            name,
            name=name,
            alarm_description=f"{self.naming.label(*of)}: {rule.why}",
            namespace=rule.namespace,
            metric_name=rule.metric,
            dimensions=dimensions,
            statistic=None if percentile else rule.statistic,
            extended_statistic=rule.statistic if percentile else None,
            period=60,
            evaluation_periods=rule.minutes,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=rule.threshold,
            treat_missing_data=rule.missing,
            alarm_actions=[self.topic_arn],
            # No ok_actions: CloudWatch runs them when a new alarm gets its first data, a mail for each.
            tags=self.naming.tags(Name=self.naming.label(*of, rule.name)),
            opts=self.of(),
        )

    def _events(self, members: list[pulumi.Output[str]], hosts: list[pulumi.Output[str]]) -> None:
        """What AWS announces of database hosts, and that any host stops: a member's drives are then
        erased."""
        health = pulumi.Output.all(*members).apply(
            lambda ids: json.dumps(
                {
                    "source": ["aws.health"],
                    "detail-type": ["AWS Health Event"],
                    "detail": {
                        "service": ["EC2"],
                        "eventTypeCategory": ["scheduledChange"],
                        "affectedEntities": {"entityValue": ids},
                    },
                }
            )
        )
        stopped = pulumi.Output.all(*hosts).apply(
            lambda ids: json.dumps(
                {
                    "source": ["aws.ec2"],
                    "detail-type": ["EC2 Instance State-change Notification"],
                    "detail": {
                        "state": ["shutting-down", "stopped", "stopping", "terminated"],
                        "instance-id": ids,
                    },
                }
            )
        )
        for name, pattern in (("scheduled", health), ("stopped", stopped)):
            rule = aws.cloudwatch.EventRule(
                self.naming.resource(name),
                name=self.naming.resource(name),
                description=f"{self.naming.label('database')}: {name}",
                event_pattern=pattern,
                tags=self.naming.tags(Name=self.naming.label(name), Tier="database"),
                opts=self.of(),
            )
            aws.cloudwatch.EventTarget(
                self.naming.resource(name), rule=rule.name, arn=self.topic_arn, opts=self.of()
            )


def _publishers(topic: str, account: str) -> str:
    """CloudWatch may publish for this account, and EventBridge.

    EventBridge bears no condition: it names no source to SNS, so that one would never hold, and nothing be
    told. A stranger's rule that names this topic could mail noise, and read nothing. Source: Amazon
    EventBridge, "Using resource-based policies", "Amazon SNS permissions".
    """
    publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    return json.dumps(
        policy_document(
            {
                **publish,
                "Sid": "CloudWatch",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            },
            {**publish, "Sid": "EventBridge", "Principal": {"Service": "events.amazonaws.com"}},
        )
    )
